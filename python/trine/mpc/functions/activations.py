"""Sigmoid, tanh, GELU, SiLU, softplus and ELU: one spline each, right for every number of the format.

Each protocol takes x with ``fraction`` fractional bits, known to fit in ``width`` signed bits, and gives as many
fractional bits, modulo 2^out_width. Error: below the spline's, 2^-15 (2^-(fraction - 1) for fewer than 16 fractional
bits), plus one unit for the truncation; so at most 2^-14 for 16 fractional bits. Fractional bits: 8 to 18.
Rounds and bytes: :func:`trine.mpc.functions.cost.sigmoid` and so on.
"""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import NamedTuple

from trine.errors import InputError
from trine.mpc.functions import approximation as real
from trine.mpc.functions.spline import Outside, Spline, evaluate, fit
from trine.mpc.party import Party, Replicated
from trine.mpc.rounds import Protocol

__all__ = ["FORMS", "elu", "gelu", "gelu_tanh", "sigmoid", "silu", "softplus", "spline", "tanh"]


class Form(NamedTuple):
    """A function as a spline: what it is, what it is beyond +-2^reach, and that this is cut into 2^cells cells."""

    function: real.Real
    outside: Outside
    reach: int
    cells: int


LINE = Outside(0, 0, line=True)
FORMS = {
    "sigmoid": Form(real.sigmoid, Outside(0, 1, line=False), 4, 6),
    "tanh": Form(real.tanh, Outside(-1, 1, line=False), 3, 6),
    "gelu": Form(real.gelu, LINE, 3, 6),
    "gelu_tanh": Form(real.gelu_tanh, LINE, 3, 6),
    "silu": Form(lambda x: x * real.sigmoid(x), LINE, 4, 6),
    "softplus": Form(lambda x: real.ln(1 + real.exp(x)), LINE, 4, 6),
    "elu": Form(lambda x: max(x, Decimal(0)) + real.exp(min(x, Decimal(0))) - 1, Outside(-1, 0, line=True), 4, 7),
}


@functools.cache
def spline(name: str, fraction: int) -> Spline:
    """The spline of a function for a number of fractional bits; built at its first use.

    Raises:
        InputError: the function is not available for so many bits.
    """
    if not 8 <= fraction <= 18:
        raise InputError(f"{name} is available for 8 to 18 fractional bits, not {fraction}")
    form = FORMS[name]
    return fit(form.function, form.outside, fraction, form.reach, form.cells, 2.0 ** -min(15, fraction - 1))


def sigmoid(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """1 / (1 + e^-x)."""
    return (yield from evaluate(party, x, spline("sigmoid", fraction), width, out_width))


def tanh(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """The hyperbolic tangent."""
    return (yield from evaluate(party, x, spline("tanh", fraction), width, out_width))


def gelu(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """x (1 + erf(x / sqrt 2)) / 2; beyond +-8 it is 0 or x."""
    return (yield from evaluate(party, x, spline("gelu", fraction), width, out_width))


def gelu_tanh(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, GELU's other form; beyond +-8 it is 0 or x."""
    return (yield from evaluate(party, x, spline("gelu_tanh", fraction), width, out_width))


def silu(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """x / (1 + e^-x); beyond +-16 it is 0 or x."""
    return (yield from evaluate(party, x, spline("silu", fraction), width, out_width))


def softplus(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """log(1 + e^x); beyond +-16 it is 0 or x."""
    return (yield from evaluate(party, x, spline("softplus", fraction), width, out_width))


def elu(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """x where it is positive, else e^x - 1."""
    return (yield from evaluate(party, x, spline("elu", fraction), width, out_width))
