"""Activations of Keras 3, by name and as a layer's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trine.errors import UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers import arithmetic, blocks
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.layers import Layer

__all__ = ["ACTIVATIONS", "activated"]

Function = Callable[[Graph, Tensor], Tensor]


def _single(kind: type[Layer], **settings: Any) -> Function:
    return lambda graph, x: graph.unary(kind, x, **settings)


# The functions of keras.activations, with their defaults.
ACTIVATIONS: dict[str, Function] = {
    "linear": lambda graph, x: x,
    "relu": _single(kinds.ReLU),
    "relu6": _single(kinds.Clip, low=0.0, high=6.0),
    "leaky_relu": _single(kinds.LeakyReLU, slope=0.2),
    "elu": arithmetic.elu,
    "selu": arithmetic.selu,
    "gelu": _single(kinds.GELU),
    "silu": _single(kinds.SiLU),
    "swish": _single(kinds.SiLU),
    "sigmoid": _single(kinds.Sigmoid),
    "hard_sigmoid": arithmetic.hard_sigmoid,
    "hard_silu": arithmetic.hard_silu,
    "hard_swish": arithmetic.hard_silu,
    "hard_tanh": _single(kinds.Clip, low=-1.0, high=1.0),
    "log_sigmoid": arithmetic.log_sigmoid,
    "mish": arithmetic.mish,
    "softplus": _single(kinds.Softplus),
    "tanh": _single(kinds.Tanh),
    "softmax": lambda graph, x: blocks.softmax(graph, x, len(x.axes) - 1),
    "log_softmax": lambda graph, x: blocks.softmax(graph, x, len(x.axes) - 1, log=True),
}


def activated(graph: Graph, layer: Any, x: Tensor) -> Tensor:
    """What the layer's own activation makes of a tensor."""
    import keras

    from trine.nn.importers.keras_layers import CONVERTERS

    activation = layer.activation
    name = getattr(activation, "__name__", type(activation).__name__)
    if type(layer) is not keras.layers.Activation:
        graph.place = f"{layer.name}_activation"
    if name in ACTIVATIONS and activation is getattr(keras.activations, name, None):
        return ACTIVATIONS[name](graph, x)
    if name in CONVERTERS and type(activation) is getattr(keras.layers, name, None):
        return CONVERTERS[name][0](graph, activation, x)
    raise UnsupportedModelError(f"activation {name!r}")
