"""Inputs whose values have ranges of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trine.errors import InputError, ShapeError
from trine.nn.layers.activation import number
from trine.nn.layers.base import Array, Layer, Shape

__all__ = ["InputRanges"]


@dataclass(frozen=True, eq=False, repr=False)
class InputRanges(Layer):
    """Brings every value from its own public range to [-size, size]; only as the first layer: the client does it.

    So numbers of very different scales are all encoded with the same precision relative to their range. A value whose
    range is a single number becomes 0.

    Attributes:
        low: the least that each value can be, float64[inputs]; public.
        high: the greatest, likewise.
        size: public, from 1 to 16384.
        single: whether the values are rounded to float32 first, as scikit-learn's trees do.

    Raises:
        DtypeError, NotFiniteError, ShapeError: an array is not what is written above.
        InputError: a range is empty, or size is something else.

    >>> InputRanges([0, 100], [1, 300]).forward(np.array([[0.0, 250.0]]))
    array([[-1. ,  0.5]])
    """

    low: Array
    high: Array
    size: float = 1.0
    single: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_array("low", inputs=None)
        self._set_array("high", inputs=len(self.low))
        self._set("size", number(self.label, "size", self.size, 16384.0))
        if self.size < 1.0:
            raise InputError(f"{self.label}: size must be from 1 to 16384, got {self.size}")
        if not (self.low <= self.high).all():
            raise InputError(f"{self.label}: low must be at most high, for every value")

    @property
    def center(self) -> Array:
        """What becomes 0."""
        return self.low + (self.high - self.low) / 2

    @property
    def factor(self) -> Array:
        """By how much each value is stretched."""
        width = self.high - self.low
        return np.divide(2 * self.size, width, out=np.ones_like(width), where=width > 0)

    def output_shape(self, input_shape: Shape) -> Shape:
        if input_shape != self.low.shape:
            raise ShapeError(f"{self.label}: takes {self.low.shape}, got an input of shape {input_shape}")
        return input_shape

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        values = x.astype(np.float32).astype(np.float64) if self.single else x
        return (values - self.center) * self.factor
