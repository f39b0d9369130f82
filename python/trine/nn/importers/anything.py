"""Takes over a model from wherever it comes, where nothing but the model has to be said."""

from __future__ import annotations

import os
from pathlib import Path

from trine.errors import InputError
from trine.nn.importers.keras import from_keras
from trine.nn.importers.onnx import from_onnx
from trine.nn.model import Model

__all__ = ["imported"]

# What else has to be said, by the package that a class comes from.
ASK = {
    "torch": "a PyTorch module does not know the shape of its input: trine.nn.from_torch(module, input_shape=...)",
    "sklearn": "an estimator does not know the range of its inputs: trine.nn.from_sklearn(estimator, input_range=...)",
}


def imported(model: Model | str | os.PathLike[str] | object) -> Model:
    """A model as trine's own.

    Args:
        model: a :class:`trine.nn.Model`; a Keras model; an ``onnx.ModelProto``; or the path of a file of one of these
            (``.npz`` of :meth:`Model.save`, ``.keras``, ``.h5``, ``.hdf5``, ``.onnx``).

    Raises:
        InputError: something else has to be said of it; says what, and by which function.
        UnsupportedModelError, MissingExtraError, OSError: as of :func:`from_keras` and :func:`from_onnx`.
    """
    if isinstance(model, Model):
        return model
    if isinstance(model, str | os.PathLike):
        kind = Path(model).suffix
        return Model.load(model) if kind == ".npz" else from_onnx(model) if kind == ".onnx" else from_keras(model)
    origins = {base.__module__.split(".")[0] for base in type(model).__mro__}
    if "keras" not in origins:  # on its torch backend, a Keras model is a PyTorch module too
        for origin in origins & ASK.keys():
            raise InputError(ASK[origin])
        if "onnx" in origins:
            return from_onnx(model)
    return from_keras(model)
