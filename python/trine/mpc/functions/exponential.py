"""The exponential: e^(c - r) = e^c e^-r, where party 1 knows c and parties 0 and 2 know r."""

from __future__ import annotations

import functools
import math
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from trine.errors import InputError
from trine.mpc.arithmetic import add_public, local_product
from trine.mpc.compare import relu
from trine.mpc.functions import approximation as real
from trine.mpc.functions.cells import Grid, look_up
from trine.mpc.functions.planes import draw_selection
from trine.mpc.masked import draw_mask, open_masked
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Round, dealt, together
from trine.mpc.truncation import truncate

__all__ = ["exp", "exp_nonpositive"]

CELL = 2  # a cell is 2^CELL wide
LOWER = 26  # fractional bits of e^(low bits of c), below e^4
UPPER = 30  # fractional bits of e^-(low bits of r), at most 1
FACTOR = 28  # fractional bits of their product, between e^-4 and e^4
VALUE = 60  # bits of a result before its truncation, sign not counted
LARGEST = 30  # the largest result is just below 2^LARGEST, or the format's own limit if that is less
BANDS = 11  # results of :func:`exp` that differ by more powers of two are truncated apart
TERMS = 10  # of the exponential series below 1/4: 2^-40
SQUARINGS = 4


class Band(NamedTuple):
    """Multiples of e^(-4 m), m = start, start + 1, ..., with their own number of bits before truncation."""

    start: int
    factors: tuple[int, ...]
    shift: int


def exp_nonpositive(
    party: Party, x: Replicated, width: int, fraction: int = 16, out_fraction: int = 16, out_width: int = 64
) -> Protocol[Replicated]:
    """e^x for x <= 0, with ``out_fraction`` fractional bits (at most 28), modulo 2^out_width.

    10 rounds for 46 bits (:func:`trine.mpc.functions.cost.exp_nonpositive`). Error: below 2^-20 e^x and 2 units.
    For x > 0 the result means nothing: :func:`exp` is for all numbers.

    The low bits of c and r (two before the point) give the factor e^(c_low - r_low), a product of a number that
    party 1 knows with one that the other two know; the difference of the upper bits is found among the cells of a
    grid, of which each has its public power of e. Whether the low bits borrow does not matter: the factor is then
    smaller by e^4, and the cell one up. (Sums turned into products of what two sides know: Kelkar, Le, Raykova & Seth,
    USENIX Security 2022, section 3; here cells take the place of a secret shift.)
    """
    return (yield from _sum_of_bands(party, x, width, fraction, nonpositive_bands(out_fraction), out_width))


