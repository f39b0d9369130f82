"""How trees, and what finds the largest value, become steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trine.nn.compiler.builder import Builder
from trine.nn.compiler.value import Value
from trine.nn.layers import ArgMax, InputRanges, Trees
from trine.nn.steps import ArgMaxStep, DenseStep, LeavesStep

__all__ = ["argmax", "input_ranges", "trees"]

# Leaves are only added, never multiplied, so a few more fractional bits than the format has cost little.
LEAF_BITS = 8


def trees(builder: Builder, label: str, layer: Trees, x: Value) -> Value:
    """A secret matrix takes from each threshold the feature that is tested; a secret matrix adds the leaves' values.

    Thresholds are rounded as inputs are, so that equals stay equal. Those beyond what a feature can be are moved to
    just beyond: no test changes, and the width of the differences tells nothing of them.
    """
    x = builder.whole(label, x)
    shapes, features = layer.shapes, layer.features.astype(np.intp)
    low, high = x.low[0], x.high[0]
    selection = np.zeros((len(low), shapes.nodes), np.int64)
    selection[features, np.arange(shapes.nodes)] = -1
    units = np.rint(np.ldexp(layer.thresholds / x.gain, x.fraction))
    units = np.clip(units, low[features] - 1, high[features])
    thresholds = np.ascontiguousarray(units.astype(np.int64).view(np.uint64))
    step = DenseStep((x.number,), (len(low), shapes.nodes), True)
    differences = builder.emit(step, [selection.view(np.uint64), thresholds])

    spread = np.array([[(high - low).max()]])
    width = replace(x, low=-spread - 1, high=spread).width(label)
    reached = builder.emit(LeavesStep((differences,), layer.depths, width, 64))

    fraction = builder.fraction + LEAF_BITS
    values = builder.encode(label, "values", layer.values, fraction)
    tensors = [values]
    leaves = values.view(np.int64).astype(np.float64)
    starts = np.flatnonzero(np.diff(shapes.leaf_trees, prepend=-1))
    least, greatest = (end.reduceat(leaves, starts, axis=0).sum(axis=0) for end in (np.minimum, np.maximum))
    if layer.bias is not None:
        bias = builder.encode(label, "bias", layer.bias, fraction)
        tensors.append(bias)
        least, greatest = least + bias.view(np.int64), greatest + bias.view(np.int64)
    sums = DenseStep((reached,), (shapes.leaves, layer.values.shape[1]), layer.bias is not None)
    number = builder.emit(sums, tensors)
    return Value(number, True, fraction, 1.0, least[np.newaxis], greatest[np.newaxis])


def argmax(builder: Builder, label: str, layer: ArgMax, x: Value) -> Value:
    """A tournament, on numbers as precise as they come."""
    least, greatest = x.low.min(), x.high.max()
    spread = replace(x, low=np.array([[least - greatest]]), high=np.array([[greatest - least]]))
    number = builder.emit(ArgMaxStep((x.number,), spread.width(label)))
    shape = (1, *layer.output_shape(x.shape))
    return Value(number, False, 0, 1.0, np.zeros(shape), np.full(shape, float(x.shape[-1] - 1)))


def input_ranges(builder: Builder, label: str, layer: InputRanges, x: Value) -> Value:
    """The client's work: the plan says so, and its input is what comes out."""
    bound = np.full((1, *layer.output_shape(x.shape)), layer.size * 2.0**x.fraction)
    return replace(x, low=-bound, high=bound)
