"""``trine bench``, as a user calls it."""

import json

import pytest
from typer.testing import CliRunner

from trine import cli
from trine.bench import mode


@pytest.fixture
def bench(monkeypatch, tiny):
    monkeypatch.setattr(mode, "QUICK", tiny)
    runner = CliRunner(env={"COLUMNS": "140", "NO_COLOR": "1"})
    return lambda *arguments: runner.invoke(cli.app, ["bench", *arguments])


def test_a_table_on_standard_output(bench):
    result = bench("--only", "k4,k6", "--quick")
    assert result.exit_code == 0
    for expected in ("conv2d, batch 2", "add, 1,000 elements", "numpy float64 add", ">= 0.8", "K6: Against a memory"):
        assert expected in result.stdout
    assert "K1" not in result.stdout.split("K4: ")[0]


def test_json_in_a_file(bench, tmp_path):
    file = tmp_path / "out.json"
    assert bench("--only", "K6", "--json", str(file)).exit_code == 0
    content = json.loads(file.read_text())
    assert list(content["rows"]) == ["K6"]
    assert [row["what"][:3] for row in content["rows"]["K6"]] == ["add", "sub", "mul"]
    assert content["mode"] == "tiny"
    assert content["machine"]["processor"]
