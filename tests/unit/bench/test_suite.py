"""A whole run at small sizes: all rows, with samples on both sides or a reason."""

import json
import os
import shutil

import pytest

from trine.bench import kernels, suite
from trine.bench.report import to_json
from trine.bench.suite import ROWS, choose, run
from trine.errors import InputError


@pytest.fixture
def openssl(monkeypatch, tmp_path):
    """A program that has measured already: a gibibyte in a second."""
    program = tmp_path / "openssl"
    program.write_text("#!/bin/sh\necho +H:16384\necho +F:25:AES-128-CTR:1073741824.00\n")
    os.chmod(program, 0o755)
    monkeypatch.setattr(kernels.shutil, "which", lambda name: str(program))
    return program


def test_json_has_all_rows_with_all_samples(tiny, openssl, peers):
    peers.add("one")
    steps = []
    results = run(mode=tiny, peers=peers.directory, on_step=lambda *step: steps.append(step))
    content = json.loads(to_json(results))
    assert list(content["rows"]) == list(ROWS)
    assert [step[0] for step in steps] == [*ROWS[:7], *(f"{name} beside one" for name in ROWS[7:])]
    assert [step[1:] for step in steps] == [(i, len(ROWS)) for i in range(len(ROWS))]
    for name, rows in content["rows"].items():
        for row in rows:
            assert len(row["ours"]["seconds"]) == 2
            assert row["theirs"] is None or len(row["ratios"]) == 2
            assert (row["theirs"] is None) == bool(row["missing"])
            assert (row["bytes"] is None) == (row["rounds"] is None) == name.startswith("K")
    assert {row["ours"]["name"] for row in content["rows"]["K6"]} == {"auto"}
    assert content["rows"]["K5"][0]["theirs"]["seconds"] == [tiny.fill / 2**30] * 2
    [w1], [w2], [w5] = (content["rows"][name] for name in ("W1", "W2", "W5"))
    assert [limit["what"] for limit in w1["limits"]] == ["rounds", "sent in all"]
    assert w2["limits"][1]["what"] == "peak memory of a party"
    assert w5["limits"][0]["value"] == w5["bytes"] / tiny.relu
    assert w1["ours"]["max_error"] < 0.01
    assert w5["ours"]["max_error"] == 0.0


def test_without_other_software_trine_s_own_time_is_given(tiny, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(kernels.Kernels, "_ask", lambda self, rival, size: {"missing": f"pip install {rival}"})
    monkeypatch.setattr(suite, "PEERS", suite.PEERS / "none")
    rows = run(["K3", "K5", "W5"], tiny).rows
    assert [row.theirs for row in rows] == [None] * 3
    assert rows[0].missing == "pip install flint"
    assert "apt-get install openssl" in rows[1].missing
    assert "setup.sh" in rows[2].missing
    assert all(len(row.ours.seconds) == 2 for row in rows)


def test_an_openssl_that_cannot_tell_is_as_none(tiny, openssl):
    openssl.write_text("#!/bin/sh\necho unknown option -mr >&2\nexit 1\n")
    [row] = run(["K5"], tiny).rows
    assert row.theirs is None


def test_rows_are_chosen_by_name():
    assert choose(None) == list(ROWS)
    assert choose("w5,K1 , w1") == ["K1", "W1", "W5"]
    for wrong in ("K9", "K1,W3", "", ","):
        with pytest.raises(InputError, match="rows are K1, K2, "):
            choose(wrong)
