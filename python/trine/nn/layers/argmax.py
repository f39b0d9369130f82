"""Which value is the largest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trine.errors import ShapeError
from trine.nn.layers.base import Array, Layer, Shape

__all__ = ["ArgMax"]


@dataclass(frozen=True, eq=False, repr=False)
class ArgMax(Layer):
    """The number, from 0, of the largest value along the last axis, the first of equals; the axis disappears.

    >>> ArgMax().forward(np.array([[1.0, 3.0, 3.0]]))
    array([1.])
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ShapeError(f"{self.label}: takes at least one axis, got an input of shape {input_shape}")
        return input_shape[:-1]

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        return np.asarray(x.argmax(axis=-1), np.float64)
