"""Timing by turns: all sides of a comparison in one run, so that a busy machine slows all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Pace", "alternate", "ratios", "spread", "timed"]

Timed = Callable[[], float]


@dataclass(frozen=True)
class Pace:
    """How many turns a comparison gets.

    Attributes:
        warm_up: turns before that, not counted.
        least: turns that are made however long they take.
        most: turns after which it ends, however short they were.
        seconds: no further turn begins after that time, once there are ``least``.
    """

    warm_up: int = 1
    least: int = 5
    most: int = 5
    seconds: float = 0.0


def timed(call: Callable[[], object], seconds: float = 0.0) -> Timed:
    """A function that calls again and again for at least so long, and returns the seconds that one call took."""

    def measure() -> float:
        calls, start = 0, time.perf_counter()
        while True:
            call()
            calls += 1
            passed = time.perf_counter() - start
            if passed >= seconds:
                return passed / calls

    return measure


def alternate(sides: Mapping[str, Timed], pace: Pace) -> dict[str, list[float]]:
    """Seconds of each side, turn by turn: A B C, A B C, ...

    Args:
        sides: each makes one measurement and returns its seconds; the order is that of the mapping.
        pace: how many turns.

    Returns:
        for each side as many samples as there were counted turns; sample i of all sides is from the same turn.
    """
    for _ in range(pace.warm_up):
        for measure in sides.values():
            measure()
    samples: dict[str, list[float]] = {name: [] for name in sides}
    start = time.perf_counter()
    for turn in range(pace.most):
        if turn >= pace.least and time.perf_counter() - start > pace.seconds:
            break
        for name, measure in sides.items():
            samples[name].append(measure())
    return samples


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """How many times our speed is theirs, turn by turn: above 1, we took less time."""
    return [their / our for our, their in zip(ours, theirs, strict=True)]


def spread(values: Sequence[float]) -> float:
    """Half the distance between the quartiles, as a part of the median: at 0.05, half lie within about 5 %."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / statistics.median(values)
