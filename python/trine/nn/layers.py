"""The layers of a model, each with its shapes and its exact answer in the clear.

Images are channels last, ``(height, width, channels)``; a batch adds a leading axis. A layer is immutable:
its arrays are float64, read-only copies of what was passed. ``forward`` is the float64 reference that a
private run is measured against. Names, geometry and the meaning of "same" padding are those of Keras.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from trine.errors import InputError, ShapeError
from trine.ring.fixed import real_array

__all__ = ["AvgPool2D", "Conv2D", "Dense", "Flatten", "Layer", "ReLU", "same_padding"]

Array: TypeAlias = npt.NDArray[np.float64]
Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True, eq=False, repr=False)
class Layer(ABC):
    """One step of a model.

    Attributes:
        name: what errors and summaries call it beside its kind; may be empty.
    """

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
    def output_shape(self, input_shape: Shape) -> Shape:
        """Shape of the output for one input of ``input_shape``, both without the batch axis.

        Raises:
            ShapeError: an input of this shape does not fit the layer.
        """

    @abstractmethod
    def forward(self, x: Array) -> Array:
        """Output in the clear for a batch: float64[N, *input_shape] to float64[N, *output_shape].

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

    def _set_pair(self, name: str, least: int) -> None:
        self._set(name, _pair(f"{self.label}: {name}", getattr(self, name), least))

    def _image(self, shape: Shape) -> tuple[int, int, int]:
        if len(shape) != 3:
            raise ShapeError(f"{self.label}: takes (height, width, channels), got an input of shape {shape}")
        return shape[0], shape[1], shape[2]


@dataclass(frozen=True, eq=False, repr=False)
class Conv2D(Layer):
    """Two-dimensional convolution (cross-correlation, as in every framework).

    Attributes:
        weights: float64[KH, KW, C, O].
        bias: float64[O], or None.
        stride: steps (down, right).
        padding: zeros around the image: "valid" (none), "same" (Keras's rule, which depends on the input's
            size; `pads` gives the numbers) or ((top, bottom), (left, right)).

    Raises:
        DtypeError, NotFiniteError, ShapeError: an array is not what is written above.
        InputError: stride or padding is not what is written above.

    >>> blur = Conv2D(np.full((2, 2, 1, 1), 0.25), stride=(2, 2))
    >>> blur.output_shape((28, 28, 1))
    (14, 14, 1)
    >>> blur
    Conv2D(weights=float64[2, 2, 1, 1], bias=None, stride=(2, 2), padding=((0, 0), (0, 0)))
    """

    weights: Array
    bias: Array | None = None
    stride: Pair = (1, 1)
    padding: str | tuple[Pair, Pair] = "valid"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set_array("weights", KH=None, KW=None, C=None, O=None)
        if self.bias is not None:
            self._set_array("bias", O=self.weights.shape[3])
        self._set_pair("stride", 1)
        if isinstance(self.padding, str):
            if self.padding not in ("valid", "same"):
                raise InputError(f"{self.label}: padding must be 'valid', 'same' or numbers, got {self.padding!r}")
            if self.padding == "valid":
                self._set("padding", ((0, 0), (0, 0)))
            return
        try:
            vertical, horizontal = self.padding
        except (TypeError, ValueError):
            raise InputError(
                f"{self.label}: padding must be ((top, bottom), (left, right)), got {self.padding!r}"
            ) from None
        what = f"{self.label}: padding"
        self._set("padding", (_pair(what, vertical, 0), _pair(what, horizontal, 0)))

    def pads(self, input_shape: Shape) -> tuple[int, int, int, int]:
        """Zeros to add (top, bottom, left, right): the kernels' order, "same" resolved for ``input_shape``.

        >>> Conv2D(np.zeros((2, 2, 1, 1)), padding="same").pads((28, 28, 1))
        (0, 1, 0, 1)
        """
        if isinstance(self.padding, str):
            height, width, _ = self._image(input_shape)
            kernel = (self.weights.shape[0], self.weights.shape[1])
            vertical, horizontal = same_padding((height, width), kernel, self.stride)
        else:
            vertical, horizontal = self.padding
        return *vertical, *horizontal

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = self._image(input_shape)
        kernel_height, kernel_width, expected, outputs = self.weights.shape
        if channels != expected:
            raise ShapeError(f"{self.label}: takes {expected} channels, got an input of shape {input_shape}")
        top, bottom, left, right = self.pads(input_shape)
        padded = (height + top + bottom, width + left + right)
        return *_windows(self.label, padded, (kernel_height, kernel_width), self.stride), outputs

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        top, bottom, left, right = self.pads(x.shape[1:])
        padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.weights.shape[:2], axis=(1, 2))
        windows = windows[:, :: self.stride[0], :: self.stride[1]]  # [N, OH, OW, C, KH, KW]
        y: Array = np.tensordot(windows, self.weights, axes=((4, 5, 3), (0, 1, 2)))
        return y if self.bias is None else y + self.bias


