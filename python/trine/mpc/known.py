"""Products of a bit that party 1 knows with a bit that parties 0 and 2 know, as shared numbers."""

from __future__ import annotations

import math

import numpy as np

from trine import _core
from trine.mpc.bits import planes_to_values
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Round
from trine.ring.pack import pack, packed_size, unpack

__all__ = ["known_product"]


def known_product(
    party: Party, plane: Ring, shape: tuple[int, ...], width: int, *, signs: bool = False
) -> Protocol[Replicated]:
    """Party 1's bit times the bit of parties 0 and 2 (or times 1 - 2 bit, if ``signs``), modulo 2^width.

    2 rounds, 3 * width / 8 bytes an element. First party 1 splits its bit into two halves: party 2's comes from the
    key that the two have in common, which hides the other from party 0. Then parties 0 and 2 multiply their
    halves and exchange the results, masked by keys 1 and 2, of which each lacks the other's; party 1 sees nothing.

    Args:
        plane: a bit for each element, uint64 of ``words(n)``: party 1's own, or that of parties 0 and 2.
        shape: of the result, n elements.
    """
    size = packed_size(math.prod(shape), width)
    if party.index == 1:
        rest = planes_to_values(plane, shape)
        party.common(2).subtract(rest, width)
        shares = Replicated(party.common(1).uint64(shape, width), party.common(2).uint64(shape, width))
        yield Round({0: [pack(rest, width)]}, {})
        yield Round({}, {})
        return shares
    if party.index == 2:
        half = party.common(2).uint64(shape, width)
        pad = party.common(2).uint64(shape, width)
        yield Round({}, {})
    else:
        pad = party.common(1).uint64(shape, width)
        received = yield Round({}, {1: [size]})
        half = unpack(received[1][0], shape, width)
    message = np.empty(size, np.uint8)
    _core.round_times_known(half, plane, pad, signs, width, half, message)
    peer = 2 - party.index
    received = yield Round({peer: [message]}, {peer: [size]})
    _core.bits_add_unpacked(received[peer][0], width, half)
    return Replicated(half, pad) if party.index == 0 else Replicated(pad, half)
