"""Operators of ONNX in trine's layers: one converter for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers import arithmetic, blocks
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.importers.indexing import einsum
from trine.nn.importers.onnx_moves import MOVES, Call, numbers
from trine.nn.layers import Array, Layer

__all__ = ["OPERATORS", "Call"]

Converter = Callable[..., Any]


def _weights(value: Any) -> Array:
    if isinstance(value, Tensor):
        raise UnsupportedModelError("weights that depend on the input")
    return np.asarray(value, np.float64)


def _optional(value: Any) -> Array | None:
    return None if value is None else _weights(value)


def _operand(value: Any) -> Tensor | Array:
    return value if isinstance(value, Tensor) else np.asarray(value, np.float64)


def _last(x: Tensor) -> Tensor:
    return x.transposed([0, *range(2, len(x.axes)), 1])


def _first(x: Tensor) -> Tensor:
    end = len(x.axes) - 1
    return x.transposed([0, end, *range(1, end)])


# Products with weights.


def _gemm(call: Call, a: Any, b: Any, c: Any = None) -> Tensor:
    given = call.given
    left, right = _operand(a), _operand(b)
    if given.get("transA"):
        left = left.transposed([1, 0]) if isinstance(left, Tensor) else left.T
    if given.get("transB"):
        right = right.transposed([1, 0]) if isinstance(right, Tensor) else right.T
    alpha, beta = given.get("alpha", 1.0), given.get("beta", 1.0)
    bias = None if c is None else _operand(c)
    weights = right if not isinstance(right, Tensor) else None
    shift = bias if not isinstance(bias, Tensor) else None
    if isinstance(left, Tensor) and weights is not None and shift is bias:
        outputs = weights.shape[1]
        if shift is None or shift.shape in ((outputs,), (1, outputs)):
            return call.graph.dense(left, weights * alpha, None if shift is None else shift.reshape(-1) * beta)
    product = call.graph.scaled(arithmetic.matmul(call.graph, left, right), alpha)
    if bias is None:
        return product
    more = call.graph.scaled(bias, beta) if isinstance(bias, Tensor) else bias * beta
    return arithmetic.add(call.graph, product, more)


def _pads(call: Call, x: Tensor, window: Sequence[int], stride: Sequence[int]) -> list[tuple[int, int]]:
    """Before and behind each axis of an image with its channels first."""
    rule = call.given.get("auto_pad", "NOTSET")
    if rule in ("SAME_UPPER", "SAME_LOWER"):
        totals = [
            max((-(-size // step) - 1) * step + wide - size, 0)
            for size, wide, step in zip(x.shape[2:], window, stride, strict=True)
        ]
        pads = [(total // 2, total - total // 2) for total in totals]
        return pads if rule == "SAME_UPPER" else [(b, a) for a, b in pads]
    given = numbers(call.given.get("pads", [0] * 2 * len(window)))
    if rule == "VALID":
        given = [0] * 2 * len(window)
    return list(zip(given[: len(window)], given[len(window) :], strict=True))


def _conv(call: Call, x: Tensor, w: Any, b: Any = None) -> Tensor:
    weights = _weights(w)
    count = weights.ndim - 2
    stride, dilation = call.numbers("strides", count), call.numbers("dilations", count)
    window = [(size - 1) * step + 1 for size, step in zip(weights.shape[2:], dilation, strict=True)]
    y = blocks.conv(
        call.graph,
        _last(x),
        np.moveaxis(weights, (0, 1), (-1, -2)),
        _optional(b),
        stride=stride,
        pads=_pads(call, x, window, stride),
        dilation=dilation,
        groups=int(call.given.get("group", 1)),
    )
    return _first(y)


def _conv_transpose(call: Call, x: Tensor, w: Any, b: Any = None) -> Tensor:
    weights = _weights(w)
    inputs, outputs, *sizes = weights.shape
    count, groups = len(sizes), int(call.given.get("group", 1))
    if "output_shape" in call.given or call.given.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise UnsupportedModelError("output_shape or auto_pad")
    stride = call.numbers("strides", count)
    more = numbers(call.given.get("output_padding", [0] * count))
    grouped = weights.reshape(groups, inputs // groups, outputs, *sizes)
    kernel = np.moveaxis(grouped, (1, 0, 2), (-3, -2, -1)).reshape(*sizes, inputs // groups, groups * outputs)
    pads = _pads(call, x, sizes, stride)
    y = blocks.conv_transpose(
        call.graph,
        _last(x),
        kernel,
        _optional(b),
        stride=stride,
        crop=[(before, after - extra) for (before, after), extra in zip(pads, more, strict=True)],
        dilation=call.numbers("dilations", count),
        groups=groups,
    )
    return _first(y)


# Pools and reductions.


def _pool(largest: bool) -> Converter:
    def convert(call: Call, x: Tensor) -> Tensor:
        window = numbers(call.given["kernel_shape"])
        stride = call.numbers("strides", len(window))
        if any(step != 1 for step in call.numbers("dilations", len(window))) or call.outputs > 1:
            raise UnsupportedModelError("dilations, or indices asked for")
        pads = _pads(call, x, window, stride)
        if call.given.get("ceil_mode") and any(
            (size + sum(sides) - wide) % step
            for size, sides, wide, step in zip(x.shape[2:], pads, window, stride, strict=True)
        ):
            raise UnsupportedModelError("ceil_mode=1 where the last window overhangs")
        count = bool(call.given.get("count_include_pad", 0))
        image = _last(x)
        return _first(
            blocks.pool(call.graph, image, largest, window=window, stride=stride, pads=pads, count_padding=count)
        )

    return convert


def _global_pool(kind: type[Layer]) -> Converter:
    return lambda call, x: call.graph.reduce(kind, x, range(2, len(x.axes)), True)


def _reduce(kind: type[Layer], total: bool = False) -> Converter:
    def convert(call: Call, x: Tensor, axes: Any = None) -> Tensor:
        given = call.given.get("axes") if axes is None else numbers(axes)
        if not given:
            if call.given.get("noop_with_empty_axes"):
                return x
            raise UnsupportedModelError("a reduction over the batch as well")
        places = [axis % len(x.axes) for axis in given]
        y = call.graph.reduce(kind, x, places, bool(call.given.get("keepdims", 1)))
        return call.graph.scaled(y, float(math.prod(x.shape[axis] for axis in places))) if total else y

    return convert


# Norms.


def _batch_norm(call: Call, x: Tensor, scale: Any, shift: Any, mean: Any, variance: Any) -> Tensor:
    if call.given.get("training_mode") or call.outputs > 1:
        raise UnsupportedModelError("training_mode=1")
    gamma, beta, average, spread = (_weights(value) for value in (scale, shift, mean, variance))
    return blocks.batch_norm(call.graph, x, 1, gamma, beta, average, spread, float(call.given.get("epsilon", 1e-5)))


def _layer_norm(call: Call, x: Tensor, scale: Any, shift: Any = None) -> Tensor:
    if call.outputs > 1:
        raise UnsupportedModelError("mean or deviation asked for")
    start = call.given.get("axis", -1) % len(x.axes)
    axes = range(start, len(x.axes))
    gain, more = _optional(scale), _optional(shift)
    return blocks.layer_norm(call.graph, x, axes, gain, more, float(call.given.get("epsilon", 1e-5)))


def _instance_norm(call: Call, x: Tensor, scale: Any, shift: Any) -> Tensor:
    gain, more = _weights(scale), _weights(shift)
    epsilon = float(call.given.get("epsilon", 1e-5))
    return _first(blocks.group_norm(call.graph, _last(x), x.shape[1], gain, more, epsilon))


def _group_norm(call: Call, x: Tensor, scale: Any, shift: Any) -> Tensor:
    groups, channels = int(call.given["num_groups"]), x.shape[1]
    gain, more = _weights(scale), _weights(shift)
    if call.opset < 21 and gain.size == groups:
        gain, more = (np.repeat(array, channels // groups) for array in (gain, more))
    return _first(blocks.group_norm(call.graph, _last(x), groups, gain, more, float(call.given.get("epsilon", 1e-5))))


# Activations.


def _single(kind: type[Layer], **settings: tuple[str, float]) -> Converter:
    """An activation whose settings have these names and defaults."""

    def convert(call: Call, x: Tensor) -> Tensor:
        values = {name: float(call.given.get(theirs, default)) for name, (theirs, default) in settings.items()}
        return call.graph.unary(kind, x, **values)

    return convert


def _alone(function: Callable[[Graph, Tensor], Tensor]) -> Converter:
    return lambda call, x: function(call.graph, x)


def _clip(call: Call, x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    ends = (call.given.get("min") if low is None else low, call.given.get("max") if high is None else high)
    least, most = (None if end is None else float(_weights(end).reshape(())) for end in ends)
    return arithmetic.clip(call.graph, x, least, most)


def _hard_sigmoid(call: Call, x: Tensor) -> Tensor:
    alpha, beta = float(call.given.get("alpha", 0.2)), float(call.given.get("beta", 0.5))
    return arithmetic.hard_sigmoid(call.graph, x, alpha, beta)


def _selu(call: Call, x: Tensor) -> Tensor:
    alpha, gamma = (
        float(call.given.get("alpha", arithmetic.SELU[1])),
        float(call.given.get("gamma", arithmetic.SELU[0])),
    )
    return arithmetic.selu(call.graph, x, alpha, gamma)


def _gelu(call: Call, x: Tensor) -> Tensor:
    return call.graph.unary(kinds.GELU, x, approximate=call.given.get("approximate", "none") == "tanh")


def _softmax(log: bool) -> Converter:
    def convert(call: Call, x: Tensor) -> Tensor:
        axis = call.given.get("axis", -1 if call.opset >= 13 else 1) % len(x.axes)
        if call.opset < 13 and axis != len(x.axes) - 1:
            raise UnsupportedModelError("a softmax over several axes, as before opset 13")
        return blocks.softmax(call.graph, x, axis, log)

    return convert


# Arithmetic.


def _two(combine: Callable[..., Tensor]) -> Converter:
    return lambda call, x, y: combine(call.graph, _operand(x), _operand(y))


def _several(combine: Callable[..., Tensor], mean: bool = False) -> Converter:
    def convert(call: Call, *values: Any) -> Tensor:
        result = _operand(values[0])
        for value in values[1:]:
            result = combine(call.graph, result, _operand(value))
        if not isinstance(result, Tensor):
            raise UnsupportedModelError("constants alone")
        return call.graph.scaled(result, 1.0 / len(values)) if mean else result

    return convert


def _pow(call: Call, x: Any, y: Any) -> Tensor:
    if isinstance(y, Tensor) or np.size(y) != 1 or float(np.reshape(y, ())) not in (1.0, 2.0, 3.0):
        raise UnsupportedModelError("a power other than 1, 2 and 3")
    result: Tensor = x
    for _ in range(int(np.reshape(y, ())) - 1):
        result = arithmetic.multiply(call.graph, result, x)
    return result


def _einsum(call: Call, *values: Any) -> Tensor:
    if len(values) != 2:
        raise UnsupportedModelError(f"einsum of {len(values)} operands")
    return einsum(call.graph, call.given["equation"], *map(_operand, values))


def _same(call: Call, x: Tensor, *rest: Any) -> Tensor:
    return x


# By operator: what it becomes.
OPERATORS: dict[str, Converter] = {
    "Gemm": _gemm,
    "MatMul": _two(arithmetic.matmul),
    "Einsum": _einsum,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "AveragePool": _pool(False),
    "MaxPool": _pool(True),
    "GlobalAveragePool": _global_pool(kinds.AvgPool2D),
    "GlobalMaxPool": _global_pool(kinds.MaxPool2D),
    "ReduceMean": _reduce(kinds.AvgPool2D),
    "ReduceSum": _reduce(kinds.AvgPool2D, True),
    "ReduceMax": _reduce(kinds.MaxPool2D),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "Relu": _single(kinds.ReLU),
    "LeakyRelu": _single(kinds.LeakyReLU, slope=("alpha", 0.01)),
    "PRelu": lambda call, x, slope: arithmetic.prelu(call.graph, x, _weights(slope)),
    "Elu": _single(kinds.ELU, alpha=("alpha", 1.0)),
    "Selu": _selu,
    "Clip": _clip,
    "Sigmoid": _single(kinds.Sigmoid),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _alone(arithmetic.hard_silu),
    "Tanh": _single(kinds.Tanh),
    "Gelu": _gelu,
    "Swish": _single(kinds.SiLU),
    "Mish": _alone(arithmetic.mish),
    "Softplus": _single(kinds.Softplus),
    "Softmax": _softmax(False),
    "LogSoftmax": _softmax(True),
    "Add": _two(arithmetic.add),
    "Sub": _two(arithmetic.subtract),
    "Mul": _two(arithmetic.multiply),
    "Div": _two(arithmetic.divide),
    "Pow": _pow,
    "Neg": lambda call, x: call.graph.scaled(x, -1.0),
    "Sum": _several(arithmetic.add),
    "Mean": _several(arithmetic.add, mean=True),
    "Max": _several(lambda graph, x, y: arithmetic.extreme(graph, x, y, True)),
    "Min": _several(lambda graph, x, y: arithmetic.extreme(graph, x, y, False)),
    **dict.fromkeys(("Identity", "Dropout", "Cast", "CastLike"), _same),
    **MOVES,
}
