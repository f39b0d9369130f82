"""Polynomials and tables that all parties compute alike, to the last bit, from the functions themselves.

Coefficients multiply shares, so parties on different machines must have the same ones. Values of functions therefore
come from decimal arithmetic, whose results do not depend on the machine, and never from a C library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction

__all__ = [
    "Real",
    "chebyshev",
    "decimal",
    "erf",
    "exp",
    "gelu",
    "gelu_tanh",
    "interpolate",
    "ln",
    "scaled",
    "sigmoid",
    "tanh",
]

Real = Callable[[Decimal], Decimal]
CONTEXT = Context(prec=50)
NODE_BITS = 20  # nodes are rounded so far that no two machines' cosines can differ
PI = Decimal("3.14159265358979323846264338327950288419716939937511")


def exp(x: Decimal) -> Decimal:
    """e^x, correctly rounded to 50 digits."""
    return CONTEXT.exp(x)


def ln(x: Decimal) -> Decimal:
    """Natural logarithm, correctly rounded to 50 digits."""
    return CONTEXT.ln(x)


def sigmoid(x: Decimal) -> Decimal:
    """1 / (1 + e^-x)."""
    return CONTEXT.divide(Decimal(1), CONTEXT.add(Decimal(1), exp(-x)))


def tanh(x: Decimal) -> Decimal:
    """2 sigmoid(2 x) - 1."""
    return CONTEXT.subtract(2 * sigmoid(2 * x), Decimal(1))


def erf(x: Decimal) -> Decimal:
    """The error function: 2 / sqrt(pi) e^(-x^2) times the sum of 2^n x^(2n+1) / (2n+1)!!, which has no cancellation."""
    with localcontext(CONTEXT):
        square, term, total, n = 2 * x * x, x, Decimal(0), 1
        while abs(term) > Decimal("1e-40"):
            total += term
            n += 2
            term *= square / n
        return 2 / PI.sqrt() * (-x * x).exp() * total


def gelu(x: Decimal) -> Decimal:
    """x (1 + erf(x / sqrt 2)) / 2."""
    with localcontext(CONTEXT):
        return x * (1 + erf(x / Decimal(2).sqrt())) / 2


def gelu_tanh(x: Decimal) -> Decimal:
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2."""
    with localcontext(CONTEXT):
        return x * (1 + tanh((2 / PI).sqrt() * (x + Decimal("0.044715") * x**3))) / 2


def chebyshev(count: int) -> list[Fraction]:
    """Chebyshev's nodes in (-1, 1), where interpolation is close to the best approximation."""
    angles = [math.pi * (2 * i + 1) / (2 * count) for i in range(count)]
    return [Fraction(round(math.cos(angle) * (1 << NODE_BITS)), 1 << NODE_BITS) for angle in angles]


def interpolate(function: Real, center: Fraction, radius: Fraction, degree: int) -> list[Fraction]:
    """Coefficients, constant first, of the polynomial in (x - center) that interpolates at Chebyshev's nodes."""
    nodes = [radius * node for node in chebyshev(degree + 1)]
    # Newton's divided differences, then expanded
    table = [Fraction(function(decimal(center + node))) for node in nodes]
    for level in range(1, degree + 1):
        for i in range(degree, level - 1, -1):
            table[i] = (table[i] - table[i - 1]) / (nodes[i] - nodes[i - level])
    coefficients = [Fraction(0)] * (degree + 1)
    for value, node in zip(reversed(table), reversed(nodes), strict=True):
        shifted = [Fraction(0), *coefficients[:-1]]
        coefficients = [s - node * c for s, c in zip(shifted, coefficients, strict=True)]
        coefficients[0] += value
    return coefficients


def rounded(function: Real, center: Fraction, radius: Fraction, bits: Sequence[int]) -> list[int]:
    """Integer coefficients of a polynomial in (x - center), coefficient j in units of 2^-bits[j].

    Each is rounded before the lower ones are chosen, which so make up for most of its rounding.
    """
    found: dict[int, Fraction] = {}

    def rest(x: Decimal) -> Decimal:
        u = Fraction(x) - center
        return function(x) - decimal(sum((c * u**j for j, c in found.items()), Fraction(0)))

    for j in range(len(bits) - 1, -1, -1):
        unit = Fraction(2) ** -bits[j]
        found[j] = round(interpolate(rest, center, radius, j)[j] / unit) * unit
    return [int(found[j] * Fraction(2) ** bits[j]) for j in range(len(bits))]


def scaled(values: Sequence[Fraction | Decimal], bits: int) -> list[int]:
    """Each value times 2^bits, rounded to the nearest integer."""
    return [round(Fraction(value) * (1 << bits)) for value in values]


def decimal(x: Fraction) -> Decimal:
    """A fraction to 50 digits."""
    return CONTEXT.divide(Decimal(x.numerator), Decimal(x.denominator))
