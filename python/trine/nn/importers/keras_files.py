"""Looks at the description in a Keras file before Keras builds anything that it asks for."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trine.errors import UnsupportedModelError
from trine.nn.importers.graph import refuse
from trine.nn.importers.keras_layers import CONVERTERS
from trine.nn.importers.keras_operations import OPERATIONS

__all__ = ["EXPECTED", "MODELS", "UNKNOWN", "check_file", "supported"]

EXPECTED = "expected a keras.Sequential or a functional keras.Model, with one input and one output"
UNKNOWN = "this class of layer is not supported"
MODELS = ("Sequential", "Functional", "Model")

# Where the objects that a description names may come from, and what it may hold besides layers: Keras would
# import what it finds under any other module, and some of Keras's own functions change how safely it loads.
LAYERS = (*CONVERTERS, "InputLayer")
MODULES = ("initializers", "regularizers", "constraints", "activations", "models", "dtype_policies")
OPERATION_MODULES = "keras.src.ops."
PLAIN = ("DTypePolicy", "FloatDTypePolicy", "function", "__tuple__", "__keras_tensor__", "__ellipsis__", "__slice__")


def supported() -> str:
    """What is supported, in one line."""
    known = (f"{kind} ({limits})" if limits else kind for kind, (_, limits) in CONVERTERS.items())
    return f"layers: {'; '.join(known)}; operations: {', '.join(OPERATIONS)}"


def check_file(path: Path) -> None:
    """Raises an UnsupportedModelError where a file describes what is not supported; other errors if it is damaged."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            description = json.loads(archive.read("config.json"))
    else:
        import h5py

        with h5py.File(path, "r") as file:
            description = json.loads(file.attrs["model_config"])
    if description["class_name"] not in MODELS:
        raise UnsupportedModelError(f"{path} holds a {description['class_name']!r}, {EXPECTED}")
    refuse(list(_unknown(description, "")), supported())
    _check_objects({key: description.get(key) for key in ("module", "class_name", "config", "build_config")})


def _unknown(description: Any, within: str) -> Iterator[str]:
    for index, layer in enumerate(description["config"]["layers"]):
        kind, name = layer["class_name"], layer["config"]["name"] if "name" in layer["config"] else layer["name"]
        place = f"layer {index}, {kind} {within + name!r}"
        if kind in MODELS:
            yield from _unknown(layer, f"{within}{name}/")
        elif kind not in LAYERS and kind not in OPERATIONS:
            yield f"{place}: {UNKNOWN}"


def _check_objects(described: Any) -> None:
    """Raises an UnsupportedModelError for objects that are none of Keras's layers and their settings."""
    waiting = [described]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
            if "class_name" in item and not _is_plain(item):
                raise UnsupportedModelError(
                    f"the file asks for {item.get('module')}.{item['class_name']}, which is no layer of Keras"
                )


def _is_plain(item: dict[str, Any]) -> bool:
    import keras

    module, kind = item.get("module"), item["class_name"]
    if not isinstance(kind, str) or not isinstance(module, (str, type(None))):
        return False
    settings = {f"keras.{name}" for name in MODULES}
    if kind in PLAIN or kind in MODELS:
        plain = module in (None, "builtins", "keras") or module in settings
        return plain or (kind in MODELS and str(module).startswith("keras.src.models."))
    if module is None or module == "keras.layers":  # without a module Keras looks among its own classes
        return kind in LAYERS or not (module or kind.startswith("_") or hasattr(keras.layers, kind))
    if module.startswith(OPERATION_MODULES):
        return kind in OPERATIONS
    return module in settings
