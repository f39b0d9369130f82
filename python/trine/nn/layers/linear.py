"""Products with weights: dense layers and convolutions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine.errors import InputError, ShapeError
from trine.nn.layers.base import Array, Layer, Pair, Shape
from trine.nn.layers.window import Padding, Sides, dilated, padding_sides, read_padding, windows

__all__ = ["Conv2D", "Dense"]


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Layer):
    """x W + b along the last axis; the axes before it are rows.

    Attributes:
        weights: float64[inputs, outputs].
        bias: float64[outputs], or None.

    Raises:
        DtypeError, NotFiniteError, ShapeError: an array is not what is written above.
    """

    weights: Array
    bias: Array | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_array("weights", inputs=None, outputs=None)
        if self.bias is not None:
            self._set_array("bias", outputs=self.weights.shape[1])

    def output_shape(self, input_shape: Shape) -> Shape:
        expected, outputs = self.weights.shape
        if not input_shape or input_shape[-1] != expected:
            hint = "; put a Flatten before it" if math.prod(input_shape) == expected else ""
            raise ShapeError(f"{self.label}: takes (..., {expected}), got an input of shape {input_shape}{hint}")
        return *input_shape[:-1], outputs

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        y: Array = x @ self.weights
        return y if self.bias is None else y + self.bias


@dataclass(frozen=True, eq=False, repr=False)
class Conv2D(Layer):
    """Two-dimensional convolution (cross-correlation, as in every framework).

    Attributes:
        weights: float64[KH, KW, C / groups, O]; outputs of group g are columns g O / groups and following.
        bias: float64[O], or None.
        stride: steps (down, right).
        padding: zeros around the image: "valid" (none), "same" (Keras's rule, which depends on the input's
            size; `pads` gives the numbers) or ((top, bottom), (left, right)).
        dilation: distance between neighbours of the kernel (down, right).
        groups: the channels are cut into so many groups, each with outputs of its own; C for a depthwise convolution.

    Raises:
        DtypeError, NotFiniteError, ShapeError: an array is not what is written above.
        InputError: stride, padding, dilation or groups is not what is written above.

    >>> blur = Conv2D(np.full((2, 2, 1, 1), 0.25), stride=(2, 2))
    >>> blur.output_shape((28, 28, 1))
    (14, 14, 1)
    """

    weights: Array
    bias: Array | None = None
    stride: Pair = (1, 1)
    padding: Padding = "valid"
    dilation: Pair = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_array("weights", KH=None, KW=None, C=None, O=None)
        outputs = self.weights.shape[3]
        if self.bias is not None:
            self._set_array("bias", O=outputs)
        self._set_pair("stride")
        self._set_pair("dilation")
        self._set("padding", read_padding(self.label, self.padding))
        if type(self.groups) is not int or self.groups < 1 or outputs % self.groups:
            raise InputError(f"{self.label}: groups must divide the {outputs} outputs, got {self.groups!r}")

    @property
    def kernel(self) -> Pair:
        """Height and width of the kernel, dilation included."""
        return dilated(self.weights.shape[:2], self.dilation)

    def pads(self, input_shape: Shape) -> Sides:
        """Zeros to add ((top, bottom), (left, right)), "same" resolved for ``input_shape``.

        >>> Conv2D(np.zeros((2, 2, 1, 1)), padding="same").pads((28, 28, 1))
        ((0, 1), (0, 1))
        """
        height, width, _ = self._image(input_shape)
        return padding_sides(self.padding, (height, width), self.kernel, self.stride)

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = self._image(input_shape)
        if channels != self.weights.shape[2] * self.groups:
            expected = self.weights.shape[2] * self.groups
            raise ShapeError(f"{self.label}: takes {expected} channels, got an input of shape {input_shape}")
        (top, bottom), (left, right) = self.pads(input_shape)
        padded = (height + top + bottom, width + left + right)
        return *windows(self.label, padded, self.kernel, self.stride), self.weights.shape[3]

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        padded = np.pad(x, ((0, 0), *self.pads(x.shape[1:]), (0, 0)))
        views = np.lib.stride_tricks.sliding_window_view(padded, self.kernel, axis=(1, 2))
        (down, right), (deep, wide) = self.stride, self.dilation
        views = views[:, ::down, ::right, :, ::deep, ::wide]  # [N, OH, OW, C, KH, KW]
        inputs, outputs = self.weights.shape[2], self.weights.shape[3] // self.groups
        parts = [
            np.tensordot(
                views[:, :, :, g * inputs : (g + 1) * inputs],
                self.weights[..., g * outputs : (g + 1) * outputs],
                axes=((4, 5, 3), (0, 1, 2)),
            )
            for g in range(self.groups)
        ]
        y: Array = np.concatenate(parts, axis=-1)
        return y if self.bias is None else y + self.bias
