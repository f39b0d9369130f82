"""A model as one file: an uncompressed zip of its architecture and its arrays.

``numpy.load`` can open it: ``architecture.json`` (format, version, shapes, layers) and one ``.npy`` per array, float32
where that loses nothing and float64 elsewhere, so that reading gives back the very same numbers. Equal models give
equal files. No pickle is written or read.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from trine.errors import InputError, TrineError, UnsupportedModelError
from trine.nn.layers import LAYERS, Array, Layer
from trine.nn.model import Model, Node

__all__ = ["load", "save"]

FORMAT = "trine-model"
VERSION = 2
ARCHITECTURE = "architecture.json"


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Writes a model, weights in the clear, to one file; `load` gives back the same numbers.

    Raises:
        OSError: the file cannot be written.
    """
    architecture = {
        "format": FORMAT,
        "version": VERSION,
        "input_shape": model.input_shape,
        "input_range": model.input_range,
        "input_axes": model.input_axes,
        "output_axes": model.output_axes,
        "ranges": model.ranges,
        "nodes": [{"inputs": node.inputs, **_settings(node.layer)} for node in model.nodes],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry(ARCHITECTURE), json.dumps(architecture, indent=1) + "\n")
        for index, node in enumerate(model.nodes):
            for name, array in node.layer.arrays.items():
                archive.writestr(_entry(f"{index}.{name}.npy"), _npy(array))
    Path(path).write_bytes(buffer.getvalue())


def load(path: str | os.PathLike[str]) -> Model:
    """Reads a model that `save` wrote; a file from a stranger can at worst be refused.

    Memory stays within a few times the file's size and nothing in the file is executed.

    Raises:
        OSError: the file cannot be read.
        UnsupportedModelError: it holds a layer, or a format version, that this trine does not know.
        InputError: it is not a model file, is damaged, or describes a model that cannot be (subclasses
            such as `ShapeError` and `NotFiniteError` say more).
    """
    data = Path(path).read_bytes()
    try:
        return _read(data)
    except TrineError as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from None
    except Exception as error:  # zipfile, json and numpy raise a dozen kinds of error on damaged bytes
        raise InputError(f"{os.fspath(path)} is not a trine model, or is damaged: {error}") from error


def _settings(layer: Layer) -> dict[str, object]:
    """A layer's kind and every field that is not an array, as JSON can hold them."""
    values = {f.name: getattr(layer, f.name) for f in fields(layer) if f.name not in layer.arrays}
    return {"kind": type(layer).__name__, **values}


def _entry(name: str) -> zipfile.ZipInfo:
    """A zip entry that says nothing of when and where it was written."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def _npy(array: Array) -> bytes:
    with np.errstate(over="ignore"):
        narrow = array.astype("<f4")
    stored = narrow if (narrow == array).all() else array.astype("<f8")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, stored, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _from_npy(data: bytes) -> Array:
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array is not in .npy format 1.0")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if fortran or dtype.str not in ("<f4", "<f8"):
        raise ValueError(f"an array has dtype {dtype}, expected float32 or float64")
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape).astype(np.float64)


def _read(data: bytes) -> Model:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        # Nothing is compressed, so entries that add up to more than the file are a bomb.
        compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if compressed or sum(entry.file_size for entry in entries) > len(data):
            raise InputError("is not a trine model: its entries must be stored uncompressed")
        contents = {entry.filename: archive.read(entry) for entry in entries}
    architecture = json.loads(contents.pop(ARCHITECTURE))
    if architecture["format"] != FORMAT:
        raise InputError(f"is not a trine model: its format is {architecture['format']!r}")
    if architecture["version"] != VERSION:
        raise UnsupportedModelError(
            f"has format version {architecture['version']!r}, this trine reads version {VERSION}"
        )
    nodes = [_node(index, settings, contents) for index, settings in enumerate(architecture["nodes"])]
    if contents:
        raise InputError(f"holds entries that belong to no layer: {sorted(contents)}")
    names = ("input_shape", "input_range", "input_axes", "output_axes", "ranges")
    return Model(nodes, **{name: architecture[name] for name in names})


def _node(index: int, settings: dict[str, Any], contents: dict[str, bytes]) -> Node:
    kind, inputs = settings.pop("kind"), settings.pop("inputs")
    if kind not in LAYERS:
        raise UnsupportedModelError(f"layer {index} is a {kind!r}, expected one of {', '.join(LAYERS)}")
    arrays = {f.name: f"{index}.{f.name}.npy" for f in fields(LAYERS[kind])}
    settings |= {name: _from_npy(contents.pop(entry)) for name, entry in arrays.items() if entry in contents}
    return Node(LAYERS[kind](**settings), tuple(inputs))
