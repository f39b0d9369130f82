"""Which leaves of trees are reached, and which value is the largest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from trine.errors import InputError, ShapeError
from trine.mpc import cost
from trine.mpc.arithmetic import reshare
from trine.mpc.compare import argmax
from trine.mpc.party import Party, Replicated
from trine.mpc.rounds import Protocol, Randomness
from trine.mpc.trees import TreeShapes, draw_leaves, reached_leaves
from trine.net import Cost
from trine.nn.steps.base import Form, OpeningStep, Shape, Tensor, Value, additive_part

__all__ = ["ArgMaxStep", "LeavesStep"]


@dataclass(frozen=True)
class LeavesStep(OpeningStep):
    """From a difference for every inner node, a 0 or 1 for every leaf: :func:`trine.mpc.trees.reached_leaves`.

    Attributes:
        depths: of the leaves, which say what shapes the trees have.
        width: signed bits that the differences fit in.
    """

    whole = False

    depths: tuple[int, ...]
    width: int
    out_width: int

    def __post_init__(self) -> None:
        TreeShapes(self.depths)
        if not (1 <= self.width <= 64 and 1 <= self.out_width <= 64):
            raise InputError(f"leaves of differences of {self.width} bits modulo 2^{self.out_width} are impossible")

    @cached_property
    def trees(self) -> TreeShapes:
        """The shapes of the trees."""
        return TreeShapes(self.depths)

    def shape(self, *given: Shape) -> Shape:
        if given[0] != (self.trees.nodes,):
            raise ShapeError(f"trees of {self.trees.nodes} nodes do not take {given[0]}")
        return (self.trees.leaves,)

    def cost(self, batch: int, *given: Form) -> Cost:
        return cost.reached_leaves(batch, self.trees, self.width, self.out_width)

    def draw(self, party: Party, batch: int, *given: Form) -> Randomness:
        return draw_leaves(party, batch, self.trees, self.width, self.out_width)

    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        part = additive_part(values[0])
        return (yield from reached_leaves(party, part, self.trees, self.width, self.out_width, random))


@dataclass(frozen=True)
class ArgMaxStep(OpeningStep):
    """The number of the largest value along the last axis: :func:`trine.mpc.compare.argmax`.

    Attributes:
        width: signed bits that the difference of any two values fits in.
    """

    whole = False

    width: int

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 64:
            raise InputError(f"{self} is impossible")

    def shape(self, *given: Shape) -> Shape:
        if not given[0]:
            raise ShapeError("there is no axis to find the largest value along")
        return given[0][:-1]

    def cost(self, batch: int, *given: Form) -> Cost:
        ((shape, additive),) = given
        *rows, columns = shape
        spent = cost.argmax(batch * math.prod(rows), columns, self.width)
        return cost.reshare(batch * math.prod(shape), self.width) + spent if additive else spent

    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        (x,) = values
        if not isinstance(x, Replicated):
            x = yield from reshare(party, x, self.width)
        index, _ = yield from argmax(party, x, self.width)
        return index
