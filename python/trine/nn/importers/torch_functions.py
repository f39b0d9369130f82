"""Functions of PyTorch and methods of its tensors in trine's layers; arguments are named as PyTorch names them."""

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
from trine.nn.importers.torch_moves import MOVES
from trine.nn.importers.torch_values import array, first, last, operand, optional
from trine.nn.layers import Layer

__all__ = [
    "FUNCTIONS",
    "adaptive_pool",
    "avg_pool",
    "batch_norm",
    "conv",
    "conv_transpose",
    "gelu",
    "group_norm",
    "layer_norm",
    "linear",
    "max_pool",
    "prelu",
    "softmax_of",
    "softplus",
]


# Products with weights.


def linear(graph: Graph, input: Tensor, weight: Any, bias: Any = None) -> Tensor:
    return graph.dense(input, array(weight).T, optional(bias))


def _numbers(value: Any, count: int) -> list[int]:
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers * count if len(numbers) == 1 else numbers


def conv(
    graph: Graph,
    input: Tensor,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    kernel = array(weight)
    count = kernel.ndim - 2
    steps, apart = _numbers(stride, count), _numbers(dilation, count)
    if padding == "same":
        totals = [step * (size - 1) for step, size in zip(apart, kernel.shape[2:], strict=True)]
        pads = [(total // 2, total - total // 2) for total in totals]
    else:
        pads = [(number, number) for number in _numbers(0 if padding == "valid" else padding, count)]
    weights = np.moveaxis(kernel, (0, 1), (-1, -2))
    y = blocks.conv(graph, last(input), weights, optional(bias), stride=steps, pads=pads, dilation=apart, groups=groups)
    return first(y)


def conv_transpose(
    graph: Graph,
    input: Tensor,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    kernel = array(weight)
    count = kernel.ndim - 2
    inputs, outputs, *sizes = kernel.shape
    grouped = kernel.reshape(groups, inputs // groups, outputs, *sizes)
    weights = np.moveaxis(grouped, (1, 0, 2), (-3, -2, -1)).reshape(*sizes, inputs // groups, groups * outputs)
    cut, more = _numbers(padding, count), _numbers(output_padding, count)
    y = blocks.conv_transpose(
        graph,
        last(input),
        weights,
        optional(bias),
        stride=_numbers(stride, count),
        crop=[(a, a - b) for a, b in zip(cut, more, strict=True)],
        dilation=_numbers(dilation, count),
        groups=groups,
    )
    return first(y)


# Pools.


def _pool(
    graph: Graph, x: Tensor, largest: bool, window: Any, stride: Any, padding: Any, ceil: bool, count_padding: bool
) -> Tensor:
    count = len(x.axes) - 2
    window = _numbers(window, count)
    steps = window if stride is None or stride == [] else _numbers(stride, count)
    pads = _numbers(padding, count)
    if ceil and any(
        (size + 2 * pad - wide) % step for size, pad, wide, step in zip(x.shape[2:], pads, window, steps, strict=True)
    ):
        raise UnsupportedModelError("ceil_mode=True where the last window overhangs")
    sides = [(pad, pad) for pad in pads]
    image = last(x)
    return first(
        blocks.pool(graph, image, largest, window=window, stride=steps, pads=sides, count_padding=count_padding)
    )


def avg_pool(
    graph: Graph,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    y = _pool(graph, input, False, kernel_size, stride, padding, ceil_mode, count_include_pad or bool(divisor_override))
    if divisor_override:
        y = graph.scaled(y, math.prod(_numbers(kernel_size, len(input.axes) - 2)) / divisor_override)
    return y


def max_pool(
    graph: Graph,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    if return_indices or any(step != 1 for step in _numbers(dilation, 1)):
        raise UnsupportedModelError("return_indices, or a dilation other than 1")
    return _pool(graph, input, True, kernel_size, stride, padding, ceil_mode, False)


def adaptive_pool(graph: Graph, x: Tensor, output_size: Any, largest: bool) -> Tensor:
    count = len(x.axes) - 2
    sizes = [output_size] * count if output_size is None or isinstance(output_size, int) else list(output_size)
    return first(blocks.adaptive_pool(graph, last(x), largest, sizes))


# Norms.


def batch_norm(
    graph: Graph,
    input: Tensor,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = None,
    eps: float = 1e-5,
) -> Tensor:
    if training or running_mean is None:
        raise UnsupportedModelError("statistics of the batch")
    gamma, beta, mean, variance = optional(weight), optional(bias), array(running_mean), array(running_var)
    return blocks.batch_norm(graph, input, 1, gamma, beta, mean, variance, eps)


def group_norm(
    graph: Graph, input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    return first(blocks.group_norm(graph, last(input), num_groups, optional(weight), optional(bias), eps))


def layer_norm(
    graph: Graph,
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Tensor:
    axes = range(len(input.axes) - len(normalized_shape), len(input.axes))
    return blocks.layer_norm(graph, input, axes, optional(weight), optional(bias), eps)


# Activations.


def gelu(graph: Graph, input: Tensor, approximate: str = "none") -> Tensor:
    return graph.unary(kinds.GELU, input, approximate=approximate == "tanh")


def softplus(graph: Graph, input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    return graph.scaled(graph.unary(kinds.Softplus, graph.scaled(input, float(beta))), 1.0 / beta)


def prelu(graph: Graph, input: Tensor, weight: Any) -> Tensor:
    slope = array(weight)
    return arithmetic.prelu(graph, input, slope.reshape(1, -1, *[1] * (len(input.axes) - 2)))


def softmax_of(graph: Graph, x: Tensor, dim: int | None, log: bool) -> Tensor:
    if dim is None:
        raise UnsupportedModelError("a softmax without dim")
    return blocks.softmax(graph, x, dim % len(x.axes), log)


def _softmax(log: bool) -> Callable[..., Tensor]:
    def convert(graph: Graph, input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
        return softmax_of(graph, input, dim, log)

    return convert


def _single(kind: type[Layer], **settings: float) -> Callable[..., Tensor]:
    def convert(graph: Graph, input: Tensor) -> Tensor:
        return graph.unary(kind, input, **settings)

    return convert


def _leaky_relu(graph: Graph, input: Tensor, negative_slope: float = 0.01) -> Tensor:
    return graph.unary(kinds.LeakyReLU, input, slope=float(negative_slope))


def _elu(graph: Graph, input: Tensor, alpha: float = 1.0) -> Tensor:
    return arithmetic.elu(graph, input, alpha)


def _alone(function: Callable[[Graph, Tensor], Tensor]) -> Callable[..., Tensor]:
    def convert(graph: Graph, input: Tensor) -> Tensor:
        return function(graph, input)

    return convert


def _clamp(graph: Graph, input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    return arithmetic.clip(graph, input, min, max)


def _hardtanh(graph: Graph, input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    return arithmetic.clip(graph, input, min_val, max_val)


# Arithmetic.


def _two(combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def convert(graph: Graph, input: Any, other: Any, alpha: float = 1) -> Tensor:
        right = operand(other)
        if alpha != 1:
            right = graph.scaled(right, alpha) if isinstance(right, Tensor) else right * alpha
        return combine(graph, operand(input), right)

    return convert


def _extreme(largest: bool) -> Callable[..., Tensor]:
    def convert(graph: Graph, input: Any, other: Any) -> Tensor:
        return arithmetic.extreme(graph, operand(input), operand(other), largest)

    return convert


def _reversed_sub(graph: Graph, input: Any, other: Any) -> Tensor:
    return arithmetic.subtract(graph, operand(other), operand(input))


def _div(graph: Graph, input: Any, other: Any, rounding_mode: Any = None) -> Tensor:
    if rounding_mode is not None:
        raise UnsupportedModelError("rounding_mode")
    return arithmetic.divide(graph, operand(input), operand(other))


def _pow(graph: Graph, input: Tensor, exponent: Any) -> Tensor:
    if isinstance(exponent, Tensor) or float(exponent) not in (1.0, 2.0, 3.0):
        raise UnsupportedModelError("a power other than 1, 2 and 3")
    result = input
    for _ in range(int(exponent) - 1):
        result = arithmetic.multiply(graph, result, input)
    return result


def _matmul(graph: Graph, input: Any, other: Any) -> Tensor:
    return arithmetic.matmul(graph, operand(input), operand(other))


def _addmm(graph: Graph, input: Any, mat1: Any, mat2: Any, beta: float = 1, alpha: float = 1) -> Tensor:
    product = graph.scaled(arithmetic.matmul(graph, operand(mat1), operand(mat2)), alpha)
    left = operand(input)
    return arithmetic.add(graph, product, graph.scaled(left, beta) if isinstance(left, Tensor) else left * beta)


def _attention(
    graph: Graph,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    if attn_mask is not None or is_causal or enable_gqa:
        raise UnsupportedModelError("a mask, or groups of queries")
    return blocks.attention(graph, query, key, value, 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale)


# Reductions.


def _axes(x: Tensor, dim: Any) -> list[int]:
    if dim is None:
        raise UnsupportedModelError("a reduction over the batch as well")
    return [axis % len(x.axes) for axis in ([dim] if isinstance(dim, int) else dim)]


def _mean(graph: Graph, input: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    return graph.reduce(kinds.AvgPool2D, input, _axes(input, dim), keepdim)


def _sum(graph: Graph, input: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    axes = _axes(input, dim)
    count = math.prod(input.shape[axis] for axis in axes)
    return graph.scaled(graph.reduce(kinds.AvgPool2D, input, axes, keepdim), float(count))


def _amax(graph: Graph, input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    return graph.reduce(kinds.MaxPool2D, input, _axes(input, dim), keepdim)


def _max(graph: Graph, input: Any, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
    second = dim if dim is not None and not isinstance(dim, int) else other
    if second is not None:
        return arithmetic.extreme(graph, operand(input), operand(second), True)
    return graph.reduce(kinds.MaxPool2D, input, _axes(input, dim), keepdim), None


def _dropout(graph: Graph, input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    if training:
        raise UnsupportedModelError("training=True")
    return input


# By PyTorch's name, without the underscore of what works in place: what it becomes.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    **dict.fromkeys(("conv1d", "conv2d"), conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d"), conv_transpose),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), avg_pool),
    **dict.fromkeys(("max_pool1d", "max_pool2d"), max_pool),
    **dict.fromkeys(
        ("adaptive_avg_pool1d", "adaptive_avg_pool2d"),
        lambda graph, input, output_size: adaptive_pool(graph, input, output_size, False),
    ),
    **dict.fromkeys(
        ("adaptive_max_pool1d", "adaptive_max_pool2d"),
        lambda graph, input, output_size: adaptive_pool(graph, input, output_size, True),
    ),
    "batch_norm": batch_norm,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "relu": _single(kinds.ReLU),
    "relu6": _single(kinds.Clip, low=0.0, high=6.0),
    "leaky_relu": _leaky_relu,
    "prelu": prelu,
    "hardtanh": _hardtanh,
    "elu": _elu,
    "selu": _alone(arithmetic.selu),
    "gelu": gelu,
    "silu": _single(kinds.SiLU),
    "mish": _alone(arithmetic.mish),
    "sigmoid": _single(kinds.Sigmoid),
    "logsigmoid": _alone(arithmetic.log_sigmoid),
    "hardsigmoid": _alone(arithmetic.hard_sigmoid),
    "hardswish": _alone(arithmetic.hard_silu),
    "tanh": _single(kinds.Tanh),
    "softplus": softplus,
    "softmax": _softmax(False),
    "log_softmax": _softmax(True),
    **dict.fromkeys(("clamp", "clip"), _clamp),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_alpha_dropout"), _dropout),
    "add": _two(arithmetic.add),
    **dict.fromkeys(("sub", "subtract"), _two(arithmetic.subtract)),
    "rsub": _reversed_sub,
    **dict.fromkeys(("mul", "multiply"), _two(arithmetic.multiply)),
    **dict.fromkeys(("div", "divide", "truediv"), _div),
    **dict.fromkeys(("neg", "negative"), lambda graph, input: graph.scaled(input, -1.0)),
    "pow": _pow,
    "square": lambda graph, input: arithmetic.multiply(graph, input, input),
    "maximum": _extreme(True),
    "minimum": _extreme(False),
    **dict.fromkeys(("matmul", "bmm", "mm"), _matmul),
    "addmm": _addmm,
    "scaled_dot_product_attention": _attention,
    "mean": _mean,
    "sum": _sum,
    "amax": _amax,
    "max": _max,
    **MOVES,
}
