"""Truncation, ReLU and max pooling: steps that open masked numbers, of a width that the plan has proven."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trine.errors import InputError, ShapeError
from trine.mpc import cost
from trine.mpc.compare import draw_rectify, draw_sign_products, maximum, rectify, relu
from trine.mpc.party import Party, Replicated, Ring, place
from trine.mpc.rounds import Protocol, Randomness
from trine.mpc.truncation import draw_truncation, truncate
from trine.net import Cost
from trine.nn.steps.base import Form, OpeningStep, Shape, Tensor, Value

__all__ = ["MaxPoolStep", "ReLUStep", "RectifyStep", "TruncateStep"]


@dataclass(frozen=True)
class TruncateStep(OpeningStep):
    """Division by 2^shift of numbers of ``width`` signed bits: :func:`trine.mpc.truncation.truncate`."""

    whole = False

    shift: int
    width: int
    out_width: int

    def __post_init__(self) -> None:
        if not (1 <= self.shift < self.width <= 63 and 1 <= self.out_width <= 64):
            raise InputError(f"{self} is impossible")

    def cost(self, batch: int, *given: Form) -> Cost:
        ((shape, additive),) = given
        return cost.truncate(batch * math.prod(shape), self.shift, self.width, self.out_width, additive)

    def draw(self, party: Party, batch: int, *given: Form) -> Randomness:
        ((shape, additive),) = given
        return draw_truncation(party, (batch, *shape), self.shift, self.width, self.out_width, additive=additive)

    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        return (yield from truncate(party, values[0], self.shift, self.width, self.out_width, random))


@dataclass(frozen=True)
class RectifyStep(OpeningStep):
    """Truncation and ReLU in one: :func:`trine.mpc.compare.rectify`."""

    whole = False

    shift: int
    width: int
    out_width: int

    def __post_init__(self) -> None:
        if not (1 <= self.shift < self.width - 1 <= 62 and 1 <= self.out_width <= 64):
            raise InputError(f"{self} is impossible")

    def cost(self, batch: int, *given: Form) -> Cost:
        ((shape, additive),) = given
        return cost.rectify(batch * math.prod(shape), self.shift, self.width, self.out_width, additive)

    def draw(self, party: Party, batch: int, *given: Form) -> Randomness:
        ((shape, additive),) = given
        return draw_rectify(party, (batch, *shape), self.shift, self.width, self.out_width, additive=additive)

    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        return (yield from rectify(party, values[0], self.shift, self.width, self.out_width, random))


@dataclass(frozen=True)
class ReLUStep(OpeningStep):
    """ReLU of numbers that need no truncation: :func:`trine.mpc.compare.relu`."""

    width: int
    out_width: int

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 64 and 1 <= self.out_width <= 64):
            raise InputError(f"{self} is impossible")

    def cost(self, batch: int, *given: Form) -> Cost:
        return cost.relu(batch * math.prod(given[0].shape), self.width, self.out_width)

    def draw(self, party: Party, batch: int, *given: Form) -> Randomness:
        return draw_sign_products(party, (batch, *given[0].shape), self.width, self.out_width)

    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        return (yield from relu(party, values[0], self.width, self.out_width, random))


@dataclass(frozen=True)
class MaxPoolStep(OpeningStep):
    """The largest of every window: :func:`trine.mpc.compare.maximum`.

    Attributes:
        padding: (top, bottom, left, right).
        fill: what is put there, no greater than any value.
        width: signed bits that the difference of any two values fits in.
    """

    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    fill: int
    width: int

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 64 and min(self.window + self.stride) > 0 <= min(self.padding)):
            raise InputError(f"{self} is impossible")

    def shape(self, *given: Shape) -> Shape:
        (x,) = given
        if len(x) != 3:
            raise ShapeError(f"windows of {self.window} do not fit {x}")
        sides = (self.padding[:2], self.padding[2:])
        spare = [x[i] + sum(sides[i]) - self.window[i] for i in (0, 1)]
        if min(spare) < 0:
            raise ShapeError(f"windows of {self.window} do not fit {x}")
        return spare[0] // self.stride[0] + 1, spare[1] // self.stride[1] + 1, x[2]

    def cost(self, batch: int, *given: Form) -> Cost:
        return cost.maximum(batch * math.prod(self.shape(given[0].shape)), math.prod(self.window), self.width)

    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        fill = place(party, 0, np.array(self.fill, np.int64).view(np.uint64), ())
        x: Replicated = values[0]
        windows = Replicated(self._windows(x.a, fill.a), self._windows(x.b, fill.b))
        return (yield from maximum(party, windows, self.width))

    def _windows(self, x: Ring, fill: Ring) -> Ring:
        """[N, rows, columns, C, pixels of the window]."""
        top, bottom, left, right = self.padding
        if any(self.padding):
            x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill[()])
        views = np.lib.stride_tricks.sliding_window_view(x, self.window, axis=(1, 2))
        views = views[:, :: self.stride[0], :: self.stride[1]]
        return views.reshape(*views.shape[:4], math.prod(self.window))
