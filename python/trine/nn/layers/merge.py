"""Layers of two or more inputs."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import reduce

import numpy as np

from trine.errors import InputError, ShapeError
from trine.nn.layers.base import Array, Layer, Shape

__all__ = ["Add", "Concatenate", "MatMul", "Multiply"]


@dataclass(frozen=True, eq=False, repr=False)
class Broadcasting(Layer):
    """An operation between elements at the same place; shapes broadcast among inputs of equally many axes."""

    arity = None

    def output_shape(self, *input_shapes: Shape) -> Shape:
        axes = {len(shape) for shape in input_shapes}
        try:
            if len(axes) == 1:
                return np.broadcast_shapes(*input_shapes)
        except ValueError:
            pass
        raise ShapeError(f"{self.label}: inputs of shapes {', '.join(map(str, input_shapes))} do not go together")


@dataclass(frozen=True, eq=False, repr=False)
class Add(Broadcasting):
    """The sum of its inputs."""

    def forward(self, *inputs: Array) -> Array:
        return reduce(operator.add, inputs)


@dataclass(frozen=True, eq=False, repr=False)
class Multiply(Broadcasting):
    """The product of its inputs, element by element."""

    def forward(self, *inputs: Array) -> Array:
        return reduce(operator.mul, inputs)


@dataclass(frozen=True, eq=False, repr=False)
class Concatenate(Layer):
    """Its inputs one behind the other.

    Attributes:
        axis: counted from 0 without the batch, or from the last one, which is -1.
    """

    arity = None
    axis: int = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.axis) is not int:
            raise InputError(f"{self.label}: axis must be an integer, got {self.axis!r}")

    def output_shape(self, *input_shapes: Shape) -> Shape:
        first = input_shapes[0]
        if not -len(first) <= self.axis < len(first):
            raise ShapeError(f"{self.label}: an input of shape {first} has no axis {self.axis}")
        axis = self.axis % len(first)
        if {shape[:axis] + shape[axis + 1 :] for shape in input_shapes} != {first[:axis] + first[axis + 1 :]}:
            raise ShapeError(f"{self.label}: inputs of shapes {', '.join(map(str, input_shapes))} do not go together")
        return *first[:axis], sum(shape[axis] for shape in input_shapes), *first[axis + 1 :]

    def forward(self, *inputs: Array) -> Array:
        self.output_shape(*(x.shape[1:] for x in inputs))
        return np.concatenate(inputs, axis=self.axis % (inputs[0].ndim - 1) + 1)


@dataclass(frozen=True, eq=False, repr=False)
class MatMul(Layer):
    """The matrix products of two inputs: (..., M, K) by (..., K, N), with the same axes before the last two.

    >>> MatMul().output_shape((4, 5, 8), (4, 8, 5))
    (4, 5, 5)
    """

    arity = 2

    def output_shape(self, left: Shape, right: Shape) -> Shape:
        if len(left) < 2 or left[:-2] != right[:-2] or len(left) != len(right) or left[-1] != right[-2]:
            raise ShapeError(f"{self.label}: matrices of shapes {left} and {right} cannot be multiplied")
        return *left[:-1], right[-1]

    def forward(self, left: Array, right: Array) -> Array:
        self.output_shape(left.shape[1:], right.shape[1:])
        y: Array = left @ right
        return y
