"""A protocol as a generator: it yields what to send and what to expect, and is resumed with what came.

It may also yield a :class:`Compiled` protocol, which whoever drives it runs in compiled code or, if it cannot, as the
generator that it stands for; it is resumed with the result.

Every party runs the same generator function in the same rounds, so protocols that do not depend on one another can
share their rounds (:func:`together`), and whoever drives them, one process with all three parties or
three hosts, is no concern of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from typing import Protocol as Interface

from trine import _core
from trine.mpc.party import Party, Replicated
from trine.net import Bytes

__all__ = [
    "Compiled",
    "Protocol",
    "Randomness",
    "Received",
    "Round",
    "compiled",
    "dealt",
    "interpreted",
    "joined",
    "parted",
    "together",
]

T = TypeVar("T")
# Elements beyond which a generator is as fast, and better: it gives back what it has used, a program keeps it all.
LARGE = 1 << 16


class Round(NamedTuple):
    """What one party does in one round of communication.

    Attributes:
        send: for each peer, the pieces of the message for it.
        expect: for each peer, the sizes in bytes of the pieces that will come from it.
    """

    send: Mapping[int, Sequence[Bytes]]
    expect: Mapping[int, Sequence[int]]


@dataclass(frozen=True, repr=False)
class Compiled:
    """A protocol that compiled code can run from its first message to its last, and leaves shares of numbers.

    Attributes:
        shape: of the result.
        program: makes the program that writes its shares into the arrays of the argument.
        protocol: the same protocol as a generator, not begun: the same messages, the same bits.
    """

    shape: tuple[int, ...]
    program: Callable[[Replicated], _core.Program]
    protocol: Protocol[Replicated]


Received = Mapping[int, Sequence[Bytes]]
Protocol = Generator[Round | Compiled, Any, T]


class Randomness(Interface):
    """What a protocol uses up and could have been made before its input was there; good for one use.

    The parties draw it without talking; some of it is then dealt, in messages of its own.
    """

    def deal(self, party: Party) -> Protocol[None]:
        """Finish it together with the other parties."""
        ...


def compiled(
    shape: tuple[int, ...], program: Callable[[Replicated], _core.Program], protocol: Protocol[Replicated]
) -> Protocol[Replicated]:
    """Ask for a protocol to be run as a :class:`Compiled` one, unless it is so large that Python does not show."""
    if math.prod(shape) > LARGE:
        return (yield from protocol)
    result: Replicated = yield Compiled(shape, program, protocol)
    return result


def interpreted(
    protocol: Protocol[T], run: Callable[[Compiled], Replicated] | None = None
) -> Generator[Round, Received, T]:
    """The protocol as its rounds alone; compiled protocols on the way are left to ``run``, or run as generators."""
    received: Any = None
    while True:
        try:
            turn = protocol.send(received)
        except StopIteration as finished:
            result: T = finished.value
            return result
        if not isinstance(turn, Compiled):
            received = yield turn
        else:
            received = run(turn) if run else (yield from interpreted(turn.protocol))


def dealt(party: Party, random: Randomness, online: Protocol[T]) -> Protocol[T]:
    """Run a protocol beside the dealing of its randomness, each part of which is there by the time it is needed."""
    result: T
    _, result = yield from together(random.deal(party), online)
    return result


def together(*protocols: Protocol[Any]) -> Protocol[list[Any]]:
    """Run independent protocols side by side: round n of the whole is round n of each that still runs.

    Returns:
        the protocols' results, in order.
    """
    results: list[Any] = [None] * len(protocols)
    running = []
    for index, protocol in enumerate(map(interpreted, protocols)):
        try:
            running.append((index, protocol, next(protocol)))
        except StopIteration as finished:
            results[index] = finished.value
    while len(running) > 1:
        turns = [turn for _, _, turn in running]
        received = yield joined(turns)
        still = []
        for (index, protocol, _), mine in zip(running, parted(turns, received), strict=True):
            try:
                still.append((index, protocol, protocol.send(mine)))
            except StopIteration as finished:
                results[index] = finished.value
        running = still
    for index, protocol, turn in running:  # the last one left needs no joining
        received = yield turn
        while True:
            try:
                received = yield protocol.send(received)
            except StopIteration as finished:
                results[index] = finished.value
                break
    return results


def joined(turns: Sequence[Round]) -> Round:
    """One round's messages of several protocols, as one."""
    send, expect = dict(turns[0].send), dict(turns[0].expect)
    for turn in turns[1:]:
        for peer, parts in turn.send.items():
            send[peer] = [*send[peer], *parts] if peer in send else parts
        for peer, sizes in turn.expect.items():
            expect[peer] = [*expect[peer], *sizes] if peer in expect else sizes
    return Round(send, expect)


def parted(turns: Sequence[Round], received: Received) -> Iterator[Received]:
    """For each of several protocols whose messages travelled as one, those that are for it."""
    taken = dict.fromkeys(received, 0)
    for turn in turns:
        mine = {}
        for peer, sizes in turn.expect.items():
            begin = taken[peer]
            taken[peer] = end = begin + len(sizes)
            mine[peer] = received[peer][begin:end]
        yield mine
