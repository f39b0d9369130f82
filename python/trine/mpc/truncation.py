"""Truncation: dividing a shared number by a power of two, faithfully."""

from __future__ import annotations

import math

import numpy as np

from trine.errors import InputError
from trine.mpc.arithmetic import add_public, split_known, times_known
from trine.mpc.masked import draw_mask, open_masked
from trine.mpc.party import Party, Replicated, Ring, place
from trine.mpc.rounds import Protocol, Round, together
from trine.ring.pack import pack, packed_size, unpack

__all__ = ["draw_private_bits", "quotient", "truncate"]

ONE = np.uint64(1)


def truncate(
    party: Party, x: Replicated | Ring, shift: int, width: int = 63, out_width: int = 64
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
    opening the second one hidden by a bit of party 1's whose product with the first was prepared in the first round.

    Args:
        x: a replicated sharing, or this party's additive part (which need not be masked) of one.
        shift: bits to cut off, 1 to width - 1.
        width: signed bits that x is known to fit in, at most 63.
        out_width: the result is shared modulo 2^out_width.

    Raises:
        InputError: shift or width is out of range.
    """
    if not 1 <= shift < width <= 63:
        raise InputError(f"cannot truncate {shift} bits of numbers of {width} bits: 1 <= shift < width <= 63 must hold")
    shape, bits = x.shape, width + 1
    excess = max(0, out_width - (bits - shift))
    mask = draw_mask(party, shape, bits)
    hidden = draw_private_bits(party, shape)
    opening = open_masked(party, x, mask, bits, 1 << (width - 1))
    if not excess:
        [known] = yield from together(opening)
        half = None
    else:
        known, half = yield from together(opening, split_known(party, hidden, shape, excess))
    return (yield from quotient(party, known, hidden, half, shift, width, out_width))


def quotient(
    party: Party, known: Ring, hidden: Ring | None, half: Ring | None, shift: int, width: int, out_width: int
) -> Protocol[Replicated]:
    """The second round of :func:`truncate`, from the masked opening to shares of the quotient.

    Args:
        known: c at party 1, r at parties 0 and 2, as opened with ``width + 1`` bits and offset 2^(width-1).
        hidden: party 1's bits.
        half: parties 0 and 2's halves of them modulo 2^excess.
    """
    shape, bits = known.shape, width + 1
    excess = max(0, out_width - (bits - shift))
    top = known >> np.uint64(bits - 1)
    result: Replicated
    opened = _share_upper(party, known >> np.uint64(shift), out_width)
    if not excess:
        [result] = yield from together(opened)
    else:
        opposite = None if hidden is None else (ONE - top) ^ hidden
        result, wrap, flip = yield from together(
            opened,
            times_known(party, half, None if party.index == 1 else top, shape, excess),
            _announce(party, opposite, shape),
        )
        # wrap = top(r) * hidden and flip = not top(c) xor hidden: their combination is top(r) * not top(c)
        sign = ONE - (flip << ONE)
        wrap = wrap.map(lambda share: share * sign) + place(party, 0, top * flip, shape)
        result = result + wrap.map(lambda share: share << np.uint64(bits - shift))
    return add_public(party, result, np.negative(np.full(shape, 1 << (width - 1 - shift), np.uint64)))


def draw_private_bits(party: Party, shape: tuple[int, ...]) -> Ring | None:
    """Random bits (0 or 1) that only party 1 knows; None elsewhere."""
    if party.index != 1:
        return None
    words = party.private.uint64((math.prod(shape) + 63) // 64)
    return (
        np.unpackbits(words.view(np.uint8), count=math.prod(shape), bitorder="little").astype(np.uint64).reshape(shape)
    )


def _share_upper(party: Party, upper: Ring, width: int) -> Protocol[Replicated]:
    """Shares of C - R, where party 1 knows C and parties 0 and 2 know R: 1 round, ``width`` bits an element."""
    shape = upper.shape
    if party.index == 1:
        pad = party.common(2).uint64(shape)
        rest = upper - pad
        yield Round({0: [pack(rest, width)]}, {})
        return Replicated(rest, pad)
    minus = np.negative(upper)
    if party.index == 0:
        received = yield Round({}, {1: [packed_size(math.prod(shape), width)]})
        return Replicated(minus, unpack(received[1][0], shape, width))
    pad = party.common(2).uint64(shape)
    yield Round({}, {})
    return Replicated(pad, minus)


def _announce(party: Party, bits: Ring | None, shape: tuple[int, ...]) -> Protocol[Ring]:
    """Party 1 tells the others bits that it has hidden by private ones: 1 round, 2 bits an element."""
    if bits is not None:
        packed = pack(bits, 1)
        yield Round({0: [packed], 2: [packed]}, {})
        return bits
    received = yield Round({}, {1: [packed_size(math.prod(shape), 1)]})
    return unpack(received[1][0], shape, 1)
