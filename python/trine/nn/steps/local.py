"""Sums, public factors and rearrangements: linear, local, and the same on replicated shares as on additive parts."""

from __future__ import annotations

import math
import operator
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from trine import _core
from trine.errors import ShapeError
from trine.mpc.party import Party, Replicated, Ring
from trine.nn.layers.shape import padded
from trine.nn.steps.base import LocalStep, Shape, Value, additive_part
from trine.nn.steps.linear import broadcast, plus_bias

__all__ = [
    "AddStep",
    "ConcatenateStep",
    "FactorStep",
    "PadStep",
    "PermuteStep",
    "PoolStep",
    "ReshapeStep",
    "ShiftStep",
    "SliceStep",
    "SumStep",
]


@dataclass(frozen=True)
class LinearStep(LocalStep):
    """A public linear function of one value."""

    whole = False

    def additive(self, *given: bool) -> bool:
        return given[0]

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        (x,) = values
        return x.map(self.of) if isinstance(x, Replicated) else self.of(x)

    @abstractmethod
    def of(self, x: Ring) -> Ring:
        """The function of a share of a batch."""


@dataclass(frozen=True)
class PoolStep(LinearStep):
    """Sum over windows (the division is left to a later truncation or product).

    A product's bias is cheaper to add here than before: ``bias`` channels of it, or 0 for none.
    """

    window: tuple[int, int]
    stride: tuple[int, int]
    bias: int = 0

    def tensors(self) -> list[Shape]:
        return [(self.bias,)] if self.bias else []

    def shape(self, *given: Shape) -> Shape:
        (x,) = given
        fits = len(x) == 3 and self.window[0] <= x[0] and self.window[1] <= x[1]
        if not fits or min(self.window + self.stride) < 1:
            raise ShapeError(f"windows of {self.window} in steps of {self.stride} do not fit {x}")
        if self.bias not in (0, x[2]):
            raise ShapeError(f"a bias of {self.bias} channels does not fit {x}")
        rows, columns = ((x[i] - self.window[i]) // self.stride[i] + 1 for i in (0, 1))
        return rows, columns, x[2]

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        summed = super().apply(party, values, tensors)
        return summed if isinstance(summed, Replicated) else plus_bias(summed, tensors)

    def of(self, x: Ring) -> Ring:
        out = np.empty((len(x), *self.shape(x.shape[1:])), np.uint64)
        _core.z2k_sumpool(np.ascontiguousarray(x), out, self.window, self.stride)
        return out


@dataclass(frozen=True)
class SumStep(LinearStep):
    """Sum along the last axis, which stays, of length 1."""

    def shape(self, *given: Shape) -> Shape:
        if not given[0]:
            raise ShapeError("there is no axis to sum along")
        return *given[0][:-1], 1

    def of(self, x: Ring) -> Ring:
        return np.asarray(x.sum(axis=-1, keepdims=True, dtype=np.uint64))


@dataclass(frozen=True)
class FactorStep(LinearStep):
    """Product by public integers along an axis, or by a single one."""

    axis: int
    factors: tuple[int, ...]

    def shape(self, *given: Shape) -> Shape:
        (x,) = given
        if self.axis >= len(x) or len(self.factors) not in (1, x[self.axis]):
            raise ShapeError(f"{len(self.factors)} factors do not fit axis {self.axis} of {x}")
        return x

    def of(self, x: Ring) -> Ring:
        factors = np.array(self.factors, np.int64).view(np.uint64)
        return x * factors.reshape(-1, *[1] * (x.ndim - 2 - self.axis))


@dataclass(frozen=True)
class ReshapeStep(LinearStep):
    """The same values in the same order, in another shape."""

    to: Shape

    def shape(self, *given: Shape) -> Shape:
        if math.prod(given[0]) != math.prod(self.to):
            raise ShapeError(f"{given[0]} cannot have shape {self.to}")
        return self.to

    def of(self, x: Ring) -> Ring:
        return x.reshape(len(x), *self.to)


@dataclass(frozen=True)
class PermuteStep(LinearStep):
    """The axes in another order."""

    axes: tuple[int, ...]

    def shape(self, *given: Shape) -> Shape:
        if sorted(self.axes) != list(range(len(given[0]))):
            raise ShapeError(f"axes {self.axes} are no permutation of those of {given[0]}")
        return tuple(given[0][axis] for axis in self.axes)

    def of(self, x: Ring) -> Ring:
        return np.ascontiguousarray(x.transpose(0, *(axis + 1 for axis in self.axes)))


@dataclass(frozen=True)
class PadStep(LinearStep):
    """Zeros before, after and between the values of each axis; negative numbers cut off."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    between: tuple[int, ...]

    def shape(self, *given: Shape) -> Shape:
        (x,) = given
        if not len(x) == len(self.before) == len(self.after) == len(self.between) or min(self.between, default=0) < 0:
            raise ShapeError(f"{self} does not fit {x}")
        axes = zip(self.before, x, self.between, self.after, strict=True)
        shape = tuple(before + size + (size - 1) * gap + after for before, size, gap, after in axes)
        if min(shape) < 1:
            raise ShapeError(f"{self} leaves nothing of {x}")
        return shape

    def of(self, x: Ring) -> Ring:
        return np.ascontiguousarray(padded(x, self.before, self.after, self.between))


@dataclass(frozen=True)
class SliceStep(LinearStep):
    """A part of each axis, as Python's ``[start:stop:stride]``."""

    start: tuple[int, ...]
    stop: tuple[int, ...]
    stride: tuple[int, ...]

    def shape(self, *given: Shape) -> Shape:
        (x,) = given
        if not len(x) == len(self.start) == len(self.stop) == len(self.stride) or min(self.stride) < 1:
            raise ShapeError(f"{self} does not fit {x}")
        shape = tuple(len(range(size)[part]) for size, part in zip(x, self._slices, strict=True))
        if min(self.start) < 0 or min(shape) < 1:
            raise ShapeError(f"{self} leaves nothing of {x}")
        return shape

    def of(self, x: Ring) -> Ring:
        return np.ascontiguousarray(x[(slice(None), *self._slices)])

    @property
    def _slices(self) -> tuple[slice, ...]:
        return tuple(map(slice, self.start, self.stop, self.stride))


@dataclass(frozen=True)
class ShiftStep(LocalStep):
    """Sum with a secret tensor of the model; it broadcasts."""

    whole = False

    by: Shape

    def tensors(self) -> list[Shape]:
        return [self.by]

    def shape(self, *given: Shape) -> Shape:
        return broadcast(given[0], self.by, result=given[0])

    def additive(self, *given: bool) -> bool:
        return given[0]

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        x, shift = values[0], tensors[0]
        return Replicated(x.a + shift.a, x.b + shift.b) if isinstance(x, Replicated) else x + shift.a


@dataclass(frozen=True)
class AddStep(LocalStep):
    """Sum of values, each multiplied by 2^shift to bring all to one format; shapes broadcast."""

    whole = False

    shifts: tuple[int, ...]

    def shape(self, *given: Shape) -> Shape:
        if len(given) != len(self.shifts) or not all(0 <= shift < 64 for shift in self.shifts):
            raise ShapeError(f"{len(given)} values were given for shifts {self.shifts}")
        return broadcast(*given)

    def additive(self, *given: bool) -> bool:
        return any(given)

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        total: Value = reduce(operator.add, aligned(values, self.shifts))
        return total


@dataclass(frozen=True)
class ConcatenateStep(LocalStep):
    """Values one behind the other, each multiplied by 2^shift to bring all to one format."""

    whole = False

    axis: int
    shifts: tuple[int, ...]

    def shape(self, *given: Shape) -> Shape:
        first, axis = given[0], self.axis
        if not axis < len(first) or len(given) != len(self.shifts) or not all(0 <= shift < 64 for shift in self.shifts):
            raise ShapeError(f"{self} does not fit {given}")
        if {x[:axis] + x[axis + 1 :] for x in given} != {first[:axis] + first[axis + 1 :]}:
            raise ShapeError(f"shapes {', '.join(map(str, given))} do not go together")
        return *first[:axis], sum(x[axis] for x in given), *first[axis + 1 :]

    def additive(self, *given: bool) -> bool:
        return any(given)

    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        parts = aligned(values, self.shifts)
        if isinstance(parts[0], Replicated):
            shares = [np.concatenate([getattr(x, s) for x in parts], self.axis + 1) for s in "ab"]
            return Replicated(*shares)
        return np.concatenate(parts, self.axis + 1)


def aligned(values: Sequence[Any], shifts: Sequence[int]) -> list[Any]:
    """Values in one form and format: additive parts, unless all are replicated."""
    if not all(isinstance(x, Replicated) for x in values):
        return [
            additive_part(x) << np.uint64(s) if s else additive_part(x) for x, s in zip(values, shifts, strict=True)
        ]
    return [_raised(x, s) if s else x for x, s in zip(values, shifts, strict=True)]


def _raised(x: Replicated, shift: int) -> Replicated:
    return x.map(lambda share: share << np.uint64(shift))
