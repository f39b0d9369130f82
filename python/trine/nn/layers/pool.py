"""The mean or the largest of every window of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trine.nn.layers.base import Array, Layer, Pair, Shape
from trine.nn.layers.window import Padding, Sides, padding_sides, read_padding, windows

__all__ = ["AvgPool2D", "MaxPool2D"]


@dataclass(frozen=True, eq=False, repr=False)
class Pool(Layer):
    """Windows of an image, channel by channel.

    Attributes:
        window: (height, width).
        stride: steps (down, right); the window if not given.
        padding: "valid", "same" or ((top, bottom), (left, right)), as in a convolution.

    Raises:
        InputError: one of them is not what is written above.
    """

    window: Pair
    stride: Pair | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_pair("window")
        if self.stride is None:
            self._set("stride", self.window)
        self._set_pair("stride")
        self._set("padding", read_padding(self.label, self.padding))

    @property
    def steps(self) -> Pair:
        """The stride, which is there once the layer has been made."""
        assert self.stride is not None
        return self.stride

    def pads(self, input_shape: Shape) -> Sides:
        """What is added around the image ((top, bottom), (left, right)), "same" resolved for ``input_shape``."""
        height, width, _ = self._image(input_shape)
        return padding_sides(self.padding, (height, width), self.window, self.steps)

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = self._image(input_shape)
        (top, bottom), (left, right) = self.pads(input_shape)
        return *windows(self.label, (height + top + bottom, width + left + right), self.window, self.steps), channels

    def _windows(self, x: Array, outside: float) -> Array:
        """[N, rows, columns, C, height, width]."""
        self.output_shape(x.shape[1:])
        padded = np.pad(x, ((0, 0), *self.pads(x.shape[1:]), (0, 0)), constant_values=outside)
        views = np.lib.stride_tricks.sliding_window_view(padded, self.window, axis=(1, 2))
        return views[:, :: self.steps[0], :: self.steps[1]]


@dataclass(frozen=True, eq=False, repr=False)
class AvgPool2D(Pool):
    """Mean of every window; rows and columns that fill no window are dropped.

    Attributes:
        count_padding: whether the zeros around the image count in the mean (PyTorch's rule) or not (Keras's).

    >>> AvgPool2D((2, 2)).output_shape((13, 13, 32))
    (6, 6, 32)
    """

    count_padding: bool = False

    def counts(self, input_shape: Shape) -> tuple[Array, Array]:
        """How many rows and how many columns of each window count; their products are the numbers of pixels."""
        rows, columns = self.output_shape(input_shape)[:2]
        if self.count_padding:
            return np.full(rows, float(self.window[0])), np.full(columns, float(self.window[1]))
        counts = []
        for axis, number in enumerate((rows, columns)):
            first = np.arange(number) * self.steps[axis] - self.pads(input_shape)[axis][0]
            last = np.minimum(first + self.window[axis], input_shape[axis])
            counts.append((last - np.maximum(first, 0)).astype(np.float64))
        return counts[0], counts[1]

    def forward(self, x: Array) -> Array:
        rows, columns = self.counts(x.shape[1:])
        y: Array = self._windows(x, 0.0).sum(axis=(4, 5)) / (rows[:, np.newaxis, np.newaxis] * columns[:, np.newaxis])
        return y


@dataclass(frozen=True, eq=False, repr=False)
class MaxPool2D(Pool):
    """The largest of every window; padding never wins.

    >>> MaxPool2D((2, 2)).forward(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """

    def forward(self, x: Array) -> Array:
        y: Array = self._windows(x, -np.inf).max(axis=(4, 5))
        return y
