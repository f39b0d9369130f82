"""A model: layers that feed one another, checked when it is made, answered in the clear, kept in one file."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from trine.errors import InputError, RangeError, ShapeError, UnsupportedModelError
from trine.nn.layers import LAYERS, Array, InputRanges, Layer, OneHot, Shape
from trine.ring.fixed import real_array

__all__ = ["Model", "Node", "Range", "Sequential"]

Range: TypeAlias = tuple[float, float]

# Rows per step of `predict`: bounds the memory that a convolution's windows take.
CHUNK = 256


@dataclass(frozen=True, eq=False)
class Node:
    """A layer and the values it takes: value 0 is the model's input, value i + 1 what node i gives."""

    layer: Layer
    inputs: tuple[int, ...]


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Model:
    """Layers, each of which takes the input or what earlier ones give; immutable, never printed with its weights.

    Attributes:
        nodes: the layers and what they take, in an order in which they can be computed; the last one's is the answer.
        input_shape: shape of one input, without a batch axis.
        input_range: the declared public range (least, greatest) of every input value; plans rest on it.
        input_axes: how the input's axes are rearranged before the first layer, for models whose images come
            channels first: axis i becomes what axis ``input_axes[i]`` was.
        output_axes: the same for the answer, after the last layer.
        ranges: for each value (least, greatest) as :func:`trine.nn.calibrate` declares them, or empty.
        shapes: shapes[0] is the (rearranged) input's, shapes[i + 1] that of what node i gives.

    Args:
        nodes: :class:`Node`, or pairs (layer, inputs).

    Raises:
        UnsupportedModelError: something in ``nodes`` is not a layer of trine.
        ShapeError: a layer does not fit what it takes; says which.
        InputError: no layers, or one takes what is not there yet, or another argument makes no sense.

    >>> from trine.nn import Add, Dense
    >>> double = Model([(Dense(np.eye(2)), [0]), (Add(), [0, 1])], input_shape=(2,))
    >>> double.predict([3, 4])
    array([6., 8.])
    """

    nodes: tuple[Node, ...]
    input_shape: Shape
    input_range: Range
    input_axes: Shape
    output_axes: Shape
    ranges: tuple[Range, ...]
    shapes: tuple[Shape, ...]

    def __init__(
        self,
        nodes: Iterable[Node | tuple[Layer, Sequence[int]]],
        input_shape: Iterable[int],
        input_range: Range = (0.0, 1.0),
        *,
        input_axes: Iterable[int] | None = None,
        output_axes: Iterable[int] | None = None,
        ranges: Iterable[Range] = (),
    ) -> None:
        rows = tuple(node if isinstance(node, Node) else Node(node[0], tuple(node[1])) for node in nodes)
        if not rows:
            raise InputError("a model needs at least one layer")
        given = _sizes(input_shape)
        axes = _axes("input_axes", input_axes, len(given))
        shapes = [tuple(given[axis] for axis in axes)]
        for index, node in enumerate(rows):
            _check(index, node)
            try:
                shapes.append(node.layer.output_shape(*(shapes[value] for value in node.inputs)))
            except ShapeError as error:
                raise ShapeError(f"layer {index}, {error}") from None
        declared = tuple(_range("ranges", bounds) for bounds in ranges)
        if declared and len(declared) != len(shapes):
            raise InputError(f"ranges must be one for each of {len(shapes)} values, got {len(declared)}")
        object.__setattr__(self, "nodes", rows)
        object.__setattr__(self, "input_shape", given)
        object.__setattr__(self, "input_range", _range("input_range", input_range))
        object.__setattr__(self, "input_axes", axes)
        object.__setattr__(self, "output_axes", _axes("output_axes", output_axes, len(shapes[-1])))
        object.__setattr__(self, "ranges", declared)
        object.__setattr__(self, "shapes", tuple(shapes))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, in order."""
        return tuple(node.layer for node in self.nodes)

    @property
    def output_shape(self) -> Shape:
        """Shape of the answer to one input."""
        return tuple(self.shapes[-1][axis] for axis in self.output_axes)

    def predict(self, x: npt.ArrayLike) -> Array:
        """What the model answers in the clear, in float64.

        Args:
            x: real numbers, one input (``input_shape``) or a batch (N, ``*input_shape``), scaled as trained.

        Returns:
            float64[``*output_shape``], or float64[N, ``*output_shape``] for a batch.

        Raises:
            DtypeError: x does not hold real numbers.
            NotFiniteError: x holds NaN or infinity.
            ShapeError: x is neither one input nor a batch.
            RangeError: the numbers grew beyond float64 on the way.
        """
        inputs = real_array(x)
        single = inputs.shape == self.input_shape
        batch = inputs[np.newaxis] if single else inputs
        if batch.shape[1:] != self.input_shape:
            no_channels = self.input_shape in ((*inputs.shape, 1), (*inputs.shape[1:], 1))
            hint = "; add the axis of channels: x[..., None]" if no_channels else ""
            raise ShapeError(
                f"x has shape {inputs.shape}, expected {self.input_shape} for one input "
                f"or (N, {', '.join(map(str, self.input_shape))}) for a batch{hint}"
            )
        outputs = np.empty((len(batch), *self.output_shape))
        for start in range(0, len(batch), CHUNK):
            y = self.values(batch[start : start + CHUNK])[-1]
            outputs[start : start + CHUNK] = rearranged(y, self.output_axes)
        if not np.isfinite(outputs).all():
            raise RangeError("the answer is beyond float64: are the inputs scaled as in training?")
        return outputs[0] if single else outputs

    def values(self, batch: Array) -> list[Array]:
        """Every value on the way to the answer: that of the input, and what each node gives; float64, in the clear."""
        values = [rearranged(batch, self.input_axes)]
        with np.errstate(over="ignore", invalid="ignore"):
            for node in self.nodes:
                values.append(node.layer.forward(*(values[index] for index in node.inputs)))
        return values

    def summary(self) -> str:
        """One line per layer: kind, name, what it takes if not the layer before, output shape, number of parameters."""
        counts = [sum(array.size for array in layer.arrays.values()) for layer in self.layers]
        rows = [("layer", "output", "parameters")]
        for index, (node, shape, count) in enumerate(zip(self.nodes, self.shapes[1:], counts, strict=True)):
            chained = node.inputs == (index,)
            takes = "" if chained else " of " + ", ".join("input" if i == 0 else str(i - 1) for i in node.inputs)
            rows.append((f"{index} {node.layer.label}{takes}", str(shape), f"{count:,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        low, high = self.input_range
        inputs = f"{self.input_shape} in [{low:g}, {high:g}]"
        lines = [f"{type(self).__name__}: {inputs} -> {self.output_shape}, {sum(counts):,} parameters"]
        lines += [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
        return "\n".join(lines)

    def __repr__(self) -> str:
        kinds = ", ".join(type(layer).__name__ for layer in self.layers)
        return f"{type(self).__name__}([{kinds}], input_shape={self.input_shape}, input_range={self.input_range})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model, weights in the clear, to one file: see :func:`trine.nn.storage.save`."""
        from trine.nn.storage import save

        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Model:
        """Reads a model that `save` wrote: see :func:`trine.nn.storage.load`."""
        from trine.nn.storage import load

        return load(path)


