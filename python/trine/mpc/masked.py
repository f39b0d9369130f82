"""Masked opening: party 1 learns x + r, parties 0 and 2 know r; truncation and comparison both start with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Round
from trine.ring.pack import low_bits, pack, packed_size, unpack

__all__ = ["Mask", "draw_mask", "open_masked"]


@dataclass(frozen=True)
class Mask:
    """A uniform mask r that parties 0 and 2 have drawn from their common key; party 1 has no part in it."""

    r: Ring | None
    split: Ring | None


def draw_mask(party: Party, shape: tuple[int, ...], bits: int) -> Mask:
    """Draw r in [0, 2^bits), and a second mask that splits it between the two senders; local."""
    if party.index == 1:
        return Mask(None, None)
    r, split = party.common(0).uint64(shape), party.common(0).uint64(shape)
    return Mask(low_bits(r, bits), split)


def open_masked(party: Party, x: Replicated | Ring, mask: Mask, bits: int, offset: int) -> Protocol[Ring]:
    """Party 1 learns c = x + offset + r modulo 2^bits, which is uniform to it; the others learn nothing.

    1 round; bits / 8 bytes an element for a replicated x, twice that for additive parts. (The masked opening of
    Escudero, Ghosh, Keller, Rachuri & Scholl, CRYPTO 2020, section 3, with a mask known to two parties.)

    Args:
        x: a replicated sharing, or this party's additive part of one.
        offset: a public constant.

    Returns:
        c at party 1, r at parties 0 and 2, both in [0, 2^bits).
    """
    shape = x.shape
    size = packed_size(math.prod(shape), bits)
    if isinstance(x, Replicated):
        if party.index == 1:
            received = yield Round({}, {0: [size]})
            return low_bits(x.a + x.b + unpack(received[0][0], shape, bits) + np.uint64(offset), bits)
        assert mask.r is not None
        yield Round({1: [pack(x.a + mask.r, bits)]} if party.index == 0 else {}, {})
        return mask.r
    if party.index == 1:
        received = yield Round({}, {0: [size], 2: [size]})
        return low_bits(
            x + unpack(received[0][0], shape, bits) + unpack(received[2][0], shape, bits) + np.uint64(offset), bits
        )
    assert mask.r is not None
    assert mask.split is not None
    part = x + mask.r - mask.split if party.index == 0 else x + mask.split
    yield Round({1: [pack(part, bits)]}, {})
    return mask.r
