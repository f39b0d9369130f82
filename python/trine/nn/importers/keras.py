"""Takes over a model trained with Keras 3, from a file or from memory, on any Keras backend.

Only layers that answer here what they answer in Keras are taken. Everything else is refused by name: for
files before Keras builds a single layer, so that no code a file asks for is run.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trine.errors import InputError, MissingExtraError, NotFiniteError, TrineError, UnsupportedModelError
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import BATCH, Graph, build, refuse
from trine.nn.importers.keras_files import EXPECTED, MODELS, UNKNOWN, check_file, supported
from trine.nn.importers.keras_layers import AUGMENTATIONS, CONVERTERS
from trine.nn.importers.keras_operations import OPERATIONS
from trine.nn.layers import Shape
from trine.nn.model import Model

__all__ = ["from_keras"]


def from_keras(model: str | os.PathLike[str] | object, input_range: tuple[float, float] = (0.0, 1.0)) -> Model:
    """The same model, in trine's layers.

    Weights are taken over exactly; a fused activation becomes a layer of its own, dropout and everything else that
    acts in training alone disappears. If neither the program nor the variable KERAS_BACKEND has chosen a Keras
    backend yet, PyTorch is chosen. docs/models.md lists what is taken and what becomes of it.

    Args:
        model: a path (``.keras``, ``.h5`` or ``.hdf5``), or a built ``keras.Sequential`` or functional
            ``keras.Model`` with one input and one output, which may hold others of the kind.
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
    shape = _input_shape(keras, model)
    refuse(list(_unknown(keras, model, "")), supported())

    def convert(graph: Graph) -> Tensor:
        reasons: list[str] = []
        output = _Walk(keras, graph, reasons).run(model, graph.input, "")
        refuse(reasons, supported())
        if not isinstance(output, Tensor):
            raise UnsupportedModelError(f"the model gives a {type(output).__name__}, {EXPECTED}")
        return output

    return build(convert, shape, input_range, BATCH)


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
        check_file(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except TrineError:
        raise
    except Exception as error:  # zipfile, h5py, json and Keras raise a dozen kinds of error on damaged files
        raise InputError(f"{path} cannot be loaded as a Keras model: {error}") from error


def _is_model(keras: Any, model: Any) -> bool:
    # A subclass may override `call`; the class of functional models has no public name to compare with.
    return isinstance(model, keras.Model) and (type(model) is keras.Sequential or type(model).__name__ in MODELS)


def _input_shape(keras: Any, model: Any) -> Shape:
    """The shape of one input of a model, once it is one that trine can look into."""
    if not isinstance(model, keras.Model):
        raise UnsupportedModelError(f"got a {type(model).__module__}.{type(model).__name__}, {EXPECTED}")
    if not _is_model(keras, model):
        raise UnsupportedModelError(f"model {model.name!r} is of the subclass {type(model).__name__}, {EXPECTED}")
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
    shape: Shape = tuple(inputs[0].shape[1:])
    if None in shape:
        raise UnsupportedModelError(f"model {model.name!r} takes {shape}: sizes must be fixed")
    return shape


def _calls(model: Any) -> Iterator[Any]:
    """The calls that make up a model, each after those whose answers it takes."""
    function = model._functional if hasattr(model, "_functional") else model
    for depth in sorted(function._nodes_by_depth, reverse=True):
        yield from (node for node in function._nodes_by_depth[depth] if not node.is_input)


def _unknown(keras: Any, model: Any, within: str) -> Iterator[str]:
    """A line for each layer and operation of a class that is not supported."""
    seen: set[int] = set()
    for node in _calls(model):
        operation = node.operation
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        place = _place(keras, model, operation, within)
        if _is_model(keras, operation):
            yield from _unknown(keras, operation, f"{within}{operation.name}/")
        elif _converter(keras, operation) is None:
            yield f"{place}: {UNKNOWN}"


def _place(keras: Any, model: Any, operation: Any, within: str) -> str:
    kind = f"{type(operation).__name__} {within + operation.name!r}"
    places = [index for index, layer in enumerate(model.layers) if layer is operation]
    return f"layer {places[0]}, {kind}" if places else f"operation {kind}"


def _converter(keras: Any, operation: Any) -> Any:
    # The very class of Keras: a subclass, or another class of that name, may compute something else.
    kind = type(operation)
    if kind.__name__ in CONVERTERS and kind is getattr(keras.layers, kind.__name__, None):
        return CONVERTERS[kind.__name__][0]
    if kind.__name__ in OPERATIONS and kind.__module__.startswith("keras.src.ops."):
        return OPERATIONS[kind.__name__]
    return None


class _Walk:
    """Follows the calls of a model, and of the models that it calls."""

    def __init__(self, keras: Any, graph: Graph, reasons: list[str]) -> None:
        self.keras, self.graph, self.reasons = keras, graph, reasons

    def run(self, model: Any, x: Any, within: str) -> Any:
        """What a model makes of a tensor."""
        inputs, outputs = model.inputs, model.outputs
        if len(inputs) != 1 or len(outputs) != 1 or not isinstance(x, Tensor):
            raise UnsupportedModelError(f"it has {len(inputs)} inputs and {len(outputs)} outputs, {EXPECTED}")
        known: dict[int, Any] = {id(inputs[0]): x}
        for node in _calls(model):
            args, kwargs = self._filled(node.arguments, known)
            place = _place(self.keras, model, node.operation, within)
            try:
                answer = self._called(node.operation, args, kwargs, within)
            except NotFiniteError:
                raise
            except UnsupportedModelError as reason:
                self.reasons.append(f"{place}: {reason}")
                answer = [self._stand_in(tensor.shape) for tensor in node.output_tensors]
            answers = answer if isinstance(answer, list) else [answer]
            known |= {id(tensor): value for tensor, value in zip(node.output_tensors, answers, strict=True)}
        return known[id(outputs[0])]

    def _filled(self, arguments: Any, known: dict[int, Any]) -> Any:
        """What a call was given, with tensors of the graph for Keras's."""
        given = (arguments.args, arguments.kwargs)
        return self.keras.tree.map_structure(lambda value: known.get(id(value), value), given)

    def _stand_in(self, shape: Any) -> Tensor:
        return self.graph.stand_in(tuple(BATCH if size is None else size for size in shape))

    def _called(self, operation: Any, args: Any, kwargs: dict[str, Any], within: str) -> Any:
        training = kwargs.pop("training", False)
        if training and type(operation).__name__ not in AUGMENTATIONS:  # these have it from their own default
            raise UnsupportedModelError("called with training=True")
        if any(getattr(value, "_keras_mask", None) is not None for value in args):
            raise UnsupportedModelError("a mask")
        if _is_model(self.keras, operation):
            return self.run(operation, args[0] if len(args) == 1 else None, f"{within}{operation.name}/")
        self.graph.place = within + operation.name
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
        answer = _converter(self.keras, operation)(self.graph, operation, *args, **kwargs)
        if isinstance(answer, Tensor) and math.prod(answer.shape) < 1:
            raise UnsupportedModelError("nothing is left")
        return answer
