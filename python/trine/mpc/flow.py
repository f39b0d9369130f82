"""Protocols that take one another's results, each run from the round in which those are there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from trine.mpc.rounds import Protocol, Received, Round, interpreted, joined, parted

__all__ = ["Task", "flow"]


class Task(NamedTuple):
    """A protocol to be started.

    Attributes:
        inputs: numbers of the values it takes.
        start: begins it, given those values; where it is local, does the whole of it.
        local: whether it has no rounds, and ``start`` returns its value.
    """

    inputs: Sequence[int]
    start: Callable[..., Any]
    local: bool = False


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
        for value in task.inputs:
            takers[value] += 1
    waiting = list(range(len(tasks)))
    running: list[tuple[int, Generator[Round, Received, Any], Round]] = []

    def begun() -> list[tuple[int, Protocol[Any]]]:
        """Do what is local and has all it takes; the protocols that have it too."""
        protocols = []
        for index in waiting.copy():  # what a local task gives is there for those after it
            inputs, start, local = tasks[index]
            if not all(value in values for value in inputs):
                continue
            waiting.remove(index)
            taken = [values[value] for value in inputs]
            for value in inputs:
                takers[value] -= 1
                if not takers[value]:
                    del values[value]
            if local:
                values[index + 1] = start(*taken)
            else:
                protocols.append((index, start(*taken)))
        return protocols

    def resume(index: int, protocol: Generator[Round, Received, Any], received: Received | None) -> None:
        try:
            turn = protocol.send(received)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as finished:
            values[index + 1] = finished.value
        else:
            running.append((index, protocol, turn))

    while True:
        ready = begun()
        if len(ready) == 1 and not running:  # nothing else can go on before this one's end
            values[ready[0][0] + 1] = yield from ready[0][1]
            continue
        for index, protocol in ready:
            resume(index, interpreted(protocol), None)
        if not running and ready:  # all of them had no rounds
            continue
        if not running:
            return values[len(tasks)]
        turns = running.copy()
        running.clear()
        rounds = [turn for _, _, turn in turns]
        received = yield joined(rounds)
        for (index, protocol, _), mine in zip(turns, parted(rounds, received), strict=True):
            resume(index, protocol, mine)
