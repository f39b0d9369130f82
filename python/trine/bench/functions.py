"""The secure functions beside their exact values: what each is asked, and the bound that its errors keep.

For the tests and for ``benchmarks/functions.py``; every result comes through the real protocol among three parties.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trine.mpc import LocalSession, PerParty, accept, deal, functions

__all__ = ["FRACTION", "FUNCTIONS", "UNIT", "WIDTH", "Function", "measure", "numbers", "through"]

FRACTION, WIDTH = 16, 47
UNIT = 2.0**-FRACTION
CHUNK = 1 << 17
CEILING = math.log(2.0**30)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Function(NamedTuple):
    """A function, its bound (from x and the exact value), and the numbers that it is asked about.

    Attributes:
        exact: in float64, as documented outside the mathematical domain.
        bound: proven, on the absolute error.
        says: the bound in words.
        domain: in words.
        signed: whether negative numbers are asked about.
        dense: numbers up to this absolute value are asked about evenly, besides the whole format's magnitudes.
    """

    exact: Callable[[Floats], Floats]
    bound: Callable[[Floats, Floats], Floats]
    says: str
    domain: str
    signed: bool = True
    dense: float = 20.0


def constant(units: float) -> Callable[[Floats, Floats], Floats]:
    """A bound in units."""
    return lambda x, y: np.full_like(x, units * UNIT)


def relative(power: int, units: float) -> Callable[[Floats, Floats], Floats]:
    """A bound of 2^power relative and some units."""
    return lambda x, y: np.abs(y) * 2.0**power + units * UNIT


def _erf(x: Floats) -> Floats:
    return np.array([math.erf(v) for v in x])


def _at_least_a_unit(x: Floats) -> Floats:
    return np.maximum(x, UNIT)


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(x, -700, 700)))


EVERY = "every number"
FUNCTIONS = {
    "sigmoid": Function(_sigmoid, constant(3.1), "3.1 units", EVERY),
    "tanh": Function(np.tanh, constant(3.1), "3.1 units", EVERY),
    "gelu": Function(lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2, constant(3.1), "3.1 units", EVERY),
    "gelu_tanh": Function(
        lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
        constant(3.1),
        "3.1 units",
        EVERY,
    ),
    "silu": Function(lambda x: x * _sigmoid(x), constant(3.1), "3.1 units", EVERY),
    "softplus": Function(lambda x: np.logaddexp(0, x), constant(3.1), "3.1 units", EVERY),
    "elu": Function(lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), constant(3.1), "3.1 units", EVERY),
    "exp": Function(
        lambda x: np.exp(np.minimum(x, CEILING)),
        relative(-15, 2),
        "2^-15 e^x + 2 units",
        "every number; 2^30 from 20.79 on",
        dense=24.0,
    ),
    "log": Function(
        lambda x: np.log(_at_least_a_unit(x)), constant(1.1), "1.1 units", "x > 0; others as 2^-16", signed=False
    ),
    "reciprocal": Function(
        lambda x: 1 / np.where(x == 0, UNIT, x), relative(-19, 2), "2^-19 / abs(x) + 2 units", "x != 0; 0 as 2^-16"
    ),
    "sqrt": Function(
        lambda x: np.sqrt(np.maximum(x, 0)),
        relative(-18, 1.1),
        "2^-18 sqrt(x) + 1.1 units",
        "x >= 0; others as 0",
        False,
    ),
    "rsqrt": Function(
        lambda x: 1 / np.sqrt(_at_least_a_unit(x)),
        relative(-18, 1.1),
        "2^-18 / sqrt(x) + 1.1 units",
        "x > 0; others as 2^-16",
        signed=False,
    ),
}


def numbers(function: Function, points: int) -> Integers:
    """Integers: evenly where the function bends, evenly by magnitude over the whole format, and the edges."""
    rng = np.random.default_rng(0)
    dense = rng.integers(0, int(function.dense / UNIT) + 1, points // 2)
    wide = np.exp2(rng.uniform(0, WIDTH - 1, points - points // 2)).astype(np.int64)
    x = np.concatenate([dense, wide, [0, 1, 2, (1 << (WIDTH - 1)) - 1]])
    return np.sort(np.concatenate([x[0::2], -x[1::2], [-1, -1 << (WIDTH - 1)]]) if function.signed else x)


def through(protocol: Callable[..., Any], *operands: Integers) -> Integers:
    """A protocol of (party, *shares) run among three parties, in chunks."""
    session = LocalSession(secrets.token_bytes(16))
    out = []
    for start in range(0, len(operands[0]), CHUNK):
        shares = []
        for operand in operands:
            part = operand[start : start + CHUNK].view(np.uint64)
            payloads = deal([part])
            shares.append(PerParty(accept(i, payloads[i], [part.shape])[0] for i in range(3)))
        result = session.call(protocol, *shares)
        out.append((result[0].a + result[0].b + result[1].b).view(np.int64))
    return np.concatenate(out)


def measure(name: str, points: int) -> tuple[Floats, Floats, Floats]:
    """Inputs, absolute errors, and bounds."""
    function = FUNCTIONS[name]
    x = numbers(function, points)
    found = through(lambda party, s: getattr(functions, name)(party, s, WIDTH, FRACTION), x) * UNIT
    real: Floats = (x * UNIT).astype(np.float64)
    exact = function.exact(real)
    error: Floats = np.abs(found - exact).astype(np.float64)
    return real, error, function.bound(real, exact)