class Sequential(Model):
    """Layers applied one after the other.

    >>> from trine.nn import Dense, Flatten, ReLU
    >>> model = Sequential([Flatten(), Dense(np.eye(4), name="logits"), ReLU()], input_shape=(2, 2, 1))
    >>> model.predict([[[1], [-2]], [[3], [4]]])
    array([1., 0., 3., 4.])
    >>> print(model.summary())
    Sequential: (2, 2, 1) in [0, 1] -> (4,), 16 parameters
    layer             output  parameters
    0 Flatten           (4,)           0
    1 Dense 'logits'    (4,)          16
    2 ReLU              (4,)           0
    """

    def __init__(self, layers: Iterable[Layer], input_shape: Iterable[int], input_range: Range = (0.0, 1.0)) -> None:
        super().__init__([Node(layer, (index,)) for index, layer in enumerate(layers)], input_shape, input_range)


def rearranged(batch: Array, axes: Shape) -> Array:
    """A batch with the axes of each input in another order."""
    return batch if axes == tuple(range(len(axes))) else batch.transpose(0, *(axis + 1 for axis in axes))


def _check(index: int, node: Node) -> None:
    layer = node.layer
    if not isinstance(layer, Layer):
        raise UnsupportedModelError(f"layer {index} is a {type(layer).__name__}, expected one of {', '.join(LAYERS)}")
    if (layer.arity is None and len(node.inputs) < 2) or (layer.arity is not None and len(node.inputs) != layer.arity):
        expected = "two or more" if layer.arity is None else layer.arity
        raise InputError(f"layer {index}, {layer.label}: takes {expected} inputs, got {len(node.inputs)}")
    if not all(type(value) is int and 0 <= value <= index for value in node.inputs):
        raise InputError(f"layer {index}, {layer.label}: takes values {node.inputs}, of which 0 to {index} are there")
    if isinstance(layer, OneHot | InputRanges) and index:
        raise UnsupportedModelError(f"layer {index}, {layer.label}: can only be the first layer")


def _sizes(shape: Iterable[int]) -> Shape:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise InputError(f"input_shape must be a tuple of integers, got {shape!r}") from None
    if not sizes or min(sizes) < 1:
        raise InputError(f"input_shape must be positive integers, without a batch axis, got {shape!r}")
    return sizes


def _axes(what: str, axes: Iterable[int] | None, count: int) -> Shape:
    order = tuple(range(count))
    try:
        chosen = order if axes is None else tuple(map(operator.index, axes))
    except TypeError:
        raise InputError(f"{what} must be a tuple of integers, got {axes!r}") from None
    if tuple(sorted(chosen)) != order:
        raise InputError(f"{what} must be a permutation of {order}, got {chosen}")
    return chosen


def _range(what: str, bounds: object) -> Range:
    try:
        low, high = (float(bound) for bound in cast(Range, bounds))
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{what} must be (least, greatest), two numbers, got {bounds!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"{what} must be finite, the least below the greatest, got {bounds!r}")
    return low, high
