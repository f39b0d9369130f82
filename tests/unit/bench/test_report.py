"""The table: what a reader finds in it."""

import io

import pytest
from rich.console import Console

from trine.bench import machine
from trine.bench.report import lines, notes, print_results, seconds
from trine.bench.rows import Limit, Results, Row, Side


def row(identity, other=None, goal=10.0, limits=(), missing="", ours="trine"):
    theirs = None if other is None else Side(other[0], [other[1]])
    return Row(identity, "a query", f"about {identity[0]}", Side(ours, [0.01]), theirs, goal, missing, limits)


def test_only_the_fastest_peer_decides():
    limits = [Limit("rounds", 18, 35), Limit("memory", None, 300, "MB")]
    found = list(lines([row("W1", ("slow", 2.0), limits=limits), row("W1", ("quick", 0.05), limits=limits)]))
    assert [met for _, met in found] == [None, False, True, None]
    assert found[0][0] == ("W1", "a query", "10.0 ms trine", "2.00 s slow", "200", ">= 10", "0.0%")
    assert found[1][0][3] == "50.0 ms quick*"
    assert found[2][0] == ("W1", "rounds", "18", "", "", "<= 35", "")
    assert found[3][0][2] == "not known here"


def test_each_kernel_row_decides_for_itself():
    found = list(
        lines([row("K2", ("a", 1.0), 15.0), row("K2", ("b", 1.0), 225.0), row("K3", missing="pip install it")])
    )
    assert [met for _, met in found] == [True, False, None]
    assert found[2][0][3:5] == ("pip install it", "")


def test_notes_are_said_once():
    assert notes([row("K1"), row("K2"), row("W1"), row("K1")]) == [("K1, K2", "about K"), ("W1", "about W")]


@pytest.mark.parametrize(
    ("value", "text"), [(31.0, "31.0 s"), (0.5, "500 ms"), (0.0123, "12.3 ms"), (4.2e-6, "4.20 us"), (1e-9, "0.00 us")]
)
def test_times_have_the_unit_that_suits_them(value, text):
    assert seconds(value) == text


def test_what_is_printed_names_the_machine():
    results = Results(machine.describe(), "quick", "2026-01-02T03:04:05+00:00", "1.2", [row("W1", ("p", 0.5))])
    console = Console(file=io.StringIO(), width=160)
    print_results(results, console)
    text = console.file.getvalue()
    assert results.machine["processor"] in text
    assert "trine 1.2, quick benchmark, 2026-01-02" in text
    assert "50.00" in text
    assert "W1: about W" in text
