"""A model: layers in a row, checked when it is made, answered in the clear, kept in one file.

A saved model is an uncompressed zip that ``numpy.load`` can open: ``architecture.json`` (format, version,
shapes, layers) and one ``.npy`` per array, float32 where that loses nothing and float64 elsewhere, so that
loading gives back the very same numbers. Equal models give equal files. No pickle is written or read.
"""

from __future__ import annotations

import io
import json
import math
import operator
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from trine.errors import InputError, RangeError, ShapeError, TrineError, UnsupportedModelError
from trine.nn.layers import Array, AvgPool2D, Conv2D, Dense, Flatten, Layer, ReLU, Shape
from trine.ring.fixed import real_array

__all__ = ["Sequential"]

FORMAT = "trine-model"
VERSION = 1
ARCHITECTURE = "architecture.json"
LAYERS: dict[str, type[Layer]] = {kind.__name__: kind for kind in (AvgPool2D, Conv2D, Dense, Flatten, ReLU)}

# Rows per step of `predict`: bounds the memory that a convolution's windows take.
CHUNK = 256


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Sequential:
    """Layers applied one after the other; immutable, and never printed with its weights.

    Attributes:
        layers: the layers, first to last.
        input_shape: shape of one input, without a batch axis; images are (height, width, channels).
        input_range: the declared public range (least, greatest) of every input value; plans rest on it.
        shapes: shapes[i] is what layer i takes, shapes[i + 1] what it gives.

    Raises:
        UnsupportedModelError: something in ``layers`` is not a layer of trine.
        ShapeError: a layer does not fit what the one before it gives; says which.
        InputError: no layers, or ``input_shape`` or ``input_range`` makes no sense.

    >>> model = Sequential([Flatten(), Dense(np.eye(4), name="logits"), ReLU()], input_shape=(2, 2, 1))
    >>> model.predict([[[1], [-2]], [[3], [4]]])
    array([1., 0., 3., 4.])
    >>> print(model.summary())
    Sequential: (2, 2, 1) in [0, 1] -> (4,), 16 parameters
    layer             output  parameters
    0 Flatten           (4,)           0
    1 Dense 'logits'    (4,)          16
    2 ReLU              (4,)           0
    """

    layers: tuple[Layer, ...]
    input_shape: Shape
    input_range: tuple[float, float]
    shapes: tuple[Shape, ...]

    def __init__(
        self,
        layers: Iterable[Layer],
        input_shape: Iterable[int],
        input_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        rows = tuple(layers)
        if not rows:
            raise InputError("a model needs at least one layer")
        for index, layer in enumerate(rows):
            if not isinstance(layer, Layer):
                raise UnsupportedModelError(
                    f"layer {index} is a {type(layer).__name__}, expected one of {', '.join(LAYERS)}"
                )
        shapes = [_input_shape(input_shape)]
        for index, layer in enumerate(rows):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except ShapeError as error:
                raise ShapeError(f"layer {index}, {error}") from None
        object.__setattr__(self, "layers", rows)
        object.__setattr__(self, "input_shape", shapes[0])
        object.__setattr__(self, "input_range", _input_range(input_range))
        object.__setattr__(self, "shapes", tuple(shapes))

    @property
    def output_shape(self) -> Shape:
        """Shape of the answer to one input."""
        return self.shapes[-1]

    def predict(self, x: npt.ArrayLike) -> Array:
        """What the model answers in the clear, in float64.

        Args:
            x: real numbers, one input (``input_shape``) or a batch (N, ``*input_shape``), scaled as trained.

        Returns:
            float64[``*output_shape``], or float64[N, ``*output_shape``] for a batch.

        Raises:
            DtypeError: x does not hold real numbers.
            NotFiniteError: x holds NaN or infinity.
            ShapeError: x is neither one input nor a batch.
            RangeError: the numbers grew beyond float64 on the way.
        """
        inputs = real_array(x)
        single = inputs.shape == self.input_shape
        batch = inputs[np.newaxis] if single else inputs
        if batch.shape[1:] != self.input_shape:
            no_channels = self.input_shape in ((*inputs.shape, 1), (*inputs.shape[1:], 1))
            hint = "; add the axis of channels: x[..., None]" if no_channels else ""
            raise ShapeError(
                f"x has shape {inputs.shape}, expected {self.input_shape} for one input "
                f"or (N, {', '.join(map(str, self.input_shape))}) for a batch{hint}"
            )
        outputs = np.empty((len(batch), *self.output_shape))
        for start in range(0, len(batch), CHUNK):
            y = batch[start : start + CHUNK]
            with np.errstate(over="ignore", invalid="ignore"):
                for layer in self.layers:
                    y = layer.forward(y)
            outputs[start : start + CHUNK] = y
        if not np.isfinite(outputs).all():
            raise RangeError("the answer is beyond float64: are the inputs scaled as in training?")
        return outputs[0] if single else outputs

    def summary(self) -> str:
        """One line per layer: kind, name, output shape, number of parameters."""
        counts = [sum(array.size for array in layer.arrays.values()) for layer in self.layers]
        rows = [("layer", "output", "parameters")]
        for index, (layer, shape, count) in enumerate(zip(self.layers, self.shapes[1:], counts, strict=True)):
            rows.append((f"{index} {layer.label}", str(shape), f"{count:,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        low, high = self.input_range
        inputs = f"{self.input_shape} in [{low:g}, {high:g}]"
        lines = [f"Sequential: {inputs} -> {self.output_shape}, {sum(counts):,} parameters"]
        lines += [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
        return "\n".join(lines)

    def __repr__(self) -> str:
        kinds = ", ".join(type(layer).__name__ for layer in self.layers)
        return f"Sequential([{kinds}], input_shape={self.input_shape}, input_range={self.input_range})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model, weights in the clear, to one file; `load` gives back the same numbers.

        Raises:
            OSError: the file cannot be written.
        """
        architecture = {
            "format": FORMAT,
            "version": VERSION,
            "input_shape": self.input_shape,
            "input_range": self.input_range,
            "layers": [_settings(layer) for layer in self.layers],
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_entry(ARCHITECTURE), json.dumps(architecture, indent=1) + "\n")
            for index, layer in enumerate(self.layers):
                for name, array in layer.arrays.items():
                    archive.writestr(_entry(f"{index}.{name}.npy"), _npy(array))
        Path(path).write_bytes(buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Sequential:
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


def _input_shape(shape: Iterable[int]) -> Shape:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise InputError(f"input_shape must be a tuple of integers, got {shape!r}") from None
    if not sizes or min(sizes) < 1:
        raise InputError(f"input_shape must be positive integers, without a batch axis, got {shape!r}")
    return sizes


def _input_range(bounds: object) -> tuple[float, float]:
    try:
        low, high = (float(bound) for bound in cast(tuple[float, float], bounds))
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"input_range must be (least, greatest), two numbers, got {bounds!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"input_range must be finite, the least below the greatest, got {bounds!r}")
    return low, high


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


def _read(data: bytes) -> Sequential:
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
    layers = [_layer(index, settings, contents) for index, settings in enumerate(architecture["layers"])]
    if contents:
        raise InputError(f"holds entries that belong to no layer: {sorted(contents)}")
    return Sequential(layers, architecture["input_shape"], architecture["input_range"])


def _layer(index: int, settings: dict[str, Any], contents: dict[str, bytes]) -> Layer:
    kind = settings.pop("kind")
    if kind not in LAYERS:
        raise UnsupportedModelError(f"layer {index} is a {kind!r}, expected one of {', '.join(LAYERS)}")
    arrays = {f.name: f"{index}.{f.name}.npy" for f in fields(LAYERS[kind])}
    settings |= {name: _from_npy(contents.pop(entry)) for name, entry in arrays.items() if entry in contents}
    return LAYERS[kind](**settings)
