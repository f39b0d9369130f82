"""How layers with weights become steps: dense, convolution, products of two values, shifts and scales."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from trine.nn.compiler.builder import Builder
from trine.nn.compiler.value import Reals, Value
from trine.nn.layers import Affine, Conv2D, Dense, MatMul, Multiply, Scale
from trine.nn.steps import Conv2DStep, DenseStep, MatMulStep, MultiplyStep, ScaleStep, ShiftStep

__all__ = ["affine", "conv2d", "dense", "matmul", "multiply", "scale"]

ROUNDING = 2.0**-36  # relative error of the bounds' own sums in float64, for up to 2^17 terms


def dense(builder: Builder, label: str, layer: Dense, x: Value) -> Value:
    """A product of depth K and its bias; local."""
    return _weighted(builder, label, layer, builder.whole(label, x))


def conv2d(builder: Builder, label: str, layer: Conv2D, x: Value) -> Value:
    """A convolution and its bias; local."""
    return _weighted(builder, label, layer, builder.whole(label, x))


def _weighted(builder: Builder, label: str, layer: Conv2D | Dense, x: Value) -> Value:
    own = builder.weight_fraction(x)
    weights = builder.encode(label, "weights", layer.weights * x.gain, own)
    tensors, fraction = [weights], x.fraction + own
    units = weights.view(np.int64).astype(np.float64)
    rising, falling, size = (
        replace(layer, weights=part, bias=None) for part in (np.maximum(units, 0), np.minimum(units, 0), np.abs(units))
    )
    margin = np.ceil(size.forward(np.maximum(np.abs(x.low), np.abs(x.high))) * ROUNDING)
    low = rising.forward(x.low) + falling.forward(x.high) - margin
    high = rising.forward(x.high) + falling.forward(x.low) + margin
    if layer.bias is not None:
        bias = builder.encode(label, "bias", layer.bias, fraction)
        tensors.append(bias)
        low, high = low + bias.view(np.int64), high + bias.view(np.int64)
    if isinstance(layer, Conv2D):
        (top, bottom), (left, right) = layer.pads(x.shape)
        kernel = (weights.shape[0], weights.shape[1], weights.shape[2], weights.shape[3])
        pads = (top, bottom, left, right)
        step: Conv2DStep | DenseStep = Conv2DStep(
            (x.number,), kernel, layer.stride, pads, layer.dilation, layer.groups, layer.bias is not None
        )
    else:
        step = DenseStep((x.number,), (weights.shape[0], weights.shape[1]), layer.bias is not None)
    return Value(builder.emit(step, tensors), True, fraction, 1.0, low, high)


def scale(builder: Builder, label: str, layer: Scale, x: Value) -> Value:
    """Left to what comes next, but for the sign."""
    if layer.factor < 0:
        x = builder.multiplied(x, -1)
    return x.times(abs(layer.factor))


def affine(builder: Builder, label: str, layer: Affine, x: Value) -> Value:
    """A secret factor costs an opening, a secret shift nothing."""
    if layer.scale is not None:
        x = builder.whole(label, x)
        own = builder.weight_fraction(x)
        factor = builder.encode(label, "scale", layer.scale * x.gain, own)
        number = builder.emit(ScaleStep((x.number,), factor.shape), [factor])
        low, high = _product(x.low, x.high, *[factor.view(np.int64).astype(np.float64)] * 2)
        x = Value(number, True, x.fraction + own, 1.0, low, high)
    if layer.shift is not None:
        x = builder.fine(x)
        shift = builder.encode(label, "shift", layer.shift / x.gain, x.fraction)
        number = builder.emit(ShiftStep((x.number,), shift.shape), [shift])
        by = shift.view(np.int64).astype(np.float64)
        x = replace(x, number=number, low=x.low + by, high=x.high + by)
    return x


def multiply(builder: Builder, label: str, layer: Multiply, *values: Value) -> Value:
    """Products of two values, one after the other; each costs an opening where more follows."""
    product = builder.whole(label, values[0])
    for other in values[1:]:
        x, y = builder.whole(label, product), builder.whole(label, other)
        number = builder.emit(MultiplyStep((x.number, y.number)))
        low, high = _product(x.low, x.high, y.low, y.high)
        product = Value(number, True, x.fraction + y.fraction, 1.0, low, high).times(x.gain * y.gain)
    return product


def matmul(builder: Builder, label: str, layer: MatMul, x: Value, y: Value) -> Value:
    """A product of two values; local."""
    x, y = builder.whole(label, x), builder.whole(label, y)
    number = builder.emit(MatMulStep((x.number, y.number)))
    x_size, y_size = (np.maximum(np.abs(v.low), np.abs(v.high)) for v in (x, y))
    if min(x.low.min(), y.low.min()) >= 0:
        low, high = x.low @ y.low, x.high @ y.high
    else:
        high = x_size @ y_size
        low = -high
    margin = np.ceil(high * ROUNDING)
    product = Value(number, True, x.fraction + y.fraction, 1.0, low - margin, high + margin)
    return product.times(x.gain * y.gain)


def _product(low: Reals, high: Reals, other_low: Reals, other_high: Reals) -> tuple[Reals, Reals]:
    """Bounds of a product from those of its factors."""
    ends = [low * other_low, low * other_high, high * other_low, high * other_high]
    least, greatest = np.minimum.reduce(ends), np.maximum.reduce(ends)
    margin = np.ceil(np.maximum(np.abs(least), np.abs(greatest)) * 2 * math.ulp(1.0))
    return least - margin, greatest + margin
