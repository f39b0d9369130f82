"""Masked opening: party 1 learns x + r, parties 0 and 2 know r; truncation and comparison both start with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine import _core
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Round
from trine.ring.pack import packed_size

__all__ = ["Mask", "draw_mask", "open_masked"]


@dataclass(frozen=True, repr=False)
class Mask:
    """A uniform mask r that parties 0 and 2 have drawn from their common key; party 1 has no part in it.

    Attributes:
        r: the mask, at parties 0 and 2.
        pad: what this party hides its part by: r less a second mask at party 0, the second mask at party 2 (so that
            their sum is r); where only party 0 sends, r itself.
    """

    r: Ring | None = None
    pad: Ring | None = None


def draw_mask(party: Party, shape: tuple[int, ...], bits: int, additive: bool) -> Mask:
    """Draw r in [0, 2^bits), and what splits it between the two senders of additive parts; local."""
    if party.index == 1:
        return Mask()
    r = party.common(0).uint64(shape, bits)
    if not additive:
        return Mask(r, r if party.index == 0 else None)
    split = party.common(0).uint64(shape, bits)
    return Mask(r, split if party.index == 2 else np.asarray(r - split))


def open_masked(party: Party, x: Replicated | Ring, mask: Mask, bits: int, offset: int) -> Protocol[Ring]:
    """Party 1 learns c = x + offset + r modulo 2^bits, which is uniform to it; the others learn nothing.

    1 round; bits / 8 bytes an element for a replicated x, twice that for additive parts. (The masked opening of
    Escudero, Ghosh, Keller, Rachuri & Scholl, CRYPTO 2020, section 3, with a mask known to two parties.)

    Args:
        x: a replicated sharing, or this party's additive part of one.
        offset: a public constant.

    Returns:
        r at parties 0 and 2, in [0, 2^bits); at party 1 a number that is c modulo 2^bits.
    """
    size = packed_size(math.prod(x.shape), bits)
    replicated = isinstance(x, Replicated)
    if party.index == 1:
        senders = (0,) if replicated else (0, 2)
        received = yield Round({}, {sender: [size] for sender in senders})
        known = np.asarray((x.a + x.b if isinstance(x, Replicated) else x) + np.uint64(offset))
        for sender in senders:
            _core.bits_add_unpacked(received[sender][0], bits, known)
        return known
    assert mask.r is not None
    if mask.pad is None:
        yield Round({}, {})
        return mask.r
    message = np.empty(size, np.uint8)
    part = np.asarray(x.a if isinstance(x, Replicated) else x, order="C")
    _core.bits_pack_sum(part, mask.pad, bits, message)
    yield Round({1: [message]}, {})
    return mask.r
