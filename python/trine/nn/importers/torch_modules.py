"""Modules of torch.nn in trine's layers: one converter for each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers import arithmetic, blocks
from trine.nn.importers import torch_functions as functions
from trine.nn.importers import torch_moves as moves
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.importers.torch_values import array, optional
from trine.nn.layers import Array, Layer

__all__ = ["MODULES", "converted"]


# Products with weights.


def _linear(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return functions.linear(graph, x, m.weight, m.bias)


def _conv(graph: Graph, m: Any, x: Tensor) -> Tensor:
    if m.padding_mode != "zeros":
        raise UnsupportedModelError(f"padding_mode={m.padding_mode!r}")
    return functions.conv(graph, x, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups)


def _conv_transpose(graph: Graph, m: Any, x: Tensor, output_size: Any = None) -> Tensor:
    if output_size is not None:
        raise UnsupportedModelError("output_size")
    return functions.conv_transpose(
        graph, x, m.weight, m.bias, m.stride, m.padding, m.output_padding, m.groups, m.dilation
    )


def _embedding(graph: Graph, m: Any, x: Tensor) -> Tensor:
    if m.max_norm is not None:
        raise UnsupportedModelError("max_norm")
    return blocks.embedding(graph, x, array(m.weight))


# Pools.


def _avg_pool(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return functions.avg_pool(
        graph,
        x,
        m.kernel_size,
        m.stride,
        m.padding,
        m.ceil_mode,
        m.count_include_pad,
        getattr(m, "divisor_override", None),
    )


def _max_pool(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return functions.max_pool(graph, x, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices)


def _adaptive(largest: bool) -> Callable[..., Tensor]:
    def convert(graph: Graph, m: Any, x: Tensor) -> Tensor:
        if getattr(m, "return_indices", False):
            raise UnsupportedModelError("return_indices=True")
        return functions.adaptive_pool(graph, x, m.output_size, largest)

    return convert


# Norms.


def _batch_norm(graph: Graph, m: Any, x: Tensor) -> Tensor:
    if m.running_mean is None:
        raise UnsupportedModelError("track_running_stats=False")
    return functions.batch_norm(graph, x, m.running_mean, m.running_var, m.weight, m.bias, eps=m.eps)


def _instance_norm(graph: Graph, m: Any, x: Tensor) -> Tensor:
    if m.running_mean is not None:
        raise UnsupportedModelError("track_running_stats=True")
    return functions.group_norm(graph, x, x.shape[1], m.weight, m.bias, m.eps)


def _group_norm(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return functions.group_norm(graph, x, m.num_groups, m.weight, m.bias, m.eps)


def _layer_norm(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return functions.layer_norm(graph, x, m.normalized_shape, m.weight, getattr(m, "bias", None), m.eps)


# Attention.


def _multi_head(
    graph: Graph,
    m: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, None]:
    if key_padding_mask is not None or attn_mask is not None or is_causal:
        raise UnsupportedModelError("a mask")
    if m.bias_k is not None or m.add_zero_attn:
        raise UnsupportedModelError("add_bias_kv or add_zero_attn")
    if m.in_proj_weight is not None:
        weights = np.split(array(m.in_proj_weight), 3)
    else:
        weights = [array(part) for part in (m.q_proj_weight, m.k_proj_weight, m.v_proj_weight)]
    biases: Sequence[Array | None] = [None] * 3
    if m.in_proj_bias is not None:
        biases = np.split(array(m.in_proj_bias), 3)
    projections = [(weight.T, bias) for weight, bias in zip(weights, biases, strict=True)]
    projections.append((array(m.out_proj.weight).T, optional(m.out_proj.bias)))

    def swap(x: Tensor) -> Tensor:
        return x if m.batch_first else x.transposed([1, 0, 2])

    tensors = [swap(x) for x in (query, key, value)]
    return swap(blocks.multi_head(graph, tensors, projections, m.num_heads, graph.place)), None


def _encoder_layer(graph: Graph, m: Any, x: Tensor, *masks: Any, is_causal: bool = False, **more: Any) -> Tensor:
    if is_causal or any(mask is not None for mask in (*masks, *more.values())):
        raise UnsupportedModelError("a mask")
    place = graph.place

    def part(name: str, *args: Tensor) -> Any:
        graph.place = f"{place}.{name}"
        return converted(graph, getattr(m, name), *args)

    def attended(y: Tensor) -> Tensor:
        result: Tensor = part("self_attn", y, y, y)[0]
        return result

    def fed(y: Tensor) -> Tensor:
        hidden = part("linear1", y)
        graph.place = f"{place}.activation"
        result: Tensor = part("linear2", _activation(graph, m.activation, hidden))
        return result

    if m.norm_first:
        x = graph.broadcast(kinds.Add, [x, attended(part("norm1", x))])
        return graph.broadcast(kinds.Add, [x, fed(part("norm2", x))])
    x = part("norm1", graph.broadcast(kinds.Add, [x, attended(x)]))
    result: Tensor = part("norm2", graph.broadcast(kinds.Add, [x, fed(x)]))
    return result


def _activation(graph: Graph, function: Any, x: Tensor) -> Tensor:
    import torch

    if isinstance(function, torch.nn.Module):
        result: Tensor = converted(graph, function, x)
        return result
    name = getattr(function, "__name__", "")
    known = any(getattr(space, name, None) is function for space in (torch, torch.nn.functional))
    if not known or name not in functions.FUNCTIONS:
        raise UnsupportedModelError(f"activation {name or function!r}")
    answer: Tensor = functions.FUNCTIONS[name](graph, x)
    return answer


def _encoder(graph: Graph, m: Any, x: Tensor, *masks: Any, is_causal: Any = None, **more: Any) -> Tensor:
    if is_causal or any(mask is not None for mask in (*masks, *more.values())):
        raise UnsupportedModelError("a mask")
    place = graph.place
    for number, layer in enumerate(m.layers):
        graph.place = f"{place}.layers.{number}"
        x = converted(graph, layer, x)
    if m.norm is not None:
        graph.place = f"{place}.norm"
        x = converted(graph, m.norm, x)
    return x


def converted(graph: Graph, m: Any, *args: Any) -> Any:
    """What a module makes of tensors, if it is one of torch.nn's own classes."""
    import torch

    kind = type(m)
    if kind.__name__ not in MODULES or kind is not getattr(torch.nn, kind.__name__, None):
        raise UnsupportedModelError(f"{kind.__name__}: this module is not supported")
    return MODULES[kind.__name__](graph, m, *args)


