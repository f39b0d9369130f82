"""Truncation: dividing a shared number by a power of two, faithfully."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine import _core
from trine.errors import InputError
from trine.mpc.bits import to_planes, words
from trine.mpc.known import known_product
from trine.mpc.masked import Mask, draw_mask, open_masked
from trine.mpc.party import Party, Replicated, Ring, shares_of
from trine.mpc.rounds import Protocol, Round, compiled, dealt
from trine.ring.pack import packed_size, unpack

__all__ = ["TruncationRandomness", "draw_truncation", "quotient", "truncate"]

NO_BITS = np.empty(0, np.uint64)


@dataclass(repr=False)
class TruncationRandomness:
    """What one truncation uses up: it does not depend on the number, so it can be made ahead of it.

    Attributes:
        mask: hides the number from party 1.
        base: this party's part of what is known beforehand: at parties 0 and 2 minus the upper bits of r and the
            offset, share 0 of the result; at parties 1 and 2 the number that hides party 1's upper bits, share 2.
        bit: at party 1 a random bit, at parties 0 and 2 the top bit of r; planes.
        wrap: their product, once it has been dealt.
    """

    mask: Mask
    base: tuple[Ring, ...]
    bit: Ring
    shape: tuple[int, ...]
    excess: int
    wrap: Replicated | None = None

    def deal(self, party: Party) -> Protocol[None]:
        """Make the product of the two bits: 2 rounds, 3 e / 8 bytes an element; nothing if no bits are in excess."""
        if self.excess:
            self.wrap = yield from known_product(party, self.bit, self.shape, self.excess)

    @property
    def arrays(self) -> list[Ring | None]:
        """All of it, as ``_core.truncate_program`` takes it."""
        bases = [*self.base, None][:2]
        wrap = [None, None] if self.wrap is None else [self.wrap.a, self.wrap.b]
        return [self.mask.r, self.mask.pad, *bases, self.bit, *wrap]


def draw_truncation(
    party: Party, shape: tuple[int, ...], shift: int, width: int, out_width: int, *, additive: bool
) -> TruncationRandomness:
    """Draw the local half of a truncation's randomness; arguments and errors as in :func:`truncate`."""
    _check(shift, width)
    bits = width + 1
    excess = max(0, out_width - (bits - shift))
    mask = draw_mask(party, shape, bits, additive)
    base = [] if party.index == 0 else [party.common(2).uint64(shape, out_width)]
    bit = NO_BITS
    if mask.r is not None:
        base.append(np.asarray(np.negative(mask.r >> np.uint64(shift)) - np.uint64(1 << (width - 1 - shift))))
        if excess:
            bit = to_planes(mask.r, width, 1)[0]
    elif excess:
        bit = party.private.uint64(words(math.prod(shape)))
    return TruncationRandomness(mask, tuple(base), bit, shape, excess)


def truncate(
    party: Party,
    x: Replicated | Ring,
    shift: int,
    width: int = 63,
    out_width: int = 64,
    random: TruncationRandomness | None = None,
) -> Protocol[Replicated]:
    """x / 2^shift, off by less than one unit, for every x in [-2^(width-1), 2^(width-1) - 2^shift).

    The result is floor(x / 2^shift) or that plus one; the chance of the larger is the fraction cut off, so the
    expected error is zero. It never wraps around.

    2 rounds. Bits an element: width + 1 (twice for additive parts) + out_width + 3 e + 2 (if e > 0), where
    e = max(0, out_width - (width + 1 - shift)): 30.25 bytes for a product at the defaults with shift 16.

    The mask r is known to parties 0 and 2, c = x + 2^(width-1) + r to party 1. With C and R the upper bits of c and r,
    C - R is the quotient up to 2^(width+1-shift) times the wrap of the sum, and that wrap is
    (top bit of r) and not (top bit of c), since x + 2^(width-1) leaves the top bit free. (Escudero et al., CRYPTO 2020,
    section 5; Dalskov, Escudero & Keller, USENIX Security 2021, section 4.3.) The two top bits are multiplied by
    opening the second one hidden by a bit of party 1's whose product with the first was made beside the first round.

    Args:
        x: a replicated sharing, or this party's additive part (which need not be masked) of one.
        shift: bits to cut off, 1 to width - 1.
        width: signed bits that x is known to fit in, at most 63.
        out_width: the result is shared modulo 2^out_width.
        random: made ahead of time by :func:`draw_truncation` and dealt; drawn and dealt here if not given.

    Raises:
        InputError: shift or width is out of range.
    """
    _check(shift, width)

    def stepwise() -> Protocol[Replicated]:
        additive = not isinstance(x, Replicated)
        used = random or draw_truncation(party, x.shape, shift, width, out_width, additive=additive)

        def online() -> Protocol[Replicated]:
            known = yield from open_masked(party, x, used.mask, width + 1, 1 << (width - 1))
            top = to_planes(known, width, 1)[0] if party.index == 1 and used.excess else used.bit
            return (yield from quotient(party, known, top, used, shift, width, out_width))

        return (yield from online() if random else dealt(party, used, online()))

    def program(y: Replicated) -> _core.Program:
        formats = shift, width, out_width
        arrays = random.arrays if random else None
        return _core.truncate_program(party.index, party.generators, shares_of(x), *formats, arrays, y.a, y.b)

    return (yield from compiled(x.shape, program, stepwise()))


def _check(shift: int, width: int) -> None:
    if not 1 <= shift < width <= 63:
        raise InputError(f"cannot truncate {shift} bits of numbers of {width} bits: 1 <= shift < width <= 63 must hold")


def quotient(
    party: Party, known: Ring, top: Ring, random: TruncationRandomness, shift: int, width: int, out_width: int
) -> Protocol[Replicated]:
    """The second round of :func:`truncate`, from the masked opening to shares of the quotient.

    Args:
        known: c at party 1, as opened with ``width + 1`` bits and offset 2^(width-1).
        top: plane of the top bit of c (at party 1) or r.
    """
    shape, bits = known.shape, width + 1
    sizes = [packed_size(known.size, out_width), *([8 * words(known.size)] if random.excess else [])]
    flip = NO_BITS
    if party.index == 1:
        rest, message = np.empty(shape, np.uint64), np.empty(sizes[0], np.uint8)
        _core.round_share_upper(known, bits, shift, random.base[0], out_width, rest, message)
        flips = []
        if random.excess:
            flip = ~(top ^ random.bit)
            flips = [flip.view(np.uint8)]
        yield Round({0: [message, *flips], 2: flips} if flips else {0: [message]}, {})
        bases = rest, random.base[0]
    elif party.index == 0:
        received = yield Round({}, {1: sizes})
        bases = random.base[0], unpack(received[1][0], shape, out_width)
    else:
        received = yield Round({}, {1: sizes[1:]} if random.excess else {})
        bases = random.base[0], random.base[1]
    if not random.excess:
        return Replicated(*bases)
    if party.index != 1:
        flip = received[1][-1].view(np.uint64)
    # wrap = top(r) * bit and flip = not top(c) xor bit: their combination is top(r) * not top(c), share 0 has the rest
    assert random.wrap is not None
    tops = {0: (top, NO_BITS), 1: (NO_BITS, NO_BITS), 2: (NO_BITS, top)}[party.index]
    for base, wrap, own in zip(bases, (random.wrap.a, random.wrap.b), tops, strict=True):
        _core.round_quotient(base, wrap, flip, own, bits - shift, base)
    return Replicated(*bases)