def exp(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """e^x for every x: 0 far below zero, saturated just below 2^30 (or 2^(62 - 2 fraction) if less) far above it.

    Error: below 2^-16 e^x and 2 units; of the largest results, two units of x below the limit and above, below
    2^(1 - fraction) e^x. Rounds: a ReLU's and those of :func:`exp_nonpositive`.
    """
    top = _top(fraction)
    wider = max(width, fraction + 6) + 1
    lack = add_public(party, x.map(np.negative), np.array(top, np.uint64))
    below = yield from relu(party, lack, wider)
    return (yield from _sum_of_bands(party, below.map(np.negative), wider, fraction, all_bands(fraction), out_width))


def _sum_of_bands(
    party: Party, z: Replicated, width: int, fraction: int, bands: tuple[Band, ...], out_width: int
) -> Protocol[Replicated]:
    """Factors times e^z, z <= 0, each band truncated by its own shift; of all bands just one is not zero."""
    shape, z = z.shape, z.map(lambda s: np.ascontiguousarray(s).reshape(-1))
    n = z.a.size
    grid, cells = exp_grid(width, fraction, bands)
    selection = draw_selection(party, cells, n)
    mask = draw_mask(party, (n,), grid.width, additive=False)
    table = np.zeros((cells, len(bands)), np.uint64)
    for column, band in enumerate(bands):
        stop = cells - band.start
        table[stop - len(band.factors) : stop, column] = band.factors[::-1]

    def online() -> Protocol[Replicated]:
        known = yield from open_masked(party, z, mask, grid.width, cells << grid.low)
        powers, factor = yield from together(
            look_up(party, known, grid, selection, table), _factor(party, known, fraction)
        )
        part = local_product(powers, factor.map(lambda s: np.broadcast_to(s, powers.shape)))
        values = [
            truncate(party, mine, band.shift, VALUE + 2, out_width) for mine, band in zip(part, bands, strict=True)
        ]
        found: list[Replicated] = yield from together(*values)
        return functools.reduce(Replicated.__add__, found)

    result = yield from dealt(party, selection, online())
    return result.map(lambda s: s.reshape(shape))


def _factor(party: Party, known: Ring, fraction: int) -> Protocol[Replicated]:
    """e^(c_low - r_low) with FACTOR fractional bits: 3 rounds."""
    low = known & np.uint64((1 << (fraction + CELL)) - 1)
    if party.index == 1:
        rest = _power(low, fraction, LOWER)
        rest -= party.common(2).uint64(known.shape)
        yield Round({0: [rest.view(np.uint8)]}, {})
        part = np.zeros_like(known)
    else:
        if party.index == 0:
            received = yield Round({}, {1: [known.nbytes]})
            half = received[1][0].view(np.uint64)
        else:
            half = party.common(2).uint64(known.shape)
            yield Round({}, {})
        part = half * _power(low, -fraction, UPPER)
    return (yield from truncate(party, part, LOWER + UPPER - FACTOR, 63))


def _power(low: Ring, fraction: int, bits: int) -> Ring:
    """e^(low 2^-fraction), or e^-(low 2^fraction) for a negative fraction, with ``bits`` fractional bits.

    Parties 0 and 2 must find the same number to the last bit. So it is made by sums, products and roundings of
    float64, which IEEE 754 leaves no choice about; a library's exp differs between machines.
    """
    u = np.ldexp(low.astype(np.float64), -abs(fraction) - SQUARINGS)
    if fraction < 0:
        np.negative(u, out=u)
    value = np.full_like(u, 1 / math.factorial(TERMS))
    for k in range(TERMS - 1, -1, -1):
        value *= u
        value += 1 / math.factorial(k)
    for _ in range(SQUARINGS):
        value *= value
    return np.rint(np.ldexp(value, bits)).astype(np.uint64)


@functools.cache
def nonpositive_bands(out_fraction: int) -> tuple[Band, ...]:
    """The one band of :func:`exp_nonpositive`: down to 0.6 units of the result."""
    if not 1 <= out_fraction <= FACTOR:
        raise InputError(f"e^x is available with 1 to {FACTOR} fractional bits, not {out_fraction}")
    count = math.ceil((out_fraction + 0.75) * math.log(2) / (1 << CELL)) + 1
    return (Band(0, _factors(Decimal(0), 0, count, VALUE - FACTOR), VALUE - out_fraction),)


@functools.cache
def all_bands(fraction: int) -> tuple[Band, ...]:
    """The bands of :func:`exp`: the largest results have few fractional bits before truncation, smaller ones more."""
    top = real.decimal(Fraction(_top(fraction), 1 << fraction))
    count = math.ceil((float(top) + (fraction + 1) * math.log(2)) / (1 << CELL)) + 1
    largest = [min(_limit(fraction), float(top - (m - 1 << CELL)) / math.log(2)) for m in range(count)]  # log2 of e^x
    bands, start = [], 0
    while start < count:
        stop = next((m for m in range(start, count) if largest[start] - largest[m] > BANDS), count)
        if largest[start] < BANDS:  # what is left needs all fractional bits that there are
            stop = count
        bits = VALUE - FACTOR - max(math.ceil(largest[start]), 0)
        bands.append(Band(start, _factors(top, start, stop, bits), FACTOR + bits - fraction))
        start = stop
    return tuple(bands)


def exp_grid(width: int, fraction: int, bands: tuple[Band, ...]) -> tuple[Grid, int]:
    """Cells of e^4 from the lowest that counts up to zero, and how many they are."""
    cells = sum(len(band.factors) for band in bands)
    low, index = fraction + CELL, cells.bit_length()
    runs = tuple((d, d + 1) for d in range(1, cells + 1))
    return Grid(max(width + 1, low + index + 1), low, index, runs, exact=False), cells


def _factors(top: Decimal, start: int, stop: int, bits: int) -> tuple[int, ...]:
    """e^(top - 4 m) for m = start .. stop - 1."""
    return tuple(real.scaled([real.exp(top - (m << CELL)) for m in range(start, stop)], bits))


def _limit(fraction: int) -> int:
    return min(LARGEST, 62 - 2 * fraction)


def _top(fraction: int) -> int:
    """The x, in units, from which on :func:`exp` is saturated: e^x is still below the limit."""
    return math.floor(Fraction(real.ln(Decimal(1 << _limit(fraction)))) * (1 << fraction)) - 1
