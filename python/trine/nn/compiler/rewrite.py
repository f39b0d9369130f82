"""Rewrites a model so that it costs less and answers the same: constants are folded into weights, pools come early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from trine.nn.layers import (
    Affine,
    Array,
    AvgPool2D,
    Clip,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Reshape,
    Shape,
    Sigmoid,
    Softplus,
    Tanh,
)
from trine.nn.model import Model, Node

__all__ = ["rewrite"]

# A scale whose least part is so much smaller than its largest is not divided by.
SPREAD = 1024.0

Pair = tuple[Layer, ...] | None


def rewrite(model: Model) -> Model:
    """The same function in another form; a rewritten model is left as it is."""
    while True:
        changed = _once(model)
        if changed is None:
            return model
        model = changed


def _once(model: Model) -> Model | None:
    """The model after the first rule that applies; None if there is none."""
    takers = [0] * (len(model.nodes) + 1)
    for node in model.nodes:
        for value in node.inputs:
            takers[value] += 1
    for index, node in enumerate(model.nodes):
        value = node.inputs[0]
        if len(node.inputs) > 1 or value == 0 or takers[value] > 1 or len(model.nodes[value - 1].inputs) > 1:
            continue
        first = model.nodes[value - 1]
        for rule in RULES:
            layers = rule(first.layer, node.layer, model.shapes[first.inputs[0]])
            if layers is not None:
                return _replaced(model, value - 1, index, layers)
    return None


def _replaced(model: Model, first: int, second: int, layers: tuple[Layer, ...]) -> Model:
    """Nodes ``first`` and ``second``, which takes its value alone, with one or two other layers in their place.

    How large what lies between two layers that change places becomes is not known: then no range is declared any more.
    """
    nodes, ranges = list(model.nodes), list(model.ranges)
    source = nodes[first].inputs
    if len(layers) == 2:
        nodes[first], nodes[second] = Node(layers[0], source), Node(layers[1], nodes[second].inputs)
        return _model(model, nodes, ())
    nodes[second] = Node(layers[0], source)
    del nodes[first]
    if ranges:
        del ranges[first + 1]
    kept = [
        Node(node.layer, tuple(value - 1 if value > first + 1 else value for value in node.inputs)) for node in nodes
    ]
    return _model(model, kept, ranges)


def _model(model: Model, nodes: list[Node], ranges: object) -> Model:
    return Model(
        nodes,
        model.input_shape,
        model.input_range,
        input_axes=model.input_axes,
        output_axes=model.output_axes,
        ranges=ranges,  # type: ignore[arg-type]
    )


def _affine_after_product(first: Layer, second: Layer, shape: Shape) -> Pair:
    """Into the weights before it, if it is the same for all rows or pixels."""
    if not (isinstance(first, Dense | Conv2D) and isinstance(second, Affine)):
        return None
    outputs = first.weights.shape[-1]
    scale, shift = (_per_channel(array, outputs) for array in (second.scale, second.shift))
    if (second.scale is not None and scale is None) or (second.shift is not None and shift is None):
        return None
    weights, bias = first.weights, first.bias
    if scale is not None:
        weights, bias = weights * scale, None if bias is None else bias * scale
    if shift is not None:
        bias = shift if bias is None else bias + shift
    return (replace(first, weights=weights, bias=bias),)


def _affine_before_product(first: Layer, second: Layer, shape: Shape) -> Pair:
    """Into the weights after it; where a convolution pads with zeros, the shift stays, which costs nothing."""
    if not (isinstance(first, Affine) and isinstance(second, Dense | Conv2D)):
        return None
    channels = shape[-1]
    scale, shift = (_per_channel(array, channels) for array in (first.scale, first.shift))
    if (first.scale is not None and scale is None) or (first.shift is not None and shift is None):
        return None
    if isinstance(second, Conv2D) and second.groups > 1:
        return None
    padded = isinstance(second, Conv2D) and any(map(any, second.pads(shape)))
    rows = np.ones(channels) if scale is None else scale
    if shift is not None and padded:
        if scale is None or np.abs(scale).min() * SPREAD < np.abs(scale).max():
            return None
        return Affine(None, shift / scale, name=first.name), _scaled(second, rows)
    product = _scaled(second, rows)
    if shift is None:
        return (product,)
    sums = second.weights.sum(axis=(0, 1)) if isinstance(second, Conv2D) else second.weights
    by = shift @ sums
    return (replace(product, bias=by if second.bias is None else second.bias + by),)


def _scaled(layer: Dense | Conv2D, rows: Array) -> Dense | Conv2D:
    return replace(layer, weights=layer.weights * rows[:, np.newaxis])


def _two_affines(first: Layer, second: Layer, shape: Shape) -> Pair:
    """One."""
    if not (isinstance(first, Affine) and isinstance(second, Affine)):
        return None
    scales = [array for array in (first.scale, second.scale) if array is not None]
    shift = first.shift
    if shift is not None and second.scale is not None:
        shift = shift * second.scale
    if second.shift is not None:
        shift = second.shift if shift is None else shift + second.shift
    return (Affine(scales[0] * scales[1] if len(scales) == 2 else scales[0] if scales else None, shift),)


def _affine_before_reshape(first: Layer, second: Layer, shape: Shape) -> Pair:
    """After it, where a product may follow."""
    if not (isinstance(first, Affine) and isinstance(second, Flatten | Reshape)):
        return None
    to = second.output_shape(shape)
    arrays = [
        None if array is None else np.broadcast_to(array, shape).reshape(to) for array in (first.scale, first.shift)
    ]
    return second, Affine(arrays[0], arrays[1], name=first.name)


def _affine_before_mean(first: Layer, second: Layer, shape: Shape) -> Pair:
    """After it: a mean of shifted numbers is the shifted mean."""
    if not (isinstance(first, Affine) and isinstance(second, AvgPool2D)):
        return None
    fits = all(_per_channel(array, shape[-1]) is not None for array in first.arrays.values())
    if not fits or (second.count_padding and any(map(any, second.pads(shape)))):
        return None
    return second, first


def _activation_before_max(first: Layer, second: Layer, shape: Shape) -> Pair:
    """After it: the largest of rising function's values is the function's value at the largest, and there are fewer."""
    rising = isinstance(first, ReLU | Clip | Sigmoid | Tanh | Softplus) or (
        isinstance(first, LeakyReLU) and first.slope >= 0
    )
    return (second, first) if rising and isinstance(second, MaxPool2D) else None


def _per_channel(array: Array | None, channels: int) -> Array | None:
    """An array that depends on the last axis alone, as its ``channels`` numbers; None if it does not."""
    if array is None or array.size not in (1, channels) or (array.ndim and array.shape[-1] != array.size):
        return None
    return np.broadcast_to(array.reshape(-1), (channels,))


RULES: tuple[Callable[[Layer, Layer, Shape], Pair], ...] = (
    _affine_after_product,
    _affine_before_product,
    _two_affines,
    _affine_before_reshape,
    _affine_before_mean,
    _activation_before_max,
)
