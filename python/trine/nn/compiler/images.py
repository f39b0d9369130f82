"""How pools and rearrangements become steps, and sums of several values."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce

import numpy as np

from trine.nn.compiler.builder import Builder
from trine.nn.compiler.value import Value
from trine.nn.layers import Add, AvgPool2D, Concatenate, Flatten, MaxPool2D, OneHot, Pad, Permute, Reshape, Slice
from trine.nn.steps import (
    AddStep,
    ConcatenateStep,
    Conv2DStep,
    FactorStep,
    MaxPoolStep,
    PadStep,
    PermuteStep,
    PoolStep,
    SliceStep,
)

__all__ = ["add", "avg_pool", "concatenate", "max_pool", "one_hot", "pad", "permute", "reshape", "slice_"]


def avg_pool(builder: Builder, label: str, layer: AvgPool2D, x: Value) -> Value:
    """Sums of windows; what they are divided by is left to what comes next."""
    (top, bottom), (left, right) = layer.pads(x.shape)
    counts = layer.counts(x.shape)
    if top or bottom or left or right:
        x = _padded(builder, x, (top, left, 0), (bottom, right, 0), (0, 0, 0))
    channels, index = 0, x.number - 1
    last = builder.steps[index] if builder.sole and index >= 0 else None
    if isinstance(last, Conv2DStep) and last.bias:  # add it to the sums: there are fewer of them
        channels = last.kernel[3]
        builder.steps[index] = replace(last, bias=False)
        bias = builder.tensors[index].pop() * np.uint64(math.prod(layer.window))
        number = builder.emit(PoolStep((x.number,), layer.window, layer.steps, channels), [bias])
    else:
        number = builder.emit(PoolStep((x.number,), layer.window, layer.steps))
    sums = AvgPool2D(layer.window, layer.stride)
    area = math.prod(layer.window)
    x = x.mapped(number, lambda bound: np.rint(sums.forward(bound) * area))
    for axis, count in enumerate(counts):
        common = math.lcm(*(int(c) for c in count))
        factors = tuple(common // int(c) for c in count)
        if len(set(factors)) > 1:  # windows over the border have fewer pixels
            spread = np.reshape(np.array(factors, np.float64), (-1, *[1] * (2 - axis)))
            number = builder.emit(FactorStep((x.number,), axis, factors))
            x = replace(x, number=number, low=x.low * spread, high=x.high * spread)
        else:
            common = int(count[0])
        x = x.times(1 / common)
    return x


def max_pool(builder: Builder, label: str, layer: MaxPool2D, x: Value) -> Value:
    """A tournament in every window."""
    x = builder.whole(label, x)
    (top, bottom), (left, right) = layer.pads(x.shape)
    least, greatest = math.floor(x.low.min()), math.ceil(x.high.max())
    spread = replace(x, low=np.array([[-float(greatest - least)]]), high=np.array([[float(greatest - least)]]))
    step = MaxPoolStep((x.number,), layer.window, layer.steps, (top, bottom, left, right), least, spread.width(label))
    return x.mapped(builder.emit(step), layer.forward)


def reshape(builder: Builder, label: str, layer: Flatten | Reshape, x: Value) -> Value:
    """Nothing moves."""
    return builder.reshaped(x, layer.output_shape(x.shape))


def permute(builder: Builder, label: str, layer: Permute, x: Value) -> Value:
    """Local."""
    return x.mapped(builder.emit(PermuteStep((x.number,), layer.axes)), layer.forward)


def pad(builder: Builder, label: str, layer: Pad, x: Value) -> Value:
    """Local."""
    return _padded(builder, x, layer.before, layer.after, layer.gaps)


def slice_(builder: Builder, label: str, layer: Slice, x: Value) -> Value:
    """Local."""
    assert layer.step is not None
    return x.mapped(builder.emit(SliceStep((x.number,), layer.start, layer.stop, layer.step)), layer.forward)


def add(builder: Builder, label: str, layer: Add, *values: Value) -> Value:
    """Local, once all have one format; additive parts and replicated sharings add up to additive parts."""
    parts, shifts, fraction = builder.aligned(label, list(values))
    low = reduce(np.add, (np.ldexp(x.low, shift) for x, shift in zip(parts, shifts, strict=True)))
    high = reduce(np.add, (np.ldexp(x.high, shift) for x, shift in zip(parts, shifts, strict=True)))
    number = builder.emit(AddStep(tuple(x.number for x in parts), shifts))
    return Value(number, any(x.additive for x in parts), fraction, parts[0].gain, low, high)


def concatenate(builder: Builder, label: str, layer: Concatenate, *values: Value) -> Value:
    """Local, like a sum."""
    parts, shifts, fraction = builder.aligned(label, list(values))
    low = layer.forward(*(np.ldexp(x.low, shift) for x, shift in zip(parts, shifts, strict=True)))
    high = layer.forward(*(np.ldexp(x.high, shift) for x, shift in zip(parts, shifts, strict=True)))
    axis = layer.axis % len(parts[0].shape)
    number = builder.emit(ConcatenateStep(tuple(x.number for x in parts), axis, shifts))
    return Value(number, any(x.additive for x in parts), fraction, parts[0].gain, low, high)


def one_hot(builder: Builder, label: str, layer: OneHot, x: Value) -> Value:
    """The client's work: the plan says so, and its input is the rows."""
    shape = layer.output_shape(x.shape)
    one = 2.0**x.fraction
    return replace(x, low=np.zeros((1, *shape)), high=np.full((1, *shape), one))


def _padded(
    builder: Builder, x: Value, before: tuple[int, ...], after: tuple[int, ...], between: tuple[int, ...]
) -> Value:
    layer = Pad(before, after, between)
    return x.mapped(builder.emit(PadStep((x.number,), before, after, between)), layer.forward)
