"""Functions of a number u in [1, 2], to which every other is brought by a power of two."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from trine.mpc.arithmetic import add_public, local_product, multiply
from trine.mpc.functions.approximation import Real, rounded
from trine.mpc.functions.leading import Leading, Octaves
from trine.mpc.functions.linear import add_constant, combine, ring_table, stack
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, together
from trine.mpc.truncation import truncate

__all__ = ["Polynomial", "normalise"]


@dataclass(frozen=True)
class Polynomial:
    """A polynomial of degree 8 in u - 3/2 for u in [1, 2], with integer coefficients.

    Attributes:
        bits: fractional bits of u and of its powers.
        scale: fractional bits of the value before truncation.
        coefficients: of the powers up to 4 in units of 2^-(scale - bits), of the others of 2^-(scale - 2 bits), which
            are multiplied by two of the powers; the constant in units of 2^-scale.
    """

    bits: int
    scale: int
    coefficients: tuple[int, ...]

    @staticmethod
    def fit(function: Real, bits: int, scale: int) -> Polynomial:
        """The polynomial for a function on [1, 2]."""
        units = [scale] + [scale - bits] * 4 + [scale - 2 * bits] * 4
        return Polynomial(bits, scale, tuple(rounded(function, Fraction(3, 2), Fraction(1, 2), units)))

    def part(self, party: Party, u: Replicated) -> Protocol[Ring]:
        """This party's additive part of the value, with ``scale`` fractional bits: 4 rounds, 3 truncated products.

        The last product, of the fourth power with a polynomial of that degree, is left for its reader to truncate.
        """
        middle = np.array((1 << 64) - (3 << (self.bits - 1)), np.uint64)
        v = add_public(party, u, middle)
        square = yield from self._product(party, v, v)
        both = stack([square, v])
        higher = yield from self._product(party, both, stack([square, square]))
        fourth, third = higher.map(lambda s: s[0]), higher.map(lambda s: s[1])
        powers = stack([v, square, third, fourth])
        _, *lower = self.coefficients[:5]
        part = combine(ring_table([[c] for c in lower]), powers).a[0]
        inner = combine(ring_table([[c] for c in self.coefficients[5:]]), powers).map(lambda s: s[0])
        part += local_product(fourth, inner)
        return add_constant(party, part, self.coefficients[0])

    def value(self, party: Party, u: Replicated, fraction: int) -> Protocol[Replicated]:
        """The value with ``fraction`` fractional bits: 6 rounds, 4 truncated products."""
        part = yield from self.part(party, u)
        return (yield from truncate(party, part, self.scale - fraction, self.scale + 2))

    def _product(self, party: Party, x: Replicated, y: Replicated) -> Protocol[Replicated]:
        return (yield from truncate(party, local_product(x, y), self.bits, 2 * self.bits + 1))


def normalise(party: Party, x: Replicated, found: Leading, octaves: Octaves, bits: int) -> Protocol[Replicated]:
    """x divided by its octave's 2^j, in [1, 2], with ``bits`` fractional bits; 1 where there is no octave.

    3 rounds (2 if there is one upper digit): the power of two, beside it the absolute value, and their product.
    """
    lower, upper = octaves.lower, octaves.upper
    top = octaves.low + lower * upper - 1  # x is brought to [2^top, 2^(top + 1)]
    more = max(bits - top, 0)
    shift = top + more - bits
    raising = [1 << (lower - 1 - b + more) for b in range(lower)]
    power, absolute = yield from together(
        found.power(party, raising, [1 << lower * (upper - 1 - a) for a in range(upper)]),
        _absolute(party, x, found),
    )
    if shift:
        u = yield from truncate(party, local_product(absolute, power), shift, top + 3)
    else:
        u = yield from multiply(party, absolute, power)
    return u if found.void is None else u + found.void.map(lambda s: s << np.uint64(bits))


def _absolute(party: Party, x: Replicated, found: Leading) -> Protocol[Replicated]:
    return x if found.negative is None else (yield from multiply(party, x, found.sign(party)))
