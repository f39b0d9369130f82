"""Functions of shared numbers: activations, softmax, the reciprocal square root."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trine.errors import InputError, ShapeError
from trine.mpc import functions
from trine.mpc.arithmetic import add_public
from trine.mpc.functions import cost
from trine.mpc.party import Party
from trine.mpc.rounds import Protocol
from trine.net import Cost
from trine.nn.steps.base import Form, OpeningStep, Shape, Tensor, Value

__all__ = ["FUNCTIONS", "FunctionStep", "RsqrtStep", "SoftmaxStep"]

# The names that a plan has for functions of single numbers: those of the protocols, and of their costs.
FUNCTIONS = ("elu", "gelu", "gelu_tanh", "sigmoid", "silu", "softplus", "tanh")


@dataclass(frozen=True)
class FunctionStep(OpeningStep):
    """A function of every number, by name: see :mod:`trine.mpc.functions`.

    Attributes:
        width: signed bits that the numbers fit in.
        fraction: their fractional bits, and those of the results.
    """

    function: str
    width: int
    fraction: int

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS or not (1 <= self.width <= 63 and 1 <= self.fraction <= 30):
            raise InputError(f"{self} is impossible")

    def cost(self, batch: int, *given: Form) -> Cost:
        return getattr(cost, self.function)(batch * math.prod(given[0].shape), self.width, self.fraction)  # type: ignore[no-any-return]

    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        protocol: Protocol[Value] = getattr(functions, self.function)(party, values[0], self.width, self.fraction)
        return (yield from protocol)


@dataclass(frozen=True)
class SoftmaxStep(OpeningStep):
    """Softmax along the last axis, or its logarithm.

    Attributes:
        log: whether the logarithm is asked for.
        width: signed bits that the numbers fit in.
        fraction: their fractional bits, and those of the results.
    """

    log: bool
    width: int
    fraction: int

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 63 and 1 <= self.fraction <= 30):
            raise InputError(f"{self} is impossible")

    def shape(self, *given: Shape) -> Shape:
        if not given[0]:
            raise ShapeError("a softmax needs an axis")
        return given[0]

    def cost(self, batch: int, *given: Form) -> Cost:
        *rows, columns = given[0].shape
        one = cost.log_softmax if self.log else cost.softmax
        return one(batch * math.prod(rows), columns, self.width, self.fraction)

    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        one = functions.log_softmax if self.log else functions.softmax
        return (yield from one(party, values[0], self.width, self.fraction))


@dataclass(frozen=True)
class RsqrtStep(OpeningStep):
    """1 / sqrt(x + offset): :func:`trine.mpc.functions.rsqrt`.

    Attributes:
        offset: public, in units of the last place.
        width: signed bits that x + offset fits in.
        fraction: fractional bits of x.
        out_fraction: fractional bits of the result.
    """

    offset: int
    width: int
    fraction: int
    out_fraction: int

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 62 and 0 <= self.fraction <= 62 and 1 <= self.out_fraction <= 30):
            raise InputError(f"{self} is impossible")

    def cost(self, batch: int, *given: Form) -> Cost:
        return cost.rsqrt(batch * math.prod(given[0].shape), self.width, self.fraction, 64, self.out_fraction)

    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        x = add_public(party, values[0], np.array(self.offset, np.uint64))
        return (yield from functions.rsqrt(party, x, self.width, self.fraction, 64, self.out_fraction))
