"""Protocols that take one another's results, each run from the round in which those are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from trine.mpc.rounds import Protocol, Received, Round, joined, parted

__all__ = ["Task", "flow"]


class Task(NamedTuple):
    """A protocol to be started.

    Attributes:
        inputs: numbers of the values it takes.
        start: begins it, given those values.
    """

    inputs: Sequence[int]
    start: Callable[..., Protocol[Any]]


def flow(given: Any, tasks: Sequence[Task]) -> Protocol[Any]:
    """Run tasks in as few rounds as their longest chain takes: what does not depend on one another shares rounds.

    All parties start every task in the same round and, within one, in the order of the tasks, so that their draws from
    common keys stay in step. A value is let go as soon as every task that takes it has been started.

    Args:
        given: value 0.
        tasks: task i gives value i + 1 and takes values up to i.

    Returns:
        the last task's result.
    """
    values: dict[int, Any] = {0: given}
    takers = [0] * (len(tasks) + 1)
    for task in tasks:
        for value in set(task.inputs):
            takers[value] += 1
    waiting = list(range(len(tasks)))
    running: list[tuple[int, Protocol[Any], Round]] = []

    def resume(index: int, protocol: Protocol[Any], received: Received | None) -> None:
        try:
            turn = protocol.send(received)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as finished:
            values[index + 1] = finished.value
        else:
            running.append((index, protocol, turn))

    def start() -> None:
        for index in list(waiting):  # what a local task gives is there for those after it
            inputs, begin = tasks[index]
            if all(value in values for value in inputs):
                waiting.remove(index)
                taken = [values[value] for value in inputs]
                for value in set(inputs):
                    takers[value] -= 1
                    if not takers[value]:
                        del values[value]
                resume(index, begin(*taken), None)

    start()
    while running:
        turns, before = running, len(values)
        running = []
        if len(turns) == 1:
            index, protocol, turn = turns[0]
            resume(index, protocol, (yield turn))
        else:
            rounds = [turn for _, _, turn in turns]
            received = yield joined(rounds)
            for (index, protocol, _), mine in zip(turns, parted(rounds, received), strict=True):
                resume(index, protocol, mine)
        if len(values) > before:
            start()
    return values[len(tasks)]
