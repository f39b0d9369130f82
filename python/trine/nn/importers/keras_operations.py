"""Operations of keras.ops in Functional models, such as ``x + y`` and ``x[:, 0]``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers import arithmetic, blocks, indexing
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.importers.keras_activations import ACTIVATIONS
from trine.nn.importers.keras_values import array
from trine.nn.layers import Array

__all__ = ["OPERATIONS"]

Operand = Tensor | Array


def _constant(x: Any) -> Operand:
    return x if isinstance(x, Tensor) else array(x)


def _two(combine: Callable[[Graph, Operand, Operand], Tensor]) -> Callable[..., Tensor]:
    return lambda graph, op, x, y: combine(graph, _constant(x), _constant(y))


def _matmul(graph: Graph, op: Any, x: Any, y: Any) -> Tensor:
    return arithmetic.matmul(graph, _constant(x), _constant(y))


def _einsum(graph: Graph, op: Any, x: Any, y: Any) -> Tensor:
    return indexing.einsum(graph, op.subscripts, _constant(x), _constant(y))


def _axes(op: Any, x: Tensor) -> list[int]:
    axis = op.axis
    if axis is None:
        return list(range(len(x.axes)))
    return [a % len(x.axes) for a in (axis if isinstance(axis, (list, tuple)) else [axis])]


def _mean(graph: Graph, op: Any, x: Tensor) -> Tensor:
    return graph.reduce(kinds.AvgPool2D, x, _axes(op, x), op.keepdims)


def _sum(graph: Graph, op: Any, x: Tensor) -> Tensor:
    axes = _axes(op, x)
    return graph.scaled(
        graph.reduce(kinds.AvgPool2D, x, axes, op.keepdims), float(np.prod([x.shape[axis] for axis in axes]))
    )


def _max(graph: Graph, op: Any, x: Tensor) -> Tensor:
    return graph.reduce(kinds.MaxPool2D, x, _axes(op, x), op.keepdims)


def _reshape(graph: Graph, op: Any, x: Tensor) -> Tensor:
    shape = op.newshape if isinstance(op.newshape, (list, tuple)) else [op.newshape]
    return graph.reshape(x, [-1 if size is None else size for size in shape])


def _transpose(graph: Graph, op: Any, x: Tensor) -> Tensor:
    order = op.axes if op.axes is not None else range(len(x.axes))[::-1]
    return x.transposed([axis % len(x.axes) for axis in order])


def _swap(graph: Graph, op: Any, x: Tensor) -> Tensor:
    order = list(range(len(x.axes)))
    order[op.axis1], order[op.axis2] = order[op.axis2], order[op.axis1]
    return x.transposed(order)


def _squeeze(graph: Graph, op: Any, x: Tensor) -> Tensor:
    axes = [axis for axis, size in enumerate(x.shape) if size == 1] if op.axis is None else _axes(op, x)
    return graph.squeeze(x, axes)


def _expand(graph: Graph, op: Any, x: Tensor) -> Tensor:
    count = len(x.axes) + (len(op.axis) if isinstance(op.axis, (list, tuple)) else 1)
    for axis in sorted(a % count for a in (op.axis if isinstance(op.axis, (list, tuple)) else [op.axis])):
        x = graph.unsqueeze(x, axis)
    return x


def _concatenate(graph: Graph, op: Any, xs: Sequence[Any]) -> Tensor:
    return arithmetic.concatenated(graph, [_constant(x) for x in xs], op.axis)


def _stack(graph: Graph, op: Any, xs: Sequence[Tensor]) -> Tensor:
    axis = op.axis % (len(xs[0].axes) + 1)
    return graph.concat([graph.unsqueeze(x, axis) for x in xs], axis)


def _split(graph: Graph, op: Any, x: Tensor) -> list[Tensor]:
    given = op.indices_or_sections
    size = x.shape[op.axis]
    if isinstance(given, int):
        return indexing.parts(graph, x, [size // given] * given, op.axis)
    return indexing.parts(graph, x, np.diff([0, *given, size]).tolist(), op.axis)


def _repeat(graph: Graph, op: Any, x: Tensor) -> Tensor:
    if op.axis is None or not isinstance(op.repeats, int):
        raise UnsupportedModelError("repeats of several numbers, or of no axis")
    return arithmetic.repeated(graph, x, op.axis % len(x.axes), op.repeats, True)


def _pad(graph: Graph, op: Any, x: Tensor, constant_values: Any = None) -> Tensor:
    if op.mode != "constant" or constant_values:
        raise UnsupportedModelError(f"mode={op.mode!r}, constant_values={constant_values!r}")
    pairs = op.pad_width * len(x.axes) if len(op.pad_width) == 1 else op.pad_width
    before, after = zip(*pairs, strict=True)
    return graph.pad(x, before, after)


def _clip(graph: Graph, op: Any, x: Tensor) -> Tensor:
    return arithmetic.clip(graph, x, op.x_min, op.x_max)


def _power(graph: Graph, op: Any, x: Any, y: Any) -> Tensor:
    if isinstance(y, Tensor) or float(array(y)) != 2.0:
        raise UnsupportedModelError("a power other than 2")
    return arithmetic.multiply(graph, x, x)


def _named(name: str) -> Callable[..., Tensor]:
    return lambda graph, op, x: ACTIVATIONS[name](graph, x)


# By the name of the class of keras.ops: what it becomes.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": _two(arithmetic.add),
    "Subtract": _two(arithmetic.subtract),
    "Multiply": _two(arithmetic.multiply),
    "Divide": _two(arithmetic.divide),
    "TrueDivide": _two(arithmetic.divide),
    "Maximum": _two(lambda graph, x, y: arithmetic.extreme(graph, x, y, True)),
    "Minimum": _two(lambda graph, x, y: arithmetic.extreme(graph, x, y, False)),
    "Negative": lambda graph, op, x: graph.scaled(x, -1.0),
    "Square": lambda graph, op, x: arithmetic.multiply(graph, x, x),
    "Power": _power,
    "Matmul": _matmul,
    "Einsum": _einsum,
    "Mean": _mean,
    "Sum": _sum,
    "Max": _max,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Swapaxes": _swap,
    "Squeeze": _squeeze,
    "ExpandDims": _expand,
    "GetItem": lambda graph, op, x, key: indexing.indexed(graph, x, key),
    "Concatenate": _concatenate,
    "Stack": _stack,
    "Split": _split,
    "Repeat": _repeat,
    "Pad": _pad,
    "Clip": _clip,
    "Relu": _named("relu"),
    "Relu6": _named("relu6"),
    "Sigmoid": _named("sigmoid"),
    "Tanh": _named("tanh"),
    "Silu": _named("silu"),
    "Softplus": _named("softplus"),
    "Selu": _named("selu"),
    "HardSigmoid": _named("hard_sigmoid"),
    "HardSilu": _named("hard_silu"),
    "LogSigmoid": _named("log_sigmoid"),
    "LeakyRelu": lambda graph, op, x: graph.unary(kinds.LeakyReLU, x, slope=float(op.negative_slope)),
    "Elu": lambda graph, op, x: arithmetic.elu(graph, x, op.alpha),
    "Gelu": lambda graph, op, x: graph.unary(kinds.GELU, x, approximate=bool(op.approximate)),
    "Softmax": lambda graph, op, x: blocks.softmax(graph, x, op.axis % len(x.axes)),
    "LogSoftmax": lambda graph, op, x: blocks.softmax(graph, x, op.axis % len(x.axes), log=True),
}
