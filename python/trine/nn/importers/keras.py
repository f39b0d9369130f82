"""Takes over a model trained with Keras 3, from a file or from memory, on any Keras backend.

Only layers that answer here what they answer in Keras are taken. Everything else is refused by name: for
files before Keras builds a single layer, so that no code a file asks for is run.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from trine.errors import InputError, MissingExtraError, ShapeError, TrineError, UnsupportedModelError
from trine.nn.layers import Array, AvgPool2D, Conv2D, Dense, Flatten, Layer, ReLU, Shape
from trine.nn.layers.window import same_padding
from trine.nn.model import Sequential

__all__ = ["from_keras"]

Converter: TypeAlias = Callable[[Any, Any, Shape], list[Layer]]

EXPECTED = "expected a keras.Sequential, or a functional keras.Model that is one chain of layers"
UNKNOWN = "this class of layer is not supported"


def from_keras(model: str | os.PathLike[str] | object, input_range: tuple[float, float] = (0.0, 1.0)) -> Sequential:
    """The same model, in trine's layers.

    Weights are taken over exactly; a fused activation becomes a layer of its own, dropout disappears. If
    neither the program nor the variable KERAS_BACKEND has chosen a Keras backend yet, PyTorch is chosen.

    Args:
        model: a path (``.keras``, ``.h5`` or ``.hdf5``), or a built ``keras.Sequential``, or a functional
            ``keras.Model`` that is one chain of layers. Images are channels last.
        input_range: the public range (least, greatest) of every input value, as the model was trained on.

    Raises:
        UnsupportedModelError: the model holds what trine cannot run; names each such layer, and what is
            supported.
        MissingExtraError: Keras or its backend is not installed.
        InputError: the file is not a Keras model or is damaged, or the model has no input shape yet.
        NotFiniteError: a weight is NaN or infinite.
        OSError: the file cannot be read.
    """
    keras = _import_keras()
    if isinstance(model, (str, os.PathLike)):
        model = _load(keras, Path(model))
    chain = _chain(keras, model)
    layers: list[Layer] = []
    refused = []
    for index, (layer, input_shape) in enumerate(chain):
        try:
            layers += _converter(keras, layer)(keras, layer, input_shape)
        except UnsupportedModelError as reason:
            refused.append(f"layer {index}, {type(layer).__name__} {layer.name!r}: {reason}")
    _refuse(refused)
    try:
        return Sequential(layers, chain[0][1], input_range)
    except ShapeError as error:  # the shapes are right for Keras, whose Dense also takes images
        raise UnsupportedModelError(f"the model cannot be run privately: {error}") from None


def _import_keras() -> Any:
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras
    except ImportError as error:
        raise MissingExtraError(
            f"Keras 3 cannot be imported ({error}): pip install 'trine[keras]', "
            "or set KERAS_BACKEND to a backend that is installed"
        ) from error
    if not hasattr(keras, "ops"):
        raise MissingExtraError(f"Keras 3 is needed, found {keras.__version__}: pip install 'trine[keras]'")
    return keras


def _load(keras: Any, path: Path) -> Any:
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        raise InputError(f"{path} is not a Keras model file: expected .keras, .h5 or .hdf5")
    with path.open("rb"):  # so that a missing or unreadable file is an OSError, whatever Keras makes of it
        pass
    try:
        described = _described_layers(path)
        _refuse(
            f"layer {index}, {kind} {name!r}: {UNKNOWN}"
            for index, (kind, name) in enumerate(described)
            if kind not in CONVERTERS
        )
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except TrineError:
        raise
    except Exception as error:  # zipfile, h5py, json and Keras raise a dozen kinds of error on damaged files
        raise InputError(f"{path} cannot be loaded as a Keras model: {error}") from error


def _described_layers(path: Path) -> list[tuple[str, str]]:
    """Class and name of each layer, from the description in the file; builds nothing."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            description = json.loads(archive.read("config.json"))
    else:
        import h5py

        with h5py.File(path, "r") as file:
            description = json.loads(file.attrs["model_config"])
    if description["class_name"] not in ("Sequential", "Functional", "Model"):
        raise UnsupportedModelError(f"{path} holds a {description['class_name']!r}, {EXPECTED}")
    layers = description["config"]["layers"]
    return [(layer["class_name"], layer["config"]["name"]) for layer in layers]


def _chain(keras: Any, model: Any) -> list[tuple[Any, Shape]]:
    """The layers in the order in which they are applied, each with the shape of its input."""
    if not isinstance(model, keras.Model):
        raise UnsupportedModelError(f"got a {type(model).__module__}.{type(model).__name__}, {EXPECTED}")
    # A subclass may override `call`; the class of functional models has no public name to compare with.
    if type(model) is not keras.Sequential and type(model).__name__ != "Functional":
        raise UnsupportedModelError(f"model {model.name!r} is of the subclass {type(model).__name__}, {EXPECTED}")
    _refuse(
        f"layer {index}, {type(layer).__name__} {layer.name!r}: {UNKNOWN}"
        for index, layer in enumerate(model.layers)
        if not _is_known(keras, layer)
    )
    try:
        inputs, outputs = model.inputs, model.outputs
    except AttributeError:
        raise InputError(
            f"model {model.name!r} has no input shape yet: start it with a keras.Input, or call it once"
        ) from None
    if len(inputs) != 1 or len(outputs) != 1:
        raise UnsupportedModelError(
            f"model {model.name!r} has {len(inputs)} inputs and {len(outputs)} outputs, {EXPECTED}"
        )
    if None in inputs[0].shape[1:]:
        raise UnsupportedModelError(f"model {model.name!r} takes {inputs[0].shape[1:]}: sizes must be fixed")
    # Each tensor remembers the call that made it; `layer.input` would know only the layer's first call.
    chain = []
    tensor = outputs[0]
    while tensor is not inputs[0]:
        layer, call, _ = tensor._keras_history
        node = layer._inbound_nodes[call]
        if len(node.input_tensors) != 1:
            raise UnsupportedModelError(
                f"model {model.name!r} is not a chain: {type(layer).__name__} {layer.name!r} "
                f"has {len(node.input_tensors)} inputs"
            )
        if node.arguments.kwargs.get("training"):
            raise UnsupportedModelError(f"{type(layer).__name__} {layer.name!r} is called with training=True")
        tensor = node.input_tensors[0]
        chain.append((layer, tensor.shape[1:]))
    if not chain:
        raise InputError(f"model {model.name!r} has no layers")
    return chain[::-1]


