"""How activations, softmax and layer norm become steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from trine.nn.compiler.builder import Builder
from trine.nn.compiler.images import add
from trine.nn.compiler.value import WIDEST, Reals, Value
from trine.nn.layers import (
    ELU,
    GELU,
    Add,
    Clip,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from trine.nn.layers.activation import Activation
from trine.nn.steps import (
    FunctionStep,
    MultiplyStep,
    RectifyStep,
    ReLUStep,
    RsqrtStep,
    ShiftStep,
    SoftmaxStep,
    SumStep,
)

__all__ = ["clip", "elu", "function", "layer_norm", "leaky_relu", "relu", "softmax"]

# Functions are off by at most so many units of the last place.
FUNCTION_ERROR = 4
# A layer norm squares numbers with so many more fractional bits than the format has, where they fit, and with so many
# at least; its variance and the reciprocal root of that have so many.
SPARE_BITS = 4
LEAST_FRACTION = 8
VARIANCE_FRACTION = 24
INVERSE_FRACTION = 24
SLOPE_BITS = 16


@dataclass(frozen=True)
class Named:
    """A function that a plan knows by name.

    Attributes:
        name: in the plan.
        rising: whether it never falls; else it lies above ``least`` and rises to the right of 0.
    """

    name: str
    rising: bool = True
    least: float = 0.0


def named(layer: Activation) -> Named:
    """The plan's name of a layer's function."""
    if isinstance(layer, GELU):
        return Named("gelu_tanh" if layer.approximate else "gelu", rising=False, least=-0.18)
    if isinstance(layer, SiLU):
        return Named("silu", rising=False, least=-0.28)
    return Named({Sigmoid: "sigmoid", Tanh: "tanh", Softplus: "softplus", ELU: "elu"}[type(layer)])


def function(builder: Builder, label: str, layer: Sigmoid | Tanh | GELU | SiLU | Softplus | ELU, x: Value) -> Value:
    """One step of a fixed number of rounds."""
    x, what = builder.plain(label, x), named(layer)
    number = builder.emit(FunctionStep((x.number,), what.name, x.width(label), x.fraction))
    low, high = _through(layer.forward, x.low, x.fraction), _through(layer.forward, x.high, x.fraction)
    if not what.rising:
        low, high = np.minimum(low, what.least * 2.0**x.fraction), np.maximum(high, 0.0)
    return replace(x, number=number, low=np.floor(low) - FUNCTION_ERROR, high=np.ceil(high) + FUNCTION_ERROR)


def relu(builder: Builder, label: str, layer: ReLU, x: Value) -> Value:
    """Together with the truncation, where one is due."""
    if x.additive and x.fraction <= builder.fraction:
        x = builder.whole(label, x)
    shift = x.fraction - builder.fraction
    if x.additive or shift > SPARE_BITS:
        step = RectifyStep((x.number,), shift, max(x.width(label, shift), shift + 2), 64)
        x = builder.shifted(x, builder.emit(step), shift)
    else:
        x = replace(x, number=builder.emit(ReLUStep((x.number,), x.width(label), 64)))
    return replace(x, low=np.maximum(x.low, 0), high=np.maximum(x.high, 0))


def leaky_relu(builder: Builder, label: str, layer: LeakyReLU, x: Value) -> Value:
    """slope x + (1 - slope) relu(x)."""
    if x.largest * 2.0 ** (SLOPE_BITS + 1) >= 2.0**60:
        x = builder.truncated(label, x)
    slope = round(layer.slope * 2**SLOPE_BITS)
    return _mixed(builder, label, x, slope, relu(builder, label, ReLU(), x))


def elu(builder: Builder, label: str, layer: ELU, x: Value) -> Value:
    """The function for alpha = 1, mixed with ReLU for another."""
    x = builder.plain(label, x)
    unit = function(builder, label, ELU(), x)
    if layer.alpha == 1.0:
        return unit
    return _mixed(builder, label, unit, round(layer.alpha * 2**SLOPE_BITS), relu(builder, label, ReLU(), x))


def _mixed(builder: Builder, label: str, x: Value, factor: int, y: Value) -> Value:
    """factor x + (1 - factor) y for a public factor, in units of 2^-SLOPE_BITS."""
    parts = [builder.multiplied(x, factor)] if factor else []
    parts.append(builder.multiplied(y, 2**SLOPE_BITS - factor))
    mixed = add(builder, label, Add(), *parts) if len(parts) > 1 else parts[0]
    return replace(mixed, fraction=mixed.fraction + SLOPE_BITS)


def clip(builder: Builder, label: str, layer: Clip, x: Value) -> Value:
    """low + relu(x - low) - relu(x - high), the two of them at once."""
    x = builder.settled(label, x)
    above = [relu(builder, label, ReLU(), moved(builder, label, x, -bound)) for bound in (layer.low, layer.high)]
    kept = add(builder, label, Add(), above[0], builder.multiplied(above[1], -1))
    result = moved(builder, label, kept, layer.low)
    one = 2.0**result.fraction
    return replace(
        result,
        low=np.full_like(result.low, np.floor(layer.low * one) - 2),
        high=np.full_like(result.high, np.ceil(layer.high * one) + 2),
    )


def moved(builder: Builder, label: str, x: Value, by: float) -> Value:
    """x + by for a public number."""
    if not by:
        return x
    units = builder.encode(label, "a constant", np.array([by]), x.fraction)
    number = builder.emit(ShiftStep((x.number,), (1,)), [units])
    return replace(x, number=number, low=x.low + units.view(np.int64), high=x.high + units.view(np.int64))


def softmax(builder: Builder, label: str, layer: Softmax, x: Value) -> Value:
    """One step; the numbers are compared with the largest of them first."""
    x = builder.plain(label, x)
    log = isinstance(layer, LogSoftmax)
    number = builder.emit(SoftmaxStep((x.number,), log, x.width(label), x.fraction))
    one = 2.0**x.fraction
    if log:
        least = x.low.min() - x.high.max() - math.log(x.shape[-1]) * one
        low, high = np.full_like(x.low, np.floor(least)), np.zeros_like(x.high)
    else:
        low, high = np.zeros_like(x.low), np.full_like(x.high, one)
    return replace(x, number=number, low=low - 4 * FUNCTION_ERROR, high=high + 4 * FUNCTION_ERROR)


def layer_norm(builder: Builder, label: str, layer: LayerNorm, x: Value) -> Value:
    """(n x - sum) by the reciprocal root of the mean of its squares; n, where it is no power of two, stays a gain."""
    x = builder.plain(label, x)
    count = x.shape[-1]
    bits = count.bit_length() - 1
    gain = 2.0**bits / count
    total = x.mapped(builder.emit(SumStep((x.number,))), lambda bound: bound.sum(axis=-1, keepdims=True))
    less = builder.multiplied(total, -1)
    centred = add(builder, label, Add(), builder.multiplied(x, count), less)
    spread = count * (x.high.max(axis=-1, keepdims=True) - x.low.min(axis=-1, keepdims=True))
    low, high = np.maximum(centred.low, -spread), np.minimum(centred.high, spread)
    centred = replace(centred, fraction=x.fraction + bits, low=low, high=high)
    # Squares of large numbers leave less room for fractional bits.
    room = (WIDEST - 3 - bits) // 2 - math.ceil(math.log2(math.ldexp(max(centred.largest, 1.0), -centred.fraction)))
    centred = builder.truncated(label, centred, max(LEAST_FRACTION, min(builder.fraction + SPARE_BITS, room)))

    squares = builder.emit(MultiplyStep((centred.number, centred.number)))
    largest = np.maximum(np.abs(centred.low), np.abs(centred.high)) ** 2
    square = replace(
        centred, number=squares, additive=True, fraction=2 * centred.fraction, low=0 * largest, high=largest
    )
    variance = square.mapped(builder.emit(SumStep((squares,))), lambda bound: bound.sum(axis=-1, keepdims=True))
    variance = builder.truncated(label, replace(variance, fraction=variance.fraction + bits), VARIANCE_FRACTION)

    offset = max(1, round(math.ldexp(layer.epsilon / gain**3, variance.fraction)))
    raised = replace(variance, low=variance.low + offset, high=variance.high + offset)
    step = RsqrtStep((variance.number,), offset, raised.width(label), variance.fraction, INVERSE_FRACTION)
    inverse = builder.emit(step)
    number = builder.emit(MultiplyStep((centred.number, inverse)))
    fraction = centred.fraction + INVERSE_FRACTION
    bound = np.full_like(centred.low, math.ceil(1.01 * math.sqrt(count * gain) * 2.0**fraction))
    return Value(number, True, fraction, 1.0, -bound, bound).times(gain**-0.5)


def _through(function: Callable[[Reals], Reals], units: Reals, fraction: int) -> Reals:
    return np.ldexp(function(np.ldexp(units, -fraction)), fraction)
