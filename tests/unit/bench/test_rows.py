"""Rows: what is derived, and that JSON keeps all of it."""

import json

import pytest

from trine.bench.rows import Limit, Results, Row, Side, fastest

LIMITS = [Limit("rounds", 18, 35), Limit("sent in all", 0.5, 0.45, "MB"), Limit("peak", None, 300, "MB")]
ROW = Row(
    "W1", "a query", "how", Side("trine", [1.0, 2.0, 4.0], 250, 18), Side("p", [20.0, 10.0, 80.0]), 10.0, "", LIMITS
)
ALONE = Row("K3", "a product", "", Side("auto", [1.0, 2.0]), None, 1.5, "pip install it")


def test_derived_figures():
    assert ROW.ratios == [20.0, 5.0, 20.0]
    assert ROW.ratio == 20.0
    assert ROW.met is True
    assert ROW.spread == pytest.approx(7.5 / 2 / 20)
    assert [limit.met for limit in LIMITS] == [True, False, None]
    assert (ALONE.ratio, ALONE.met) == (None, None)
    assert ALONE.spread == pytest.approx(0.5 / 2 / 1.5)
    assert Row("K3", "", "", Side("a", [1.0]), Side("b", [1.4]), 1.5).met is False


def test_json_keeps_every_sample_and_comes_back():
    results = Results({"processor": "x"}, "quick", "2026-01-02T03:04:05+00:00", "1.2", [ROW, ALONE])
    content = json.loads(json.dumps(results.to_json()))
    [row] = content["rows"]["W1"]
    assert (row["ratio"], row["bytes"], row["rounds"], row["met"]) == (20.0, 250, 18, True)
    assert row["ours"]["seconds"] == [1.0, 2.0, 4.0]
    assert row["theirs"]["seconds"] == [20.0, 10.0, 80.0]
    assert row["limits"][1] == {"what": "sent in all", "value": 0.5, "at_most": 0.45, "unit": "MB", "met": False}
    assert content["rows"]["K3"][0]["theirs"] is None
    assert content["machine"] == {"processor": "x"}
    assert Results.from_json(content).to_json() == results.to_json()


def test_the_fastest_other_side_is_that_of_the_smallest_ratio():
    slower = Row("W1", "", "", Side("trine", [1.0]), Side("q", [99.0]), 10.0)
    assert fastest([slower, ROW, ALONE]) is ROW
    assert fastest([ALONE]) is None