@dataclass(frozen=True, init=False, eq=False, repr=False)
class AvgPool2D(Layer):
    """Mean over windows that lie wholly inside the image ("valid"): rows and columns left over are dropped.

    There is no "same" here: its windows at the border divide by fewer pixels than those inside.

    Attributes:
        window: (height, width).
        stride: steps (down, right); the window if not given.

    Raises:
        InputError: window or stride is not a pair of integers of at least 1.

    >>> AvgPool2D((2, 2)).output_shape((13, 13, 32))
    (6, 6, 32)
    """

    window: Pair
    stride: Pair

    def __init__(self, window: Pair, stride: Pair | None = None, *, name: str = "") -> None:
        self._set("name", name)
        self._set("window", window)
        self._set("stride", window if stride is None else stride)
        self.__post_init__()
        self._set_pair("window", 1)
        self._set_pair("stride", 1)

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = self._image(input_shape)
        return *_windows(self.label, (height, width), self.window, self.stride), channels

    def forward(self, x: Array) -> Array:
        rows, columns, channels = self.output_shape(x.shape[1:])
        down, right = self.stride
        total = np.zeros((len(x), rows, columns, channels))
        for i in range(self.window[0]):
            for j in range(self.window[1]):
                total += x[:, i : i + down * rows : down, j : j + right * columns : right]
        return total / math.prod(self.window)


@dataclass(frozen=True, eq=False, repr=False)
class ReLU(Layer):
    """max(x, 0), element by element, for any shape."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0.0)


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
class Dense(Layer):
    """x W + b on flat inputs.

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
        if input_shape != (expected,):
            hint = "; put a Flatten before it" if len(input_shape) > 1 else ""
            raise ShapeError(f"{self.label}: takes ({expected},), got an input of shape {input_shape}{hint}")
        return (outputs,)

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        y: Array = x @ self.weights
        return y if self.bias is None else y + self.bias


def same_padding(size: Pair, window: Pair, stride: Pair) -> tuple[Pair, Pair]:
    """Keras's "same": zeros ((top, bottom), (left, right)) so that ceil(size / stride) windows fit.

    An odd zero goes last.

    >>> same_padding((5, 6), (3, 2), (2, 1))
    ((1, 1), (0, 1))
    """

    def one(length: int, window: int, stride: int) -> Pair:
        total = max((-(-length // stride) - 1) * stride + window - length, 0)
        return total // 2, total - total // 2

    return one(size[0], window[0], stride[0]), one(size[1], window[1], stride[1])


def _pair(what: str, value: object, least: int) -> Pair:
    try:
        first, second = (operator.index(item) for item in cast(Pair, value))
    except (TypeError, ValueError):
        raise InputError(f"{what} must be a pair of integers, got {value!r}") from None
    if min(first, second) < least:
        raise InputError(f"{what} must be at least {least}, got {value!r}")
    return first, second


def _windows(label: str, size: Pair, window: Pair, stride: Pair) -> Pair:
    if size[0] < window[0] or size[1] < window[1]:
        raise ShapeError(f"{label}: a window of {window} does not fit into an input of {size}, padded")
    return (size[0] - window[0]) // stride[0] + 1, (size[1] - window[1]) // stride[1] + 1
