"""What frameworks have as one layer and trine as several, in the one form that all importers give it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.layers import Array
from trine.nn.layers.base import Pair
from trine.nn.layers.window import Sides

__all__ = [
    "adaptive_pool",
    "attention",
    "batch_norm",
    "conv",
    "conv_transpose",
    "embedding",
    "group_norm",
    "layer_norm",
    "multi_head",
    "pool",
    "softmax",
]

NO_SIDES: Sides = ((0, 0), (0, 0))


# Images, and sequences as images of one row: (batch, *sizes, channels).


def _as_image(graph: Graph, x: Tensor) -> Tensor:
    """A sequence (batch, length, channels) as an image one high; images as they are."""
    return graph.unsqueeze(x, 1) if len(x.axes) == 3 else x


def _as_before(graph: Graph, x: Tensor, before: Tensor) -> Tensor:
    return graph.squeeze(x, [1]) if len(before.axes) == 3 else x


def _two(numbers: Sequence[int], first: int) -> Pair:
    return (first, int(numbers[0])) if len(numbers) == 1 else (int(numbers[0]), int(numbers[1]))


def _sides(pads: Sequence[tuple[int, int]]) -> Sides:
    sides = [(int(before), int(after)) for before, after in pads]
    return ((0, 0), sides[0]) if len(sides) == 1 else (sides[0], sides[1])


def conv(
    graph: Graph,
    x: Tensor,
    weights: Array,
    bias: Array | None,
    *,
    stride: Sequence[int],
    pads: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """A convolution of images or sequences; ``weights`` [*kernel, channels / groups, outputs]."""
    image = _as_image(graph, x)
    y = graph.windows(
        kinds.Conv2D,
        image,
        weights=weights[np.newaxis] if weights.ndim == 3 else weights,
        bias=bias,
        stride=_two(stride, 1),
        padding=_sides(pads),
        dilation=_two(dilation, 1),
        groups=groups,
    )
    return _as_before(graph, y, x)


def conv_transpose(
    graph: Graph,
    x: Tensor,
    weights: Array,
    bias: Array | None,
    *,
    stride: Sequence[int],
    crop: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """A transposed convolution: one of the input with zeros in between and the kernel turned around.

    Args:
        weights: [*kernel, channels / groups, outputs], as a convolution has them, but not turned around yet.
        crop: what is cut off the full answer before and behind, axis by axis; negative for zeros that are added.
    """
    count = len(stride)
    turned = weights[(slice(None, None, -1),) * count]
    spans = [(size - 1) * step for size, step in zip(weights.shape[:count], dilation, strict=True)]
    sides = [(span - before, span - after) for span, (before, after) in zip(spans, crop, strict=True)]
    cut = [(min(before, 0), min(after, 0)) for before, after in sides]
    before, after = ([0, *(pair[side] for pair in cut), 0] for side in range(2))
    x = graph.pad(x, before, after, [0, *(step - 1 for step in stride), 0])
    pads = [(max(before, 0), max(after, 0)) for before, after in sides]
    return conv(graph, x, turned, bias, stride=[1] * count, pads=pads, dilation=dilation, groups=groups)


def pool(
    graph: Graph,
    x: Tensor,
    largest: bool,
    *,
    window: Sequence[int],
    stride: Sequence[int],
    pads: Sequence[tuple[int, int]],
    count_padding: bool = False,
) -> Tensor:
    """The mean or the largest of windows of images or sequences."""
    sides = _sides(pads)
    settings: dict[str, object] = {"window": _two(window, 1), "stride": _two(stride, 1), "padding": sides}
    kind = kinds.MaxPool2D if largest else kinds.AvgPool2D
    if not largest:
        settings["count_padding"] = count_padding and sides != NO_SIDES
    return _as_before(graph, graph.windows(kind, _as_image(graph, x), **settings), x)


def adaptive_pool(graph: Graph, x: Tensor, largest: bool, sizes: Sequence[int | None]) -> Tensor:
    """Windows of equal size, so many that the answer has these sizes; None keeps an axis as it is."""
    have = x.shape[1:-1]
    wanted = [size if size is not None else length for size, length in zip(sizes, have, strict=True)]
    if all(size == 1 for size in wanted):
        return graph.reduce(kinds.MaxPool2D if largest else kinds.AvgPool2D, x, range(1, len(x.axes) - 1), True)
    if any(length % size for size, length in zip(wanted, have, strict=True)):
        raise UnsupportedModelError(f"windows of unequal size: {have} to {tuple(wanted)}")
    window = [length // size for size, length in zip(wanted, have, strict=True)]
    return pool(graph, x, largest, window=window, stride=window, pads=[(0, 0)] * len(window))


# Norms.


def batch_norm(
    graph: Graph,
    x: Tensor,
    axis: int,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    variance: Array,
    epsilon: float,
) -> Tensor:
    """A batch norm as it answers after training, along one axis."""
    affine = kinds.batch_norm(gamma, beta, mean, variance, epsilon)
    shape = [1] * len(x.axes)
    shape[axis] = -1
    assert affine.scale is not None
    assert affine.shift is not None
    return graph.affine(x, affine.scale.reshape(shape), affine.shift.reshape(shape))


def layer_norm(
    graph: Graph, x: Tensor, axes: Sequence[int], gain: Array | None, shift: Array | None, epsilon: float
) -> Tensor:
    """Over some axes; gain and shift broadcast to the tensor."""
    y = graph.along(kinds.LayerNorm, x, axes, epsilon=float(epsilon))
    return y if gain is None and shift is None else graph.affine(y, gain, shift)


def group_norm(graph: Graph, x: Tensor, groups: int, gain: Array | None, shift: Array | None, epsilon: float) -> Tensor:
    """Over the sizes and the channels of each group, for (batch, *sizes, channels)."""
    *sizes, channels = x.shape
    if channels % groups:
        raise UnsupportedModelError(f"{channels} channels in {groups} groups")
    parts = graph.reshape(x, [*sizes, groups, channels // groups])
    axes = [*range(1, len(sizes)), len(sizes) + 1]
    y = graph.reshape(graph.along(kinds.LayerNorm, parts, axes, epsilon=float(epsilon)), x.shape)
    return y if gain is None and shift is None else graph.affine(y, gain, shift)


# Attention.


def softmax(graph: Graph, x: Tensor, axis: int, log: bool = False) -> Tensor:
    """Along one axis."""
    return graph.along(kinds.LogSoftmax if log else kinds.Softmax, x, [axis])


def attention(graph: Graph, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """softmax(scale Q K^T) V for (..., tokens, size); the scale is put on the products."""
    last = len(key.axes)
    swapped = key.transposed([*range(last - 2), last - 1, last - 2])
    scores = graph.scaled(graph.matmul(query, swapped), scale)
    return graph.matmul(softmax(graph, scores, len(scores.axes) - 1), value)


def multi_head(
    graph: Graph, tensors: Sequence[Tensor], projections: Sequence[tuple[Array, Array | None]], heads: int, place: str
) -> Tensor:
    """Attention of several heads over (batch, tokens, features).

    Args:
        tensors: what queries, keys and values are made from.
        projections: weights [features, heads * size] and bias of query, key, value, and those of the output.
    """
    parts = []
    for name, x, (weights, bias) in zip(("query", "key", "value"), tensors, projections, strict=False):
        graph.place = f"{place}/{name}"
        y = graph.dense(x, weights, bias)
        split = graph.reshape(y, [*y.shape[:-1], heads, y.shape[-1] // heads])
        parts.append(split.transposed([0, 2, 1, 3]))
    graph.place = f"{place}/attention"
    query, key, value = parts
    y = attention(graph, query, key, value, 1.0 / math.sqrt(query.shape[-1])).transposed([0, 2, 1, 3])
    graph.place = f"{place}/output"
    *rows, number, size = y.shape
    return graph.dense(graph.reshape(y, [*rows, number * size]), *projections[3])


def embedding(graph: Graph, x: Tensor, table: Array) -> Tensor:
    """Rows of a table, by number."""
    return graph.dense(graph.one_hot(x, len(table)), table, None)
