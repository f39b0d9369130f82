"""Splines on a grid of cells, and their evaluation on shared numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from trine.errors import InputError
from trine.mpc import bits
from trine.mpc.arithmetic import multiply
from trine.mpc.functions.approximation import Real, decimal, rounded
from trine.mpc.functions.cells import Grid, look_up
from trine.mpc.functions.linear import add_constant, combine, dot_part, ring_table, stack
from trine.mpc.functions.planes import draw_injection, draw_selection
from trine.mpc.masked import draw_mask, open_masked
from trine.mpc.party import Party, Replicated, Ring, place
from trine.mpc.rounds import Protocol, together
from trine.mpc.truncation import truncate

__all__ = ["Outside", "Spline", "evaluate", "fit"]

SAMPLES = 32  # points of a cell at which a candidate is held against the function
SCALE = 60  # fractional bits of a spline's value before truncation; it is below 2 in absolute value


@dataclass(frozen=True)
class Outside:
    """A function away from zero: ``below`` left of the grid; right of it ``above``, to which x is added if ``line``.

    The line begins at zero, and the spline holds what the function is more than it.
    """

    below: int
    above: int
    line: bool


@dataclass(frozen=True)
class Spline:
    """A piecewise polynomial with integer coefficients in the units of x, 2^-fraction.

    Attributes:
        fraction: fractional bits of x and of the result.
        reach: the grid covers [-2^reach, 2^reach).
        index: 2^index cells.
        runs: cells [start, stop) with one polynomial each.
        table: coefficients of 1, x, x^2 ... for each run, modulo 2^64, less those that hold above the grid; the
            polynomial's value has SCALE fractional bits.
        outside: what holds beyond the grid.
    """

    fraction: int
    reach: int
    index: int
    runs: tuple[tuple[int, int], ...]
    table: Ring
    outside: Outside

    @property
    def degree(self) -> int:
        """Of the polynomials."""
        return int(self.table.shape[1]) - 1

    def grid(self, width: int) -> Grid:
        """The grid for numbers of ``width`` signed bits, moved to begin at zero."""
        low = self.fraction + self.reach + 1 - self.index
        return Grid(max(width + 1, low + self.index + 1), low, self.index, self.runs)

    @property
    def offset(self) -> int:
        """What moves the grid's begin to zero."""
        return 1 << (self.fraction + self.reach)


