"""Products: with secret tensors of the model, and of two values; all local, all leave additive parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trine.errors import ShapeError
from trine.mpc.arithmetic import conv2d_shape, local_conv2d, local_matmul, local_product, pack_operand
from trine.mpc.party import Party, Replicated, Ring
from trine.nn.steps.base import LocalStep, Shape, Tensor, Value

__all__ = ["Conv2DStep", "DenseStep", "MatMulStep", "MultiplyStep", "ScaleStep"]


@dataclass(frozen=True)
class ProductStep(LocalStep):
    """What leaves additive parts."""

    def additive(self, *given: bool) -> bool:
        return True


@dataclass(frozen=True)
class Conv2DStep(ProductStep):
    """Convolution by a secret kernel (KH, KW, C / groups, O)."""

    kernel: tuple[int, int, int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int
    bias: bool

    def tensors(self) -> list[Shape]:
        return [self.kernel, (self.kernel[3],)] if self.bias else [self.kernel]

    def pack(self, tensors: Sequence[Replicated]) -> list[Tensor]:
        plain = self.groups == 1 and self.dilation == (1, 1)
        return [pack_operand(tensors[0]) if plain else tensors[0], *tensors[1:]]

    def shape(self, *given: Shape) -> Shape:
        return conv2d_shape((1, *given[0]), self.kernel, self.stride, self.padding, self.dilation, self.groups)[1:]

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        part = local_conv2d(values[0], tensors[0], self.stride, self.padding, self.dilation, self.groups)
        return plus_bias(part, tensors[1:])


@dataclass(frozen=True)
class DenseStep(ProductStep):
    """Product of the last axis by a secret matrix (inputs, outputs)."""

    weights: tuple[int, int]
    bias: bool

    def tensors(self) -> list[Shape]:
        return [self.weights, (self.weights[1],)] if self.bias else [self.weights]

    def pack(self, tensors: Sequence[Replicated]) -> list[Tensor]:
        return [pack_operand(tensors[0]), *tensors[1:]]

    def shape(self, *given: Shape) -> Shape:
        if not given[0] or given[0][-1] != self.weights[0]:
            raise ShapeError(f"a dense step of {self.weights} does not take {given[0]}")
        return *given[0][:-1], self.weights[1]

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        (x,) = values
        rows = x.map(lambda share: share.reshape(-1, self.weights[0]))
        part = local_matmul(rows, tensors[0])
        return plus_bias(part.reshape(*x.shape[:-1], self.weights[1]), tensors[1:])


@dataclass(frozen=True)
class ScaleStep(ProductStep):
    """Product by a secret tensor, element by element; it broadcasts."""

    factor: Shape

    def tensors(self) -> list[Shape]:
        return [self.factor]

    def shape(self, *given: Shape) -> Shape:
        return broadcast(given[0], self.factor, result=given[0])

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        return local_product(values[0], tensors[0])


@dataclass(frozen=True)
class MultiplyStep(ProductStep):
    """Product of two values, element by element; shapes broadcast."""

    def shape(self, *given: Shape) -> Shape:
        return broadcast(*given)

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        return local_product(*values)


@dataclass(frozen=True)
class MatMulStep(ProductStep):
    """Matrix products of two values, (..., M, K) by (..., K, N)."""

    def shape(self, *given: Shape) -> Shape:
        x, y = given
        if len(x) < 2 or x[:-2] != y[:-2] or len(x) != len(y) or x[-1] != y[-2]:
            raise ShapeError(f"matrices of shapes {x} and {y} cannot be multiplied")
        return *x[:-1], y[-1]

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        return local_matmul(*values)


def broadcast(*shapes: Shape, result: Shape | None = None) -> Shape:
    """The joint shape; ShapeError if there is none, or if it is not the one expected."""
    try:
        joint = np.broadcast_shapes(*shapes)
    except ValueError:
        joint = None
    if joint is None or (result is not None and joint != result):
        raise ShapeError(f"shapes {', '.join(map(str, shapes))} do not go together")
    return joint


def plus_bias(part: Ring, bias: Sequence[Replicated]) -> Ring:
    """A product with its bias, if there is one, in place."""
    for share in bias:
        part += share.a
    return part
