"""Layers that shift and scale: normalisation, and constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trine.errors import InputError, ShapeError
from trine.nn.layers.activation import number
from trine.nn.layers.base import Array, Layer, Shape

__all__ = ["Affine", "LayerNorm", "Scale", "batch_norm"]


@dataclass(frozen=True, eq=False, repr=False)
class Affine(Layer):
    """x * scale + shift with secret arrays, which broadcast to the input: a batch norm, an embedding of positions.

    Where it can, it is folded into the convolution or dense layer beside it when the model is compiled.

    Attributes:
        scale: float64, or None for ones.
        shift: float64, or None for zeros.

    Raises:
        DtypeError, NotFiniteError: they hold no finite numbers.
    """

    scale: Array | None = None
    shift: Array | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("scale", "shift"):
            if getattr(self, name) is not None:
                self._set_array(name, **dict.fromkeys(map(str, range(np.ndim(getattr(self, name))))))

    def output_shape(self, input_shape: Shape) -> Shape:
        for array in self.arrays.values():
            try:
                fits = np.broadcast_shapes(array.shape, input_shape) == input_shape
            except ValueError:
                fits = False
            if not fits:
                raise ShapeError(f"{self.label}: {array.shape} does not broadcast to an input of shape {input_shape}")
        return input_shape

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        y = x if self.scale is None else x * self.scale
        return y if self.shift is None else y + self.shift


@dataclass(frozen=True, eq=False, repr=False)
class Scale(Layer):
    """x times a public number.

    Attributes:
        factor: not 0, within 2^20.

    Raises:
        InputError: it is something else.
    """

    factor: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("factor", number(self.label, "factor", self.factor, 2.0**20))
        if abs(self.factor) < 2.0**-20:
            raise InputError(f"{self.label}: factor must be at least 2^-20 in size, got {self.factor}")

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, x: Array) -> Array:
        return x * self.factor


@dataclass(frozen=True, eq=False, repr=False)
class LayerNorm(Layer):
    """(x - mean) / sqrt(variance + epsilon) along the last axis.

    A gain and a shift after it are an :class:`Affine`.

    Attributes:
        epsilon: public.

    Raises:
        InputError: epsilon is not within 2^-24 and 1.
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("epsilon", number(self.label, "epsilon", self.epsilon, 1.0))
        if self.epsilon < 2.0**-24:
            raise InputError(f"{self.label}: epsilon must be at least 2^-24, got {self.epsilon}")

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ShapeError(f"{self.label}: takes at least one axis, got an input of shape {input_shape}")
        return input_shape

    def forward(self, x: Array) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        y: Array = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)
        return y


def batch_norm(
    gamma: Array | None, beta: Array | None, mean: Array, variance: Array, epsilon: float, name: str = ""
) -> Affine:
    """A batch norm as it answers after training: an :class:`Affine` along the last axis.

    >>> batch_norm(None, np.zeros(2), np.ones(2), np.full(2, 4.0), 0.0).forward(np.array([[3.0, 1.0]]))
    array([[1., 0.]])
    """
    scale = 1.0 / np.sqrt(np.asarray(variance, np.float64) + epsilon)
    if gamma is not None:
        scale = scale * gamma
    shift = -np.asarray(mean, np.float64) * scale
    return Affine(scale, shift if beta is None else shift + beta, name=name)
