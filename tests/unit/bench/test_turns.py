"""Turns, and the figures made of them."""

import itertools

import pytest

from trine.bench import turns
from trine.bench.turns import Pace, alternate, ratios, spread, timed


def scripted(log, name, seconds):
    values = iter(seconds)

    def measure():
        log.append(name)
        return next(values)

    return measure


def test_sides_take_turns_and_the_warm_up_does_not_count():
    log = []
    sides = {"a": scripted(log, "a", [9, 1, 2]), "b": scripted(log, "b", [9, 3, 4])}
    assert alternate(sides, Pace(warm_up=1, least=2, most=2)) == {"a": [1, 2], "b": [3, 4]}
    assert log == ["a", "b"] * 3


@pytest.mark.parametrize(
    ("pace", "turns_made"),
    [
        (Pace(0, least=3, most=9, seconds=0.0), 3),  # out of time at once: the least
        (Pace(0, least=3, most=9, seconds=1e9), 9),
        (Pace(0, least=3, most=9, seconds=4.5), 5),
    ],
)
def test_time_ends_the_turns_between_least_and_most(monkeypatch, pace, turns_made):
    clock = itertools.count()
    monkeypatch.setattr(turns.time, "perf_counter", lambda: next(clock) * 1.0)
    # The clock is read at the start and before each turn from the least on.
    made = len(alternate({"a": lambda: 1.0}, pace)["a"])
    assert made == turns_made if pace.seconds != 4.5 else 3 < made < 9


def test_a_sample_is_the_mean_of_calls_in_the_given_time(monkeypatch):
    clock = iter([0.0, 0.4, 0.8, 1.2])
    monkeypatch.setattr(turns.time, "perf_counter", lambda: next(clock))
    calls = []
    assert timed(lambda: calls.append(1), seconds=1.0)() == pytest.approx(0.4)
    assert len(calls) == 3


def test_ratios_are_taken_turn_by_turn():
    # The machine was three times slower in the second turn, for both.
    assert ratios([1.0, 3.0], [10.0, 30.0]) == [10.0, 10.0]
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        ratios([1.0, 2.0], [1.0])


def test_spread():
    assert spread([5.0]) == 0.0
    assert spread([2.0, 2.0, 2.0]) == 0.0
    assert spread([8.0, 9.0, 10.0, 11.0, 12.0]) == pytest.approx(0.1)
    assert spread([8.0, 9.0, 10.0, 11.0, 1000.0]) == pytest.approx(0.1)  # one outlier moves nothing