# Activations and moves.


def _single(kind: type[Layer], **settings: str) -> Callable[..., Tensor]:
    """An activation, whose settings are attributes of the module under these names."""

    def convert(graph: Graph, m: Any, x: Tensor) -> Tensor:
        return graph.unary(kind, x, **{name: float(getattr(m, theirs)) for name, theirs in settings.items()})

    return convert


def _alone(function: Callable[[Graph, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda graph, m, x: function(graph, x)


def _gelu(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return functions.gelu(graph, x, m.approximate)


def _softplus(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return functions.softplus(graph, x, m.beta, m.threshold)


def _prelu(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return functions.prelu(graph, x, m.weight)


def _softmax(log: bool) -> Callable[..., Tensor]:
    return lambda graph, m, x: functions.softmax_of(graph, x, m.dim, log)


def _flatten(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return moves.flatten(graph, x, m.start_dim, m.end_dim)


def _unflatten(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return moves.unflatten(graph, x, m.dim, m.unflattened_size)


def _upsample(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return moves.interpolate(graph, x, m.size, m.scale_factor, m.mode)


def _pad(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return moves.pad(graph, x, m.padding, "constant", getattr(m, "value", 0.0))


def _pixel_shuffle(graph: Graph, m: Any, x: Tensor) -> Tensor:
    return moves.pixel_shuffle(graph, x, m.upscale_factor)


def _nothing(graph: Graph, m: Any, x: Tensor, *rest: Any) -> Tensor:
    return x


# By the name of the class of torch.nn: what it becomes.
MODULES: dict[str, Callable[..., Any]] = {
    "Linear": _linear,
    **dict.fromkeys(("Conv1d", "Conv2d"), _conv),
    **dict.fromkeys(("ConvTranspose1d", "ConvTranspose2d"), _conv_transpose),
    "Embedding": _embedding,
    **dict.fromkeys(("AvgPool1d", "AvgPool2d"), _avg_pool),
    **dict.fromkeys(("MaxPool1d", "MaxPool2d"), _max_pool),
    **dict.fromkeys(("AdaptiveAvgPool1d", "AdaptiveAvgPool2d"), _adaptive(False)),
    **dict.fromkeys(("AdaptiveMaxPool1d", "AdaptiveMaxPool2d"), _adaptive(True)),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d"), _batch_norm),
    **dict.fromkeys(("InstanceNorm1d", "InstanceNorm2d"), _instance_norm),
    "GroupNorm": _group_norm,
    "LayerNorm": _layer_norm,
    "MultiheadAttention": _multi_head,
    "TransformerEncoderLayer": _encoder_layer,
    "TransformerEncoder": _encoder,
    "ReLU": _single(kinds.ReLU),
    "ReLU6": lambda graph, m, x: graph.unary(kinds.Clip, x, low=0.0, high=6.0),
    "LeakyReLU": _single(kinds.LeakyReLU, slope="negative_slope"),
    "PReLU": _prelu,
    "Hardtanh": _single(kinds.Clip, low="min_val", high="max_val"),
    "ELU": _single(kinds.ELU, alpha="alpha"),
    "SELU": _alone(arithmetic.selu),
    "GELU": _gelu,
    "SiLU": _single(kinds.SiLU),
    "Mish": _alone(arithmetic.mish),
    "Sigmoid": _single(kinds.Sigmoid),
    "LogSigmoid": _alone(arithmetic.log_sigmoid),
    "Hardsigmoid": _alone(arithmetic.hard_sigmoid),
    "Hardswish": _alone(arithmetic.hard_silu),
    "Tanh": _single(kinds.Tanh),
    "Softplus": _softplus,
    "Softmax": _softmax(False),
    "LogSoftmax": _softmax(True),
    "Softmax2d": lambda graph, m, x: functions.softmax_of(graph, x, 1, False),
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    "Upsample": _upsample,
    "UpsamplingNearest2d": _upsample,
    **dict.fromkeys(("ZeroPad1d", "ZeroPad2d", "ConstantPad1d", "ConstantPad2d"), _pad),
    "PixelShuffle": _pixel_shuffle,
    **dict.fromkeys(("Identity", "Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout"), _nothing),
}
