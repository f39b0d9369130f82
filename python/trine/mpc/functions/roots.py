"""Reciprocal, square root, its reciprocal and logarithm: a power of two times a function on [1, 2].

Zero counts as one unit in the last place, 2^-fraction, where a function has no value there; so do negative numbers
where a function has none for them (:func:`sqrt` is 0 for all of these). Numbers fit ``width`` signed bits, 57 at most.
"""

from __future__ import annotations

import functools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

from trine.errors import InputError
from trine.mpc.arithmetic import local_product
from trine.mpc.functions import approximation as real
from trine.mpc.functions.approximation import CONTEXT
from trine.mpc.functions.leading import Octaves, find_leading
from trine.mpc.functions.linear import add_constant, combine, ring_table
from trine.mpc.functions.normalised import Polynomial, normalise
from trine.mpc.party import Party, Replicated
from trine.mpc.rounds import Protocol, together
from trine.mpc.truncation import truncate

__all__ = ["log", "log_of", "polynomial", "reciprocal", "reciprocal_of", "rsqrt", "sqrt"]

BITS = 24  # fractional bits of u
SCALE = 61
LOG_BITS, LOG_SCALE = 22, 56
RECIPROCAL, ROOT = 22, 20  # fractional bits of 1 / u, of a root of u
PRECISION = 30  # bits of a table that need not be exceeded
LN2 = Fraction(real.ln(Decimal(2)))


def reciprocal(
    party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64, out_fraction: int | None = None
) -> Protocol[Replicated]:
    """1 / x for x of either sign; 1 / 0 is 2^fraction. Error: below 2^-20 / |x| and 2 units."""
    octaves = Octaves(width, 0, width - 1, signed=True)
    return (
        yield from reciprocal_of(
            party, x, octaves, fraction, fraction if out_fraction is None else out_fraction, out_width
        )
    )


def reciprocal_of(
    party: Party, x: Replicated, octaves: Octaves, fraction: int, out_fraction: int, out_width: int = 64
) -> Protocol[Replicated]:
    """:func:`reciprocal` where it is known in which octaves x lies."""
    shape, x = x.shape, x.map(lambda s: np.ascontiguousarray(s).reshape(-1))
    found = yield from find_leading(party, x, octaves)
    largest = out_fraction + fraction - octaves.low  # log2 of the largest result in units
    spare = SCALE - RECIPROCAL - largest
    if spare < 0:
        raise InputError(f"reciprocals do not fit with {fraction} fractional bits and {out_fraction} of the result")
    exponents = [largest + spare - (octaves.lower - 1) - octaves.lower * a for a in range(octaves.upper)]
    upper = [1 << e if e >= 0 else 0 for e in exponents]  # what is dropped is below a unit
    lower = [1 << (octaves.lower - 1 - b) for b in range(octaves.lower)]

    def inverse() -> Protocol[Replicated]:
        u = yield from normalise(party, x, found, octaves, BITS)
        return (yield from polynomial("reciprocal").value(party, u, RECIPROCAL))

    signs = [] if found.negative is None else [found.sign(party)]
    value, power = yield from together(inverse(), found.power(party, lower, upper, *signs))
    if found.void is not None:
        power = power + found.void.map(lambda s: s << np.uint64(largest + spare))
    product = local_product(value, power)
    result = yield from truncate(party, product, RECIPROCAL + spare, 63, out_width)
    return result.map(lambda s: s.reshape(shape))


def rsqrt(
    party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64, out_fraction: int | None = None
) -> Protocol[Replicated]:
    """1 / sqrt(x); 2^(fraction / 2) for x <= 0. Error: below 2^-17 / sqrt(x) and a unit of the result."""
    given = fraction if out_fraction is None else out_fraction
    first = Fraction(fraction, 2) + given  # log2 of the largest result in units
    return (yield from _root(party, x, polynomial("rsqrt"), width, first, -1, out_width))


