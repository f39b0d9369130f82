"""Layers that move values about and compute nothing."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from trine.errors import InputError, ShapeError
from trine.nn.layers.base import Array, Layer, Shape

__all__ = ["Flatten", "OneHot", "Pad", "Permute", "Reshape", "Slice"]


Number = TypeVar("Number", np.float64, np.uint64)


@dataclass(frozen=True, eq=False, repr=False)
class Flatten(Layer):
    """One row per input, channels last: pixel (i, j, c) of (H, W, C) goes to place (i W + j) C + c.

    >>> Flatten().output_shape((3, 3, 64))
    (576,)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, x: Array) -> Array:
        return x.reshape(len(x), *self.output_shape(x.shape[1:]))


@dataclass(frozen=True, eq=False, repr=False)
class Reshape(Layer):
    """The same values in the same order, in another shape.

    Attributes:
        shape: of one output.

    Raises:
        InputError: it is not a tuple of positive integers.
    """

    shape: Shape

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("shape", integers(self.label, "shape", self.shape, 1))

    def output_shape(self, input_shape: Shape) -> Shape:
        if math.prod(input_shape) != math.prod(self.shape):
            raise ShapeError(f"{self.label}: an input of shape {input_shape} cannot have shape {self.shape}")
        return self.shape

    def forward(self, x: Array) -> Array:
        return x.reshape(len(x), *self.output_shape(x.shape[1:]))


@dataclass(frozen=True, eq=False, repr=False)
class Permute(Layer):
    """The axes in another order.

    Attributes:
        axes: axis i of the output is axis ``axes[i]`` of the input; counted from 0, without the batch.

    Raises:
        InputError: it is not a permutation.
    """

    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("axes", integers(self.label, "axes", self.axes, 0))
        if sorted(self.axes) != list(range(len(self.axes))):
            raise InputError(f"{self.label}: axes must be a permutation of 0, 1, ..., got {self.axes}")

    def output_shape(self, input_shape: Shape) -> Shape:
        _expect_axes(self.label, len(self.axes), input_shape)
        return tuple(input_shape[axis] for axis in self.axes)

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        return x.transpose(0, *(axis + 1 for axis in self.axes))


@dataclass(frozen=True, eq=False, repr=False)
class Pad(Layer):
    """Zeros before, after and between the values of each axis.

    A transposed convolution is a convolution (of the kernel turned around) of its input with zeros in between.

    Attributes:
        before: zeros in front of each axis; negative ones cut off.
        after: the same behind.
        between: zeros between any two neighbours of each axis; none if not given.

    Raises:
        InputError: they are no tuples of integers of one length.

    >>> Pad((1, 0), (0, -1), (1, 0)).forward(np.array([[[1, 2], [3, 4]]]))
    array([[[0],
            [1],
            [0],
            [3]]])
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    between: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("before", "after"):
            self._set(name, integers(self.label, name, getattr(self, name), None))
        between = (0,) * len(self.before) if self.between is None else self.between
        self._set("between", integers(self.label, "between", between, 0))
        if not len(self.before) == len(self.after) == len(between):
            raise InputError(f"{self.label}: before, after and between must have one number for each axis")

    @property
    def gaps(self) -> tuple[int, ...]:
        """``between``, which is there once the layer has been made."""
        assert self.between is not None
        return self.between

    def output_shape(self, input_shape: Shape) -> Shape:
        _expect_axes(self.label, len(self.before), input_shape)
        shape = tuple(
            before + size + (size - 1) * gap + after
            for before, size, gap, after in zip(self.before, input_shape, self.gaps, self.after, strict=True)
        )
        if min(shape) < 1:
            raise ShapeError(f"{self.label}: nothing is left of an input of shape {input_shape}")
        return shape

    def forward(self, x: Array) -> Array:
        return padded(x, self.before, self.after, self.gaps)


@dataclass(frozen=True, eq=False, repr=False)
class Slice(Layer):
    """A part of each axis, as Python's ``[start:stop:step]``.

    Attributes:
        start: first of each axis, from 0.
        stop: one behind the last of each axis.
        step: 1 in every axis if not given.

    Raises:
        InputError: they are no tuples of such integers, of one length.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("start", integers(self.label, "start", self.start, 0))
        self._set("stop", integers(self.label, "stop", self.stop, 1))
        step = (1,) * len(self.start) if self.step is None else self.step
        self._set("step", integers(self.label, "step", step, 1))
        if not len(self.start) == len(self.stop) == len(step):
            raise InputError(f"{self.label}: start, stop and step must have one number for each axis")

    @property
    def slices(self) -> tuple[slice, ...]:
        """What is taken of each axis."""
        assert self.step is not None
        return tuple(map(slice, self.start, self.stop, self.step))

    def output_shape(self, input_shape: Shape) -> Shape:
        _expect_axes(self.label, len(self.start), input_shape)
        shape = tuple(len(range(size)[part]) for size, part in zip(input_shape, self.slices, strict=True))
        if min(shape) < 1 or any(stop > size for stop, size in zip(self.stop, input_shape, strict=True)):
            raise ShapeError(f"{self.label}: {self.start} to {self.stop} is not within shape {input_shape}")
        return shape

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        return x[(slice(None), *self.slices)]


@dataclass(frozen=True, eq=False, repr=False)
class OneHot(Layer):
    """Numbers 0 ... size - 1 as rows with a 1 at that place; only as the first layer: the client does it.

    With a Dense behind it, it is an embedding. A number outside gives a row of zeros.

    Attributes:
        size: how many numbers there are.
    """

    size: int

    def __post_init__(self) -> None:
        super().__post_init__()
        (size,) = integers(self.label, "size", (self.size,), 1)
        self._set("size", size)

    def output_shape(self, input_shape: Shape) -> Shape:
        return *input_shape, self.size

    def forward(self, x: Array) -> Array:
        y: Array = (x[..., np.newaxis] == np.arange(self.size)).astype(np.float64)
        return y


def padded(x: NDArray[Number], before: Sequence[int], after: Sequence[int], between: Sequence[int]) -> NDArray[Number]:
    """A batch with zeros before, after and between the values of each axis but the first; negative numbers cut off."""
    sizes = [size + (size - 1) * gap for size, gap in zip(x.shape[1:], between, strict=True)]
    lengths: list[int] = [max(b, 0) + size + max(a, 0) for b, size, a in zip(before, sizes, after, strict=True)]
    out = np.zeros((len(x), *lengths), x.dtype)
    places: list[Any] = [slice(None)]
    kept: list[Any] = [slice(None)]
    for b, size, gap, length, a in zip(before, sizes, between, lengths, after, strict=True):
        places.append(slice(max(b, 0), max(b, 0) + size, gap + 1))
        kept.append(slice(max(-b, 0), length - max(-a, 0)))
    out[tuple(places)] = x
    cut: NDArray[Number] = out[tuple(kept)]
    return cut


def integers(label: str, what: str, values: object, least: int | None) -> tuple[int, ...]:
    """A tuple of integers of at least ``least``; InputError if it is none."""
    try:
        result = tuple(operator.index(value) for value in values)  # type: ignore[attr-defined]
    except TypeError:
        raise InputError(f"{label}: {what} must be a tuple of integers, got {values!r}") from None
    if least is not None and result and min(result) < least:
        raise InputError(f"{label}: {what} must be integers of at least {least}, got {values!r}")
    return result


def _expect_axes(label: str, axes: int, input_shape: Shape) -> None:
    if len(input_shape) != axes:
        raise ShapeError(f"{label}: takes {axes} axes, got an input of shape {input_shape}")
