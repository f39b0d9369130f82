"""What every layer is: shapes, and an exact answer in the clear."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from trine.errors import InputError, ShapeError
from trine.ring.fixed import real_array

__all__ = ["Array", "Layer", "Pair", "Shape", "pair"]

Array: TypeAlias = npt.NDArray[np.float64]
Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True, eq=False, repr=False)
class Layer(ABC):
    """One step of a model.

    Attributes:
        name: what errors and summaries call it beside its kind; may be empty.
    """

    arity: ClassVar[int | None] = 1  # how many inputs it takes; None for two or more

    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise InputError(f"{type(self).__name__}: name must be a string, got {self.name!r}")

    @property
    def label(self) -> str:
        """Kind and name, as errors print them."""
        return f"{type(self).__name__} {self.name!r}" if self.name else type(self).__name__

    @property
    def arrays(self) -> dict[str, Array]:
        """The parameters by field name, in the order of definition."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    @abstractmethod
    def output_shape(self, *input_shapes: Any) -> Shape:
        """Shape of the output for inputs of these shapes, all without the batch axis.

        Raises:
            ShapeError: an input of this shape does not fit the layer.
        """

    @abstractmethod
    def forward(self, *inputs: Any) -> Array:
        """Output in the clear for a batch: float64[N, *input_shape] of each input to float64[N, *output_shape].

        Raises:
            ShapeError: as for `output_shape`.
        """

    def __repr__(self) -> str:
        shown = {f.name: repr(getattr(self, f.name)) for f in fields(self) if f.name != "name" or self.name}
        shown |= {name: f"float64{list(array.shape)}" for name, array in self.arrays.items()}
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in shown.items())})"

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _set_array(self, name: str, **axes: int | None) -> None:
        """Freezes a field to a read-only float64 copy; each axis has its length, or None for any but 0."""
        try:
            array = real_array(getattr(self, name)).copy()
        except InputError as error:
            raise type(error)(f"{self.label}: {name}: {error}") from None
        lengths = tuple(length or got for length, got in zip(axes.values(), array.shape, strict=False))
        if array.ndim != len(axes) or array.shape != lengths or array.size == 0:
            expected = ", ".join(f"{axis} = {length}" if length else axis for axis, length in axes.items())
            raise ShapeError(f"{self.label}: {name} must have shape [{expected}], no axis empty, got {array.shape}")
        array.setflags(write=False)
        self._set(name, array)

    def _set_pair(self, name: str, least: int = 1) -> None:
        self._set(name, pair(f"{self.label}: {name}", getattr(self, name), least))

    def _image(self, shape: Shape) -> tuple[int, int, int]:
        if len(shape) != 3:
            raise ShapeError(f"{self.label}: takes (height, width, channels), got an input of shape {shape}")
        return shape[0], shape[1], shape[2]


def pair(what: str, value: object, least: int) -> Pair:
    """Two integers of at least ``least``; InputError if they are none."""
    try:
        first, second = (operator.index(item) for item in cast(Pair, value))
    except (TypeError, ValueError):
        raise InputError(f"{what} must be a pair of integers, got {value!r}") from None
    if min(first, second) < least:
        raise InputError(f"{what} must be at least {least}, got {value!r}")
    return first, second