def fit(function: Real, outside: Outside, fraction: int, reach: int, index: int, tolerance: float) -> Spline:
    """The spline with the fewest runs, left to right, whose error, rounded coefficients included, is below tolerance.

    With a ``line``, the spline holds the function less max(x, 0), which is small everywhere.

    Raises:
        InputError: no polynomial holds even on one cell.
    """
    degree = 3 if SCALE - 3 * fraction >= 6 else 2
    cells, low = 1 << index, fraction + reach + 1 - index
    if 2 * fraction + 6 > SCALE or low < 1:
        raise InputError(f"this function is available for 4 to 24 fractional bits, not {fraction}")
    samples = min(SAMPLES, 1 << low)
    half = cells // 2
    bits_of = [SCALE - j * fraction for j in range(degree + 1)]

    def inside(x: Decimal) -> Decimal:
        return function(x) - max(x, Decimal(0)) if outside.line else function(x)

    points = [Fraction(((i - half * samples) << low) // samples, 1 << fraction) for i in range(cells * samples + 1)]
    values = np.array([float(inside(decimal(point))) for point in points])

    def candidate(start: int, stop: int) -> tuple[list[int], float]:
        """Coefficients for cells [start, stop), and their largest error at the samples."""
        center, radius = (start + stop - 2 * half) << low >> 1, (stop - start) << low >> 1
        unit = 1 << fraction
        local = rounded(inside, Fraction(center, unit), Fraction(radius, unit), bits_of)
        here = slice(start * samples, stop * samples + 1)
        u = np.arange(-radius, radius + 1, (1 << low) // samples).astype(np.float64)
        return _expand(local, center), float(np.abs(np.ldexp(_horner(local, u), -SCALE) - values[here]).max())

    runs: list[tuple[int, int]] = []
    rows: list[list[int]] = []
    start = 0
    while start < cells:
        end = half if outside.line and start < half else cells
        row, error = candidate(start, start + 1)
        if error > tolerance:
            raise InputError(f"2^{index} cells are too few for an error of {tolerance}")
        stop = start + 1
        while stop < end:
            longer, error = candidate(start, stop + 1)
            if error > tolerance:
                break
            row, stop = longer, stop + 1
        runs.append((start, stop))
        rows.append(row)
        start = stop
    table = ring_table(rows)
    table[:, 0] -= np.uint64(outside.above << SCALE)
    return Spline(fraction, reach, index, tuple(runs), table, outside)


def evaluate(party: Party, x: Replicated, spline: Spline, width: int, out_width: int = 64) -> Protocol[Replicated]:
    """The spline's value at each x, with as many fractional bits, modulo 2^out_width.

    The polynomial's value is exact: integer powers of x are multiplied modulo 2^64, which is enough because the *sum*
    fits, whatever its terms do. So the error is the spline's and that of one truncation, below one unit. Where x lies
    outside the grid its powers may have overflowed; they are multiplied by zero.

    Rounds and bytes: :func:`trine.mpc.functions.cost.spline`.
    """
    shape, n = x.shape, x.a.size
    x = x.map(lambda s: np.ascontiguousarray(s).reshape(-1))
    grid = spline.grid(width)
    mask = draw_mask(party, (n,), grid.width, additive=False)
    signs = bits.draw_sign(party, n, grid.width - 1)
    inside, below = draw_selection(party, len(spline.runs), n), draw_injection(party, 1, (n,))
    outside, half = spline.outside, 1 << spline.index >> 1
    table, left = spline.table, ring_table([[(outside.below - outside.above) << SCALE, *[0] * spline.degree]])
    if outside.line:  # a last column: where it does not hold
        table = np.hstack([table, ring_table([[start < half] for start, _ in spline.runs])])
        left = np.hstack([left, ring_table([[1]])])

    def coefficients() -> Protocol[Replicated]:
        known = yield from open_masked(party, x, mask, grid.width, spline.offset)

        def sign() -> Protocol[Replicated]:
            hiding = below.hiding(party)
            planes = bits.to_planes(known, 0, grid.width)
            flips = yield from bits.open_sign(party, planes, None if hiding is None else hiding[0], signs)
            return combine(left, below.numbers(party, flips[None]))

        apart, within = yield from together(sign(), look_up(party, known, grid, inside, table))
        found: Replicated = apart + within
        return found

    def powers() -> Protocol[Replicated]:
        square = yield from multiply(party, x, x)
        found = [x, square]
        if spline.degree == 3:
            found.append((yield from multiply(party, square, x)))
        return stack(found)

    def online() -> Protocol[Replicated]:
        found, power = yield from together(coefficients(), powers())
        part = dot_part(found.map(lambda s: s[1 : spline.degree + 1]), power)
        part += found.a[0]
        add_constant(party, part, outside.above << SCALE)
        value = truncate(party, part, SCALE - spline.fraction, SCALE + 2, out_width)
        if not outside.line:
            return (yield from value)
        right = place(party, 0, np.ones(n, np.uint64), (n,)) - found.map(lambda s: s[-1])
        inner, line = yield from together(value, multiply(party, right, x, out_width))
        total: Replicated = inner + line
        return total

    def dealing() -> Protocol[None]:
        yield from together(inside.deal(party), below.deal(party))

    result: Replicated
    _, result = yield from together(dealing(), online())
    return result.map(lambda s: s.reshape(shape))


def _horner(coefficients: list[int], u: np.ndarray) -> np.ndarray:
    """In float64, by operations that every machine rounds alike."""
    value = np.zeros_like(u)
    for c in reversed(coefficients):
        value = value * u + float(c)
    return value


def _expand(local: list[int], center: int) -> list[int]:
    """From a polynomial in (x - center) to one in x, exactly."""
    out = [0] * len(local)
    for j, c in enumerate(local):
        for i in range(j + 1):
            out[i] += c * math.comb(j, i) * (-center) ** (j - i)
    return out
