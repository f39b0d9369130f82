"""Division of one shared number by another."""

from __future__ import annotations

import numpy as np

from trine.errors import InputError
from trine.mpc.arithmetic import local_product, multiply, reshare
from trine.mpc.functions.leading import DIGIT, Octaves, find_leading
from trine.mpc.functions.linear import combine, dot_part, ring_table, stack
from trine.mpc.functions.normalised import normalise
from trine.mpc.functions.roots import BITS, RECIPROCAL, polynomial
from trine.mpc.party import Party, Replicated
from trine.mpc.rounds import Protocol, together
from trine.mpc.truncation import truncate

__all__ = ["LAST", "divide", "inverse_bits", "shifts"]

LAST = 15  # bits that the last truncation cuts off


def divide(
    party: Party, x: Replicated, y: Replicated, width: int, y_width: int, fraction: int = 16, out_width: int = 64
) -> Protocol[Replicated]:
    """x / y, wherever the quotient fits (|x / y| < 2^(46 - fraction)); x / 0 is 0. Shapes broadcast.

    Error: below 2^(1-p) |x / y| and 1.2 units, where p = min(22, 62 - width): a relative precision, however small or
    large the numbers are. Rounds and bytes: :func:`trine.mpc.functions.cost.divide`.

    With y = u 2^j units, x / u is exact to p bits but may have to be moved by any number of bits to either side, and
    does not fit with all of them. So it is truncated for each upper digit of j, and the one that
    is right moved by the lower digit.

    Args:
        width: signed bits that x is known to fit in, at most 55.
        y_width: the same for y, at most 57.
    """
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = (z.map(lambda s: np.ascontiguousarray(np.broadcast_to(s, shape)).reshape(-1)) for z in (x, y))
    octaves = Octaves(y_width, 0, y_width - 1, signed=True)
    bits = inverse_bits(width)
    found = yield from find_leading(party, y, octaves)

    def inverse() -> Protocol[Replicated]:
        u = yield from normalise(party, y, found, octaves, BITS)
        return (yield from polynomial("reciprocal").value(party, u, bits))

    def factors() -> Protocol[Replicated]:
        falling = ring_table([[1 << (octaves.lower - 1 - b)] for b in range(octaves.lower)])
        lower = combine(falling, found.lower).map(lambda s: s[0])
        signed = yield from multiply(party, lower, found.sign(party))
        if found.upper is None:
            return signed.map(lambda s: s[None])
        return (yield from multiply(party, found.upper, signed.map(lambda s: s[None])))

    inverted, factor = yield from together(inverse(), factors())
    part = local_product(x, inverted)
    moves = shifts(octaves, fraction, bits)
    moved = yield from together(
        *(truncate(party, part, -move, 63) if move < 0 else reshare(party, part) for move in moves)
    )
    raised = [_raised(m, move) if move > 0 else m for m, move in zip(moved, moves, strict=True)]
    result = yield from truncate(party, dot_part(factor, stack(raised)), LAST, 63, out_width)
    return result.map(lambda s: s.reshape(shape))


def _raised(x: Replicated, by: int) -> Replicated:
    return x.map(lambda s: s << np.uint64(by))


def inverse_bits(width: int) -> int:
    """Fractional bits of 1 / u: as many as its product with a number of ``width`` signed bits leaves room for."""
    if not 2 <= width <= 55:
        raise InputError(f"numbers of {width} bits cannot be divided: 2 to 55 can")
    return min(RECIPROCAL, 62 - width)


def shifts(octaves: Octaves, fraction: int, bits: int) -> list[int]:
    """For each upper digit of the divisor's octave, by how many bits x / u is moved up, or down where negative."""
    first = fraction + LAST - bits - (octaves.lower - 1)
    return [first - DIGIT * digit for digit in range(octaves.upper)]
