"""The layers of a model, each with its shapes and its exact answer in the clear.

Images are channels last, ``(height, width, channels)``; a batch adds a leading axis. A layer is immutable:
its arrays are float64, read-only copies of what was passed. ``forward`` is the float64 reference that a
private run is measured against. Names, geometry and the meaning of "same" padding are those of Keras.
"""

from trine.nn.layers.activation import (
    ELU,
    GELU,
    Clip,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from trine.nn.layers.argmax import ArgMax
from trine.nn.layers.base import Array, Layer, Pair, Shape
from trine.nn.layers.linear import Conv2D, Dense
from trine.nn.layers.merge import Add, Concatenate, MatMul, Multiply
from trine.nn.layers.norm import Affine, LayerNorm, Scale, batch_norm
from trine.nn.layers.pool import AvgPool2D, MaxPool2D
from trine.nn.layers.ranges import InputRanges
from trine.nn.layers.shape import Flatten, OneHot, Pad, Permute, Reshape, Slice
from trine.nn.layers.trees import Trees

# What a model may be made of, by name.
LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        *(Dense, Conv2D, Affine, Scale, LayerNorm),
        *(AvgPool2D, MaxPool2D),
        *(ReLU, LeakyReLU, Clip, Sigmoid, Tanh, GELU, SiLU, ELU, Softplus, Softmax, LogSoftmax),
        *(Add, Multiply, Concatenate, MatMul),
        *(Flatten, Reshape, Permute, Pad, Slice, OneHot),
        *(Trees, ArgMax, InputRanges),
    )
}

__all__ = [
    "ELU",
    "GELU",
    "LAYERS",
    "Add",
    "Affine",
    "ArgMax",
    "Array",
    "AvgPool2D",
    "Clip",
    "Concatenate",
    "Conv2D",
    "Dense",
    "Flatten",
    "InputRanges",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LogSoftmax",
    "MatMul",
    "MaxPool2D",
    "Multiply",
    "OneHot",
    "Pad",
    "Pair",
    "Permute",
    "ReLU",
    "Reshape",
    "Scale",
    "Shape",
    "SiLU",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Tanh",
    "Trees",
    "batch_norm",
]
