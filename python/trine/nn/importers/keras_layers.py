"""Layers of Keras 3 in trine's: one converter for each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers import arithmetic, blocks, indexing
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.importers.keras_activations import ACTIVATIONS, activated
from trine.nn.importers.keras_values import array, channels_of, optional
from trine.nn.layers import Array
from trine.nn.layers.window import same_padding

__all__ = ["AUGMENTATIONS", "CONVERTERS", "Converter"]

Converter: TypeAlias = Callable[..., Tensor]


# Products with weights.


def _kernel(layer: Any, name: str = "kernel") -> Array:
    if getattr(layer, "quantization_mode", None) is not None:
        raise UnsupportedModelError(f"its weights are quantized to {layer.quantization_mode}")
    # `kernel` rather than `get_weights()`: it has low-rank updates (LoRA) merged in.
    return array(getattr(layer, name))


def _dense(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    return activated(graph, layer, graph.dense(x, _kernel(layer), optional(layer.bias)))


def _einsum_dense(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    y = indexing.einsum(graph, layer.equation, x, _kernel(layer))
    return activated(graph, layer, y if layer.bias is None else arithmetic.shifted(graph, y, array(layer.bias)))


def _pads(layer: Any, x: Tensor, window: Sequence[int], stride: Sequence[int]) -> list[tuple[int, int]]:
    """Zeros before and after each axis between the batch and the channels."""
    if layer.padding == "valid":
        return [(0, 0)] * len(window)
    if layer.padding == "causal":
        return [(window[0] - 1, 0)]
    sizes = x.shape[1:-1]
    return [same_padding((size, 1), (w, 1), (s, 1))[0] for size, w, s in zip(sizes, window, stride, strict=True)]


def _conv_of(graph: Graph, layer: Any, x: Tensor, weights: Array, bias: Array | None, groups: int) -> Tensor:
    window = [(k - 1) * d + 1 for k, d in zip(weights.shape, layer.dilation_rate, strict=False)]
    stride = tuple(layer.strides)
    return blocks.conv(
        graph,
        x,
        weights,
        bias,
        stride=stride,
        pads=_pads(layer, x, window, stride),
        dilation=tuple(layer.dilation_rate),
        groups=groups,
    )


def _conv(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    last = channels_of(layer)
    y = _conv_of(graph, layer, last(x), _kernel(layer), optional(layer.bias), layer.groups)
    return activated(graph, layer, last.back(y))


def _depthwise_kernel(kernel: Array) -> Array:
    """[*kernel, channels, multiplier] as a convolution of as many groups as channels has it."""
    *sizes, channels, multiplier = kernel.shape
    return kernel.reshape(*sizes, 1, channels * multiplier)


def _depthwise_conv(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    last = channels_of(layer)
    kernel = _kernel(layer)
    y = _conv_of(graph, layer, last(x), _depthwise_kernel(kernel), optional(layer.bias), kernel.shape[-2])
    return activated(graph, layer, last.back(y))


def _separable_conv(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    last = channels_of(layer)
    kernel = array(layer.depthwise_kernel)
    y = _conv_of(graph, layer, last(x), _depthwise_kernel(kernel), None, kernel.shape[-2])
    ones = [1] * (kernel.ndim - 2)
    pads = [(0, 0)] * len(ones)
    pointwise = array(layer.pointwise_kernel)
    bias = optional(layer.bias)
    graph.place = f"{layer.name}/pointwise"
    y = blocks.conv(graph, y, pointwise, bias, stride=ones, pads=pads, dilation=ones, groups=1)
    return activated(graph, layer, last.back(y))


def _conv_transpose(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    last = channels_of(layer)
    kernel = _kernel(layer)
    given = layer.output_padding
    extra = [given] * len(layer.strides) if given is None or isinstance(given, int) else list(given)
    rule = _old_torch_crop if _shifts_answers() else _crop
    crop = [
        rule((k - 1) * d + 1, s, layer.padding, more)
        for k, d, s, more in zip(kernel.shape, layer.dilation_rate, layer.strides, extra, strict=False)
    ]
    y = blocks.conv_transpose(
        graph,
        last(x),
        np.swapaxes(kernel, -1, -2),
        optional(layer.bias),
        stride=tuple(layer.strides),
        crop=crop,
        dilation=tuple(layer.dilation_rate),
        groups=1,
    )
    return activated(graph, layer, last.back(y))


def _crop(span: int, stride: int, padding: str, extra: int | None) -> tuple[int, int]:
    """What Keras cuts off a transposed convolution whose kernel spans so much."""
    if padding == "valid":
        return 0, -(max(span, stride) - span if extra is None else extra)
    total = stride + span - 2 if extra is None else span + span % 2 - 2 + extra
    left = min((total + 1) // 2, span - 1)
    return span - 1 - left, span - 1 - (total - left)


def _old_torch_crop(span: int, stride: int, padding: str, extra: int | None) -> tuple[int, int]:
    """The same on PyTorch in older versions of Keras, 3.12 among them, which shift some answers (and warn of it)."""
    if padding == "valid":
        return _crop(span, stride, padding, extra)
    more = stride - span % 2 if extra is None else extra
    cut = max(-((span % 2 - span + more) // 2), 0)
    return cut, cut - (2 * cut + span % 2 - span + more)


def _shifts_answers() -> bool:
    """Whether this is a Keras that shifts them."""
    import keras
    from keras.src.backend.common import backend_utils

    fixed = hasattr(backend_utils, "compute_conv_transpose_output_crops_for_torch")
    return bool(keras.backend.backend() == "torch" and not fixed)


def _embedding(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    if layer.mask_zero:
        raise UnsupportedModelError("mask_zero=True")
    return blocks.embedding(graph, x, _kernel(layer, "embeddings"))


# Pools.


def _pool(largest: bool) -> Converter:
    def convert(graph: Graph, layer: Any, x: Tensor) -> Tensor:
        import keras

        last = channels_of(layer)
        window, stride = tuple(layer.pool_size), tuple(layer.strides)
        image = last(x)
        pads = _pads(layer, image, window, stride)
        if not largest and any(a != b for a, b in pads) and keras.backend.backend() == "torch":
            raise UnsupportedModelError("padding='same' of unequal sides: Keras on PyTorch counts what it pads")
        return last.back(blocks.pool(graph, image, largest, window=window, stride=stride, pads=pads))

    return convert


def _global_pool(largest: bool) -> Converter:
    def convert(graph: Graph, layer: Any, x: Tensor) -> Tensor:
        first = layer.data_format == "channels_first"
        axes = range(2, len(x.axes)) if first else range(1, len(x.axes) - 1)
        return graph.reduce(kinds.MaxPool2D if largest else kinds.AvgPool2D, x, axes, bool(layer.keepdims))

    return convert


def _adaptive_pool(largest: bool) -> Converter:
    def convert(graph: Graph, layer: Any, x: Tensor) -> Tensor:
        last = channels_of(layer)
        return last.back(blocks.adaptive_pool(graph, last(x), largest, tuple(layer.output_size)))

    return convert


# Norms and constants.


def _batch_norm(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    gamma, beta = optional(layer.gamma), optional(layer.beta)
    mean, variance = array(layer.moving_mean), array(layer.moving_variance)
    axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
    return blocks.batch_norm(graph, x, axis % len(x.axes), gamma, beta, mean, variance, layer.epsilon)


def _layer_norm(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    if getattr(layer, "rms_scaling", False):
        raise UnsupportedModelError("rms_scaling=True")
    given = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    axes = sorted(axis % len(x.axes) for axis in given)
    shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
    gain, shift = (None if v is None else array(v).reshape(shape) for v in (layer.gamma, layer.beta))
    return blocks.layer_norm(graph, x, axes, gain, shift, layer.epsilon)


def _group_norm(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    if layer.axis % len(x.axes) != len(x.axes) - 1:
        raise UnsupportedModelError(f"axis={layer.axis}")
    groups = x.shape[-1] if layer.groups == -1 else layer.groups
    return blocks.group_norm(graph, x, groups, optional(layer.gamma), optional(layer.beta), layer.epsilon)


def _rescaling(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    y = arithmetic.multiply(graph, x, np.asarray(layer.scale, np.float64))
    return arithmetic.shifted(graph, y, np.asarray(layer.offset, np.float64))


def _normalization(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    import keras

    if layer.mean is None:
        raise UnsupportedModelError("it has not been adapted or built")
    mean, variance = array(layer.mean), array(layer.variance)
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon())
    if layer.invert:
        return graph.affine(x, deviation, mean)
    return graph.affine(x, 1.0 / deviation, -mean / deviation)


# Branches.


def _merge(combine: Callable[[Graph, Sequence[Tensor]], Tensor]) -> Converter:
    def convert(graph: Graph, layer: Any, xs: Sequence[Tensor]) -> Tensor:
        return combine(graph, xs)

    return convert


def _average(graph: Graph, xs: Sequence[Tensor]) -> Tensor:
    return graph.scaled(graph.broadcast(kinds.Add, xs), 1.0 / len(xs))


def _extreme(largest: bool) -> Callable[[Graph, Sequence[Tensor]], Tensor]:
    def combine(graph: Graph, xs: Sequence[Tensor]) -> Tensor:
        result = xs[0]
        for x in xs[1:]:
            result = arithmetic.extreme(graph, result, x, largest)
        return result

    return combine


def _concatenate(graph: Graph, layer: Any, xs: Sequence[Tensor]) -> Tensor:
    return graph.concat(xs, layer.axis)


def _dot(graph: Graph, layer: Any, xs: Sequence[Tensor]) -> Tensor:
    if layer.normalize:
        raise UnsupportedModelError("normalize=True")
    axes = [layer.axes] * 2 if isinstance(layer.axes, int) else list(layer.axes)
    words = []
    for x, axis, letters in zip(xs, axes, ("abcdef", "ghijkl"), strict=True):
        word = ["Z", *letters[1 : len(x.axes)]]
        word[axis % len(x.axes)] = "K"
        words.append("".join(word))
    result = "".join(letter for word in words for letter in word if letter not in "ZK")
    y = indexing.einsum(graph, f"{words[0]},{words[1]}->Z{result}", xs[0], xs[1])
    return y if result else graph.unsqueeze(y, 1)


# What moves values about.


def _flatten(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    if layer.data_format == "channels_first" and len(x.axes) > 2:
        x = x.transposed([0, *range(2, len(x.axes)), 1])
    return graph.reshape(x, [x.shape[0], -1])


def _reshape(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    return graph.reshape(x, [x.shape[0], *(-1 if size is None else size for size in layer.target_shape)])


def _permute(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    return x.transposed([0, *layer.dims])


def _repeat_vector(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    return arithmetic.repeated(graph, graph.unsqueeze(x, 1), 1, layer.n, False)


def _sides(numbers: Any) -> list[tuple[int, int]]:
    """A layer's padding or cropping, axis by axis."""
    pairs = [numbers] if isinstance(numbers[0], int) else numbers
    return [(int(before), int(after)) for before, after in pairs]


