"""The command: what it prints, and with which code it ends."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from trine import __version__, cli
from trine.demo import run
from trine.demo.run import DemoResult
from trine.errors import InputError, PartyLostError

ROW = {
    "actual": 7,
    "predicted": 7,
    "seconds": 0.0123,
    "computing_seconds": 0.01,
    "rounds": 18,
    "mesh_bytes": 236_758,
    "client_bytes": 12_848,
}
RESULT = DemoResult(0.5, [ROW], [700, *9 * [10]], 3 * [10 * [150]])


def trine(*arguments, **environment):
    return CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1", **environment}).invoke(cli.app, arguments)


def test_version():
    assert trine("--version").output == f"trine {__version__}\n"


@pytest.mark.parametrize("arguments", [("--help",), ("demo", "--help"), ("party", "--help"), ("bench", "--help")])
def test_help_has_an_example(arguments):
    result = trine(*arguments)
    assert result.exit_code == 0
    assert any(f"trine {example}" in result.output for example in ("demo", "party --id 0 --config", "bench --only K1"))


def test_demo_prints_a_table(monkeypatch):
    monkeypatch.setattr(run, "run_demo", lambda: RESULT)
    result = trine("demo")
    assert result.exit_code == 0
    assert "12.3 ms" in result.output
    assert "236.8 kB" in result.output
    assert "party 2 held" not in result.output
    verbose = trine("demo", "--verbose").output
    assert "party 2 held" in verbose
    assert "█" in verbose


def test_demo_prints_json(monkeypatch):
    monkeypatch.setattr(run, "run_demo", lambda: RESULT)
    assert '"correct": true' in trine("demo", "--json").output


def test_demo_fails_if_a_prediction_is_wrong(monkeypatch):
    wrong = DemoResult(0.5, [{**ROW, "predicted": 1}], [], [])
    monkeypatch.setattr(run, "run_demo", lambda: wrong)
    assert trine("demo").exit_code == 1


@pytest.mark.parametrize(
    ("error", "code"), [(PartyLostError(2, "party 2 has gone"), 1), (InputError("party 2 has gone"), 2)]
)
def test_an_error_is_one_line(monkeypatch, capsys, error, code):
    def fail():
        raise error

    monkeypatch.setattr(run, "run_demo", fail)
    monkeypatch.setattr(sys, "argv", ["trine", "demo"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == code
    assert capsys.readouterr().err == "error: party 2 has gone\n"
    monkeypatch.setattr(sys, "argv", ["trine", "--debug", "demo"])
    with pytest.raises(type(error)):
        cli.main()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["party", "--id", "3", "--config", "x"], 2, "--id"),
        (["party", "--id", "0", "--config", "/no/such.toml"], 1, "error: cannot read the cluster file /no/such.toml"),
        (["party", "--id", "0", "--config", "x", "--log-level", "loud"], 2, "'loud' is none of debug"),
        (["bench", "--only", "K8"], 2, "error: rows are K1, K2"),
        (["bench", "--only", "K1", "--peers", "/no/such"], 2, "error: /no/such has no <name>/peer.py"),
        (["bench", "--only", "K1", "--json", "/no/such/file"], 2, "error: cannot write /no/such/file"),
    ],
)
def test_wrong_arguments(arguments, code, complaint):
    command = [sys.executable, "-c", "from trine.cli import main; main()", *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == code
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr
