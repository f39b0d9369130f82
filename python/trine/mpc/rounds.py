"""A protocol as a generator: it yields what to send and what to expect, and is resumed with what came.

Every party runs the same generator function in the same rounds, so protocols that do not depend on one another can
share their rounds (:func:`together`), and whoever drives them, one process with all three parties or
three hosts, is no concern of theirs.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from trine.net import Bytes

__all__ = ["Protocol", "Received", "Round", "together"]

T = TypeVar("T")


class Round(NamedTuple):
    """What one party does in one round of communication.

    Attributes:
        send: for each peer, the pieces of the message for it.
        expect: for each peer, the sizes in bytes of the pieces that will come from it.
    """

    send: Mapping[int, Sequence[Bytes]]
    expect: Mapping[int, Sequence[int]]


Received = Mapping[int, Sequence[Bytes]]
Protocol = Generator[Round, Received, T]


def together(*protocols: Protocol[Any]) -> Protocol[list[Any]]:
    """Run independent protocols side by side: round n of the whole is round n of each that still runs.

    Returns:
        the protocols' results, in order.
    """
    results: list[Any] = [None] * len(protocols)
    running: dict[int, Round] = {}

    def advance(index: int, received: Received | None) -> None:
        try:
            running[index] = next(protocols[index]) if received is None else protocols[index].send(received)
        except StopIteration as finished:
            running.pop(index, None)
            results[index] = finished.value

    for index in range(len(protocols)):
        advance(index, None)
    while running:
        send: dict[int, list[Bytes]] = {}
        expect: dict[int, list[int]] = {}
        for turn in running.values():
            for peer, parts in turn.send.items():
                send.setdefault(peer, []).extend(parts)
            for peer, sizes in turn.expect.items():
                expect.setdefault(peer, []).extend(sizes)
        received = yield Round(send, expect)
        pieces = {peer: iter(parts) for peer, parts in received.items()}
        for index, turn in list(running.items()):
            advance(index, {peer: [next(pieces[peer]) for _ in sizes] for peer, sizes in turn.expect.items()})
    return results