def _refuse(reasons: Iterable[str]) -> None:
    """Raises an UnsupportedModelError of these lines, if there are any, and of what is supported."""
    lines = list(reasons)
    if lines:
        known = (f"{kind} ({limits})" if limits else kind for kind, (_, limits) in CONVERTERS.items())
        raise UnsupportedModelError(
            "\n".join(["the model cannot be run privately:", *lines, f"supported layers: {'; '.join(known)}"])
        )


def _is_known(keras: Any, layer: Any) -> bool:
    # The very class of Keras: a subclass, or another class of that name, may compute something else.
    kind = type(layer).__name__
    return kind in CONVERTERS and type(layer) is getattr(keras.layers, kind)


def _converter(keras: Any, layer: Any) -> Converter:
    if not _is_known(keras, layer):
        raise UnsupportedModelError(UNKNOWN)
    return CONVERTERS[type(layer).__name__][0]


def _conv2d(keras: Any, layer: Any, input_shape: Shape) -> list[Layer]:
    _require_channels_last(layer)
    if tuple(layer.dilation_rate) != (1, 1) or layer.groups != 1:
        raise UnsupportedModelError(f"dilation_rate={layer.dilation_rate}, groups={layer.groups}")
    activation = _fused_activation(keras, layer)
    weights, bias = _parameters(keras, layer)
    return [Conv2D(weights, bias, tuple(layer.strides), layer.padding, name=layer.name), *activation]


def _average_pooling(keras: Any, layer: Any, input_shape: Shape) -> list[Layer]:
    _require_channels_last(layer)
    window, stride = tuple(layer.pool_size), tuple(layer.strides)
    height, width, _ = input_shape
    if layer.padding != "valid" and same_padding((height, width), window, stride) != ((0, 0), (0, 0)):
        raise UnsupportedModelError(
            f"padding={layer.padding!r}, and windows of {window} overhang an image of {(height, width)}"
        )
    return [AvgPool2D(window, stride, name=layer.name)]


def _dense(keras: Any, layer: Any, input_shape: Shape) -> list[Layer]:
    activation = _fused_activation(keras, layer)
    weights, bias = _parameters(keras, layer)
    return [Dense(weights, bias, name=layer.name), *activation]


def _flatten(keras: Any, layer: Any, input_shape: Shape) -> list[Layer]:
    _require_channels_last(layer)
    return [Flatten(name=layer.name)]


def _relu(keras: Any, layer: Any, input_shape: Shape) -> list[Layer]:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise UnsupportedModelError(
            f"max_value={layer.max_value}, negative_slope={layer.negative_slope}, threshold={layer.threshold}"
        )
    return [ReLU(name=layer.name)]


def _activation(keras: Any, layer: Any, input_shape: Shape) -> list[Layer]:
    return _activation_layers(keras, layer, layer.name)


def _nothing(keras: Any, layer: Any, input_shape: Shape) -> list[Layer]:
    return []


def _fused_activation(keras: Any, layer: Any) -> list[Layer]:
    return _activation_layers(keras, layer, f"{layer.name}_activation")


def _activation_layers(keras: Any, layer: Any, name: str) -> list[Layer]:
    if layer.activation is keras.activations.relu:
        return [ReLU(name=name)]
    if layer.activation is keras.activations.linear:
        return []
    shown = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    hint = ""
    if shown in ("softmax", "sigmoid"):
        hint = f": give the model a linear output and apply {shown} to the answer, which keeps its order"
    raise UnsupportedModelError(f"activation {shown!r}{hint}")


def _require_channels_last(layer: Any) -> None:
    if layer.data_format != "channels_last":
        raise UnsupportedModelError(f"data_format={layer.data_format!r}")


def _parameters(keras: Any, layer: Any) -> tuple[Array, Array | None]:
    if layer.quantization_mode is not None:
        raise UnsupportedModelError(f"its weights are quantized to {layer.quantization_mode}")
    # `kernel` rather than `get_weights()`: it has low-rank updates (LoRA) merged in.
    return _array(keras, layer.kernel), None if layer.bias is None else _array(keras, layer.bias)


def _array(keras: Any, variable: Any) -> Array:
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float64)


# By the name of the Keras class: what it becomes, and the options it must keep to.
CONVERTERS: dict[str, tuple[Converter, str]] = {
    "InputLayer": (_nothing, ""),
    "Conv2D": (_conv2d, "channels last, activation linear or relu, dilation_rate 1, groups 1"),
    "AveragePooling2D": (_average_pooling, "channels last, padding valid, or same where nothing is padded"),
    "Dense": (_dense, "on flat inputs, activation linear or relu"),
    "Flatten": (_flatten, "channels last"),
    "ReLU": (_relu, "no max_value, negative_slope or threshold"),
    "Activation": (_activation, "linear or relu"),
    "Dropout": (_nothing, ""),
}
