"""Takes over a model in the ONNX format; a file from a stranger can at worst be refused, and no code in it is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from trine.errors import InputError, MissingExtraError, NotFiniteError, TrineError, UnsupportedModelError
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import BATCH, Graph, build, refuse
from trine.nn.importers.onnx_arrays import LARGEST, attributes, folded, tensor_array
from trine.nn.importers.onnx_operators import OPERATORS, Call
from trine.nn.importers.onnx_patterns import Pattern, Patterns
from trine.nn.layers import Shape
from trine.nn.model import Model

__all__ = ["from_onnx"]

OLDEST = 9
DOMAINS = ("", "ai.onnx")


def from_onnx(model: str | os.PathLike[str] | object, input_range: tuple[float, float] = (0.0, 1.0)) -> Model:
    """The same model, in trine's layers.

    Inputs and answers keep the file's axes, their first being the batch. What does not depend on the input is
    computed; layer norms and activations that exporters take apart are put together again. docs/models.md lists
    what is taken and what becomes of it.

    Args:
        model: a path, or an ``onnx.ModelProto``; one input and one output. Weights in files beside it are read from
            its own directory alone.
        input_range: the public range (least, greatest) of every input value, as the model was trained on.

    Raises:
        UnsupportedModelError: the model holds what trine cannot run; names each such operator, and what is supported.
        MissingExtraError: the onnx package is not installed.
        InputError: the file is not an ONNX model or is damaged.
        NotFiniteError: a weight is NaN or infinite.
        OSError: the file cannot be read.
    """
    onnx = _import_onnx()
    directory: Path | None = None
    if isinstance(model, (str, os.PathLike)):
        path = Path(model)
        directory, what = path.parent, str(path)
        data = path.read_bytes()
        try:
            model = onnx.load_model_from_string(data)
        except Exception as error:  # protobuf has several kinds, one for each of its implementations
            raise InputError(f"{path} cannot be loaded as an ONNX model: {error}") from error
    elif isinstance(model, onnx.ModelProto):
        what = "the model"
    else:
        raise InputError(f"got a {type(model).__name__}, expected a path or an onnx.ModelProto")
    try:
        walk = _Walk(onnx, model, directory)
        return build(walk.run, walk.input_shape, input_range, walk.batch)
    except TrineError:
        raise
    except Exception as error:  # of protobuf, numpy and onnx on fields that do not go together
        raise InputError(f"{what} is not a sound ONNX model: {type(error).__name__}: {error}") from error


def _import_onnx() -> Any:
    try:
        import onnx
        import onnx.reference
    except ImportError as error:
        raise MissingExtraError(f"onnx cannot be imported ({error}): pip install 'trine[onnx]'") from error
    return onnx


class _Walk:
    """Follows the nodes that the output needs."""

    def __init__(self, onnx: Any, model: Any, directory: Path | None) -> None:
        self.onnx, self.directory = onnx, directory
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
        graph = model.graph
        versions = [entry.version for entry in model.opset_import if entry.domain in DOMAINS]
        if not versions or max(versions) < OLDEST:
            raise UnsupportedModelError(f"opset {versions or 'none'}, expected {OLDEST} or later")
        self.opset: int = max(versions)
        self.constants = {tensor.name: tensor_array(tensor, directory) for tensor in graph.initializer}
        if graph.sparse_initializer:
            raise UnsupportedModelError("sparse weights are not supported")
        self.input, self.input_shape, self.batch = self._input(graph)
        if len(graph.output) != 1:
            names = ", ".join(repr(value.name) for value in graph.output)
            raise UnsupportedModelError(f"the model has {len(graph.output)} outputs, {names}, expected one")
        self.output = graph.output[0].name
        self.nodes = list(graph.node)
        self.makers: dict[str, int] = {}
        for number, node in enumerate(self.nodes):
            for name in filter(None, node.output):
                if name in self.makers or name in self.constants or name == self.input:
                    raise InputError(f"value {name!r} is made twice")
                self.makers[name] = number
        self.patterns = Patterns(self.nodes, self.makers, self.constants, directory)
        self.steps = self._needed()

    def _input(self, graph: Any) -> tuple[str, Shape, int]:
        """Name and shape of the input, and the size of its batch."""
        inputs = [value for value in graph.input if value.name not in self.constants]
        if len(inputs) != 1:
            names = ", ".join(repr(value.name) for value in inputs)
            raise UnsupportedModelError(f"the model has {len(inputs)} inputs, {names}, expected one")
        (value,) = inputs
        sizes = [
            dimension.dim_value if dimension.HasField("dim_value") else 0
            for dimension in value.type.tensor_type.shape.dim
        ]
        if len(sizes) < 2 or min(sizes[1:]) < 1 or max(sizes) > LARGEST:
            raise UnsupportedModelError(
                f"input {value.name!r} has shape {sizes}: expected a batch and then axes of fixed size"
            )
        return value.name, tuple(sizes[1:]), sizes[0] if sizes[0] > 0 else BATCH

    def _needed(self) -> list[tuple[Any, Pattern | None]]:
        """The nodes that the output needs, in the file's order, each with the pattern that it ends, if any."""
        found: dict[int, Pattern | None] = {}
        waiting = [self.output]
        while waiting:
            name = waiting.pop()
            number = self.makers.get(name)
            if number is None or number in found:
                continue
            pattern = found[number] = self.patterns.ending_in(self.nodes[number])
            waiting += [pattern.source] if pattern else filter(None, self.nodes[number].input)
        return [(self.nodes[number], found[number]) for number in sorted(found)]

    def run(self, graph: Graph) -> Tensor:
        """What the model makes of the graph's input."""
        values: dict[str, Any] = {**self.constants, self.input: graph.input}
        reasons: list[str] = []
        unknown: set[str] = set()
        for node, pattern in self.steps:
            takes = [pattern.source] if pattern else list(node.input)
            place = f"node {node.name or node.output[0]!r}, {node.op_type}"
            try:
                if any(name in unknown for name in takes):
                    self._check(node, pattern)
                    unknown.update(node.output)
                    continue
                missing = [name for name in takes if name and name not in values]
                if missing:
                    raise InputError(f"{place}: takes {missing[0]!r}, which is not there yet")
                graph.place = node.name or node.output[0]
                answer = self._answer(graph, node, pattern, [values[name] if name else None for name in takes])
            except NotFiniteError:
                raise
            except UnsupportedModelError as reason:
                reasons.append(f"{place}: {reason}")
                unknown.update(node.output)
                continue
            answers = answer if isinstance(answer, list) else [answer]
            values |= dict(zip(node.output, answers, strict=False))
        refuse(reasons, f"operators: {', '.join(OPERATORS)}")
        output = values.get(self.output)
        if not isinstance(output, Tensor):
            raise InputError(f"output {self.output!r} does not depend on the input")
        return output

    def _check(self, node: Any, pattern: Pattern | None) -> None:
        if node.domain not in DOMAINS:
            raise UnsupportedModelError(f"domain {node.domain!r} is not supported")
        if pattern is None and node.op_type not in OPERATORS:
            raise UnsupportedModelError("this operator is not supported")

    def _answer(self, graph: Graph, node: Any, pattern: Pattern | None, inputs: list[Any]) -> Any:
        if pattern is not None:
            return pattern.apply(graph, inputs[0]) if isinstance(inputs[0], Tensor) else pattern.of_constant()
        if node.domain in DOMAINS and not any(isinstance(value, Tensor) for value in inputs):
            return folded(self.onnx, node, inputs, self.opset, self.directory)
        self._check(node, pattern)
        call = Call(graph, self.opset, attributes(node, self.directory), len(node.output))
        return OPERATORS[node.op_type](call, *inputs)