def _zero_padding(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    last = channels_of(layer)
    before, after = zip(*_sides(layer.padding), strict=True)
    return last.back(graph.pad(last(x), [0, *before, 0], [0, *after, 0]))


def _cropping(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    last = channels_of(layer)
    x = last(x)
    for axis, (before, after) in enumerate(_sides(layer.cropping), 1):
        x = graph.slice(x, axis, before, x.shape[axis] - after)
    return last.back(x)


def _up_sampling(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    if getattr(layer, "interpolation", "nearest") != "nearest":
        raise UnsupportedModelError(f"interpolation={layer.interpolation!r}")
    last = channels_of(layer)
    x = last(x)
    for axis, count in enumerate([layer.size] if isinstance(layer.size, int) else layer.size, 1):
        x = arithmetic.repeated(graph, x, axis, count, True)
    return last.back(x)


def _nothing(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    return x


# Activations.


def _relu(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    slope, most = float(layer.negative_slope or 0.0), layer.max_value
    if layer.threshold or (slope and most is not None):
        raise UnsupportedModelError(f"max_value={most}, negative_slope={slope}, threshold={layer.threshold}")
    if slope:
        return graph.unary(kinds.LeakyReLU, x, slope=slope)
    return arithmetic.clip(graph, x, 0.0, most)


def _leaky_relu(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    return graph.unary(kinds.LeakyReLU, x, slope=float(layer.negative_slope))


def _prelu(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    return arithmetic.prelu(graph, x, array(layer.alpha)[np.newaxis])


def _elu(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    return arithmetic.elu(graph, x, layer.alpha)


def _softmax(graph: Graph, layer: Any, x: Tensor, mask: Any = None) -> Tensor:
    if mask is not None:
        raise UnsupportedModelError("a mask")
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    return graph.along(kinds.Softmax, x, [axis % len(x.axes) for axis in axes])


# Attention.


def _multi_head(
    graph: Graph,
    layer: Any,
    query: Tensor,
    value: Tensor,
    key: Tensor | None = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
    **masks: Any,
) -> Tensor:
    if use_causal_mask or any(mask is not None for mask in masks.values()):
        raise UnsupportedModelError("a mask")
    if return_attention_scores:
        raise UnsupportedModelError("return_attention_scores=True")
    if tuple(layer._attention_axes) != (1,) or len(query.axes) != 3:
        raise UnsupportedModelError("attention_axes other than the tokens of (batch, tokens, features)")
    projections = []
    for dense in (layer._query_dense, layer._key_dense, layer._value_dense):
        kernel = _kernel(dense)
        bias = None if dense.bias is None else array(dense.bias).reshape(-1)
        projections.append((kernel.reshape(len(kernel), -1), bias))
    kernel = _kernel(layer._output_dense)
    projections.append((kernel.reshape(-1, kernel.shape[-1]), optional(layer._output_dense.bias)))
    tensors = (query, value if key is None else key, value)
    return blocks.multi_head(graph, tensors, projections, layer.num_heads, layer.name)


def _attention(graph: Graph, layer: Any, xs: Sequence[Tensor], mask: Any = None, **options: Any) -> Tensor:
    if layer.score_mode != "dot" or mask is not None or any(options.values()):
        raise UnsupportedModelError(f"score_mode={layer.score_mode!r}, or a mask")
    query, value, key = (*xs, xs[1]) if len(xs) == 2 else xs
    scale = 1.0 if layer.scale is None else float(array(layer.scale))
    return blocks.attention(graph, query, key, value, scale)


# Layers that act in training alone.
REGULARIZATIONS = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise"),
    *("ActivityRegularization", "Identity"),
)
AUGMENTATIONS = (
    *("RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
    *("RandomShear", "RandomSaturation", "RandomHue", "RandomColorJitter", "RandomGrayscale", "RandomErasing"),
    *("RandomPosterization", "RandomGaussianBlur", "RandomSharpness", "RandomInvert", "RandomPerspective"),
    *("RandomElasticTransform", "CutMix", "MixUp", "RandAugment", "AugMix"),
)

# By the name of the Keras class: what it becomes, and the options it must keep to.
CONVERTERS: dict[str, tuple[Converter, str]] = {
    "Dense": (_dense, ""),
    "EinsumDense": (_einsum_dense, ""),
    "Conv1D": (_conv, ""),
    "Conv2D": (_conv, ""),
    "DepthwiseConv1D": (_depthwise_conv, ""),
    "DepthwiseConv2D": (_depthwise_conv, ""),
    "SeparableConv1D": (_separable_conv, ""),
    "SeparableConv2D": (_separable_conv, ""),
    "Conv1DTranspose": (_conv_transpose, ""),
    "Conv2DTranspose": (_conv_transpose, ""),
    "Embedding": (_embedding, "of the model's input, no mask_zero"),
    "AveragePooling1D": (_pool(False), "on PyTorch no padding of unequal sides"),
    "AveragePooling2D": (_pool(False), "on PyTorch no padding of unequal sides"),
    "MaxPooling1D": (_pool(True), ""),
    "MaxPooling2D": (_pool(True), ""),
    "GlobalAveragePooling1D": (_global_pool(False), "no mask"),
    "GlobalAveragePooling2D": (_global_pool(False), ""),
    "GlobalMaxPooling1D": (_global_pool(True), ""),
    "GlobalMaxPooling2D": (_global_pool(True), ""),
    "AdaptiveAveragePooling1D": (_adaptive_pool(False), "sizes that divide"),
    "AdaptiveAveragePooling2D": (_adaptive_pool(False), "sizes that divide"),
    "AdaptiveMaxPooling1D": (_adaptive_pool(True), "sizes that divide"),
    "AdaptiveMaxPooling2D": (_adaptive_pool(True), "sizes that divide"),
    "BatchNormalization": (_batch_norm, ""),
    "LayerNormalization": (_layer_norm, "no rms_scaling"),
    "GroupNormalization": (_group_norm, "channels last"),
    "Rescaling": (_rescaling, ""),
    "Normalization": (_normalization, ""),
    "ReLU": (_relu, "no threshold, max_value without negative_slope"),
    "LeakyReLU": (_leaky_relu, ""),
    "PReLU": (_prelu, ""),
    "ELU": (_elu, ""),
    "Softmax": (_softmax, "no mask"),
    "Activation": (activated, f"and the activations of other layers: {', '.join(ACTIVATIONS)}"),
    "Add": (_merge(lambda graph, xs: graph.broadcast(kinds.Add, xs)), ""),
    "Subtract": (_merge(lambda graph, xs: arithmetic.subtract(graph, *xs)), ""),
    "Multiply": (_merge(lambda graph, xs: graph.broadcast(kinds.Multiply, xs)), ""),
    "Average": (_merge(_average), ""),
    "Maximum": (_merge(_extreme(True)), ""),
    "Minimum": (_merge(_extreme(False)), ""),
    "Concatenate": (_concatenate, ""),
    "Dot": (_dot, "no normalize"),
    "Flatten": (_flatten, ""),
    "Reshape": (_reshape, ""),
    "Permute": (_permute, ""),
    "RepeatVector": (_repeat_vector, ""),
    "ZeroPadding1D": (_zero_padding, ""),
    "ZeroPadding2D": (_zero_padding, ""),
    "Cropping1D": (_cropping, ""),
    "Cropping2D": (_cropping, ""),
    "UpSampling1D": (_up_sampling, ""),
    "UpSampling2D": (_up_sampling, "nearest"),
    "MultiHeadAttention": (_multi_head, "no masks, no attention_axes, no attention scores"),
    "Attention": (_attention, "dot score, no masks"),
    **dict.fromkeys((*REGULARIZATIONS, *AUGMENTATIONS), (_nothing, "")),
}
