"""Functions of single values, and softmax."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine.errors import InputError, ShapeError
from trine.nn.layers.base import Array, Layer, Shape

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "Clip",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


@dataclass(frozen=True, eq=False, repr=False)
class Activation(Layer):
    """A function applied element by element, for any shape."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@dataclass(frozen=True, eq=False, repr=False)
class ReLU(Activation):
    """max(x, 0)."""

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0.0)


@dataclass(frozen=True, eq=False, repr=False)
class LeakyReLU(Activation):
    """x where it is positive, slope x elsewhere.

    Attributes:
        slope: public.

    Raises:
        InputError: slope is not a number in [-1024, 1024].
    """

    slope: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("slope", number(self.label, "slope", self.slope, 1024.0))

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, self.slope * x)


@dataclass(frozen=True, eq=False, repr=False)
class Clip(Activation):
    """min(max(x, low), high); ReLU6 is Clip(0, 6).

    Attributes:
        low: public.
        high: public.

    Raises:
        InputError: they are no numbers up to 2^20, or low is not below high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("low", "high"):
            self._set(name, number(self.label, name, getattr(self, name), 2.0**20))
        if not self.low < self.high:
            raise InputError(f"{self.label}: low must be below high, got {self.low} and {self.high}")

    def forward(self, x: Array) -> Array:
        return np.clip(x, self.low, self.high)


@dataclass(frozen=True, eq=False, repr=False)
class Sigmoid(Activation):
    """1 / (1 + e^-x)."""

    def forward(self, x: Array) -> Array:
        y: Array = 0.5 * np.tanh(0.5 * x) + 0.5
        return y


@dataclass(frozen=True, eq=False, repr=False)
class Tanh(Activation):
    """The hyperbolic tangent."""

    def forward(self, x: Array) -> Array:
        return np.tanh(x)


@dataclass(frozen=True, eq=False, repr=False)
class GELU(Activation):
    """x times the normal distribution function at x.

    Attributes:
        approximate: by tanh(sqrt(2 / pi) (x + 0.044715 x^3)), which differs by up to 0.0005 (Hendrycks & Gimpel, 2016).
    """

    approximate: bool = False

    def forward(self, x: Array) -> Array:
        if self.approximate:
            y: Array = 0.5 * x * (1.0 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
            return y
        y = 0.5 * x * (1.0 + _erf(x / math.sqrt(2)))
        return y


@dataclass(frozen=True, eq=False, repr=False)
class SiLU(Activation):
    """x times sigmoid(x), also called swish."""

    def forward(self, x: Array) -> Array:
        y: Array = x * (0.5 * np.tanh(0.5 * x) + 0.5)
        return y


@dataclass(frozen=True, eq=False, repr=False)
class ELU(Activation):
    """x where it is positive, alpha (e^x - 1) elsewhere.

    Attributes:
        alpha: public.

    Raises:
        InputError: alpha is not a number in [-16, 16].
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("alpha", number(self.label, "alpha", self.alpha, 16.0))

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0.0)))


@dataclass(frozen=True, eq=False, repr=False)
class Softplus(Activation):
    """log(1 + e^x)."""

    def forward(self, x: Array) -> Array:
        return np.logaddexp(x, 0.0)


@dataclass(frozen=True, eq=False, repr=False)
class Softmax(Layer):
    """e^x along the last axis, divided by its sum."""

    def output_shape(self, input_shape: Shape) -> Shape:
        if not input_shape:
            raise ShapeError(f"{self.label}: takes at least one axis, got an input of shape {input_shape}")
        return input_shape

    def forward(self, x: Array) -> Array:
        y = np.exp(x - x.max(axis=-1, keepdims=True))
        total: Array = y / y.sum(axis=-1, keepdims=True)
        return total


@dataclass(frozen=True, eq=False, repr=False)
class LogSoftmax(Softmax):
    """The logarithm of softmax."""

    def forward(self, x: Array) -> Array:
        y = x - x.max(axis=-1, keepdims=True)
        less: Array = y - np.log(np.exp(y).sum(axis=-1, keepdims=True))
        return less


def number(label: str, what: str, value: object, largest: float) -> float:
    """A finite number of bounded size, as a float; InputError if it is none."""
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        result = math.nan
    if not abs(result) <= largest:
        raise InputError(f"{label}: {what} must be a number within {-largest:g} and {largest:g}, got {value!r}")
    return result


_erf = np.vectorize(math.erf, otypes=[np.float64])