def sqrt(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """The square root; 0 for x <= 0. Error: below 2^-17 sqrt(x) and a unit."""
    return (yield from _root(party, x, polynomial("sqrt"), width, Fraction(fraction, 2), 1, out_width))


def _root(
    party: Party, x: Replicated, polynomial: Polynomial, width: int, first: Fraction, direction: int, out_width: int
) -> Protocol[Replicated]:
    """A root of u times 2^(first + direction j / 2) units, where x = u 2^j units."""
    shape, x = x.shape, x.map(lambda s: np.ascontiguousarray(s).reshape(-1))
    octaves = Octaves(width, 0, width - 1, signed=False)
    found = yield from find_leading(party, x, octaves)
    last = first + Fraction(direction * (width - 1), 2)
    spare = SCALE - ROOT - math.ceil(max(first, last))
    if spare < 0:
        raise InputError(f"roots of {width} bits do not fit with so many fractional bits")
    lower, upper = _half_powers(first + spare, direction, octaves)

    def value() -> Protocol[Replicated]:
        u = yield from normalise(party, x, found, octaves, BITS)
        return (yield from polynomial.value(party, u, ROOT))

    root, power = yield from together(value(), found.power(party, lower, upper))
    if direction < 0:
        assert found.void is not None
        zero = np.uint64(lower[0] * upper[0])  # what one unit has
        power = power + found.void.map(lambda s: s * zero)
    result = yield from truncate(party, local_product(root, power), ROOT + spare, 63, out_width)
    return result.map(lambda s: s.reshape(shape))


def _half_powers(first: Fraction, direction: int, octaves: Octaves) -> tuple[list[int], list[int]]:
    """Factors for both digits of j whose product is 2^(first + direction j / 2), rounded in the lower digit's."""
    steps = [direction * (octaves.lower // 2) * a for a in range(octaves.upper)]
    base = max(-min(steps), math.floor(first) - PRECISION)
    upper = [1 << (base + step) for step in steps]
    halves = [2 * (first - base) + direction * b for b in range(octaves.lower)]
    return [round(Fraction(CONTEXT.power(Decimal(2), Decimal(int(h)) / 2))) for h in halves], upper


def log(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """The natural logarithm; for x <= 0 that of one unit, -fraction log 2. Error: below 1.1 units."""
    octaves = Octaves(width, 0, width - 1, signed=False)
    return (yield from log_of(party, x, octaves, fraction, fraction, out_width))


def log_of(
    party: Party, x: Replicated, octaves: Octaves, fraction: int, out_fraction: int, out_width: int = 64
) -> Protocol[Replicated]:
    """:func:`log` where it is known in which octaves x lies."""
    shape, x = x.shape, x.map(lambda s: np.ascontiguousarray(s).reshape(-1))
    found = yield from find_leading(party, x, octaves)
    u = yield from normalise(party, x, found, octaves, LOG_BITS)
    part = yield from polynomial("log").part(party, u)
    digits = [(found.lower, 1)] if found.upper is None else [(found.lower, 1), (found.upper, octaves.lower)]
    for digit, weight in digits:
        steps = real.scaled([LN2 * weight * i for i in range(digit.shape[0])], LOG_SCALE)
        part += combine(ring_table([[step] for step in steps]), digit).a[0]
    add_constant(party, part, real.scaled([LN2 * (octaves.low - fraction)], LOG_SCALE)[0])
    result = yield from truncate(party, part, LOG_SCALE - out_fraction, 63, out_width)
    return result.map(lambda s: s.reshape(shape))


@functools.cache
def polynomial(name: str) -> Polynomial:
    """The polynomial of a function on [1, 2]."""
    if name == "log":
        return Polynomial.fit(real.ln, LOG_BITS, LOG_SCALE)
    functions = {
        "reciprocal": lambda u: CONTEXT.divide(Decimal(1), u),
        "sqrt": CONTEXT.sqrt,
        "rsqrt": lambda u: CONTEXT.divide(Decimal(1), CONTEXT.sqrt(u)),
    }
    return Polynomial.fit(functions[name], BITS, SCALE - (name == "sqrt"))
