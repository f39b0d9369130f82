"""Takes over a PyTorch module that is in memory, by torch.fx: files are never unpickled."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

from trine.errors import InputError, MissingExtraError, NotFiniteError, UnsupportedModelError
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import BATCH, Graph, build, refuse
from trine.nn.importers.torch_functions import FUNCTIONS
from trine.nn.importers.torch_modules import MODULES
from trine.nn.layers.shape import integers
from trine.nn.model import Model

__all__ = ["from_torch"]

TRACED = "torch.fx cannot follow this module, whose course must not depend on its input"


def from_torch(module: object, input_shape: Iterable[int], input_range: tuple[float, float] = (0.0, 1.0)) -> Model:
    """The same model, in trine's layers, as the module answers in ``eval()`` mode.

    Inputs and answers keep PyTorch's axes: images are channels first. Weights are taken over exactly, their rows
    where need be in another order. docs/models.md lists what is taken and what becomes of it.

    Args:
        module: a ``torch.nn.Module`` of one input and one output; it is left as it is.
        input_shape: shape of one input, without a batch axis.
        input_range: the public range (least, greatest) of every input value, as the model was trained on.

    Raises:
        UnsupportedModelError: the module does what trine cannot run; names each such thing, and what is supported.
        MissingExtraError: PyTorch is not installed.
        InputError: input_shape is no shape.
        NotFiniteError: a weight is NaN or infinite.
    """
    torch = _import_torch()
    if not isinstance(module, torch.nn.Module):
        kind = f"{type(module).__module__}.{type(module).__name__}"
        raise UnsupportedModelError(f"got a {kind}, expected a torch.nn.Module in memory")
    shape = integers("from_torch", "input_shape", input_shape, 1)
    if not shape:
        raise InputError("input_shape must be positive integers, without a batch axis, got ()")
    modes = {part: part.training for part in module.modules()}
    try:
        module.eval()
        walk = _Walk(torch, module)

        def convert(graph: Graph) -> Tensor:
            with torch.no_grad():
                return walk.run(graph)

        return build(convert, shape, input_range, BATCH)
    finally:
        for part, mode in modes.items():
            part.training = mode


def _import_torch() -> Any:
    try:
        import torch
        import torch.fx
    except ImportError as error:
        raise MissingExtraError(f"PyTorch cannot be imported ({error}): pip install 'trine[torch]'") from error
    return torch


def _supported() -> str:
    return f"modules: {', '.join(MODULES)}; functions and methods of tensors: {', '.join(FUNCTIONS)}"


class _Walk:
    """Follows the calls that torch.fx sees."""

    def __init__(self, torch: Any, module: Any) -> None:
        self.torch = torch
        # In a container, so that a module of torch.nn stays one call.
        self.root = torch.nn.Sequential(module)
        self.root.training = False
        try:
            self.trace = torch.fx.Tracer().trace(self.root)
        except Exception as error:  # whatever the module's own code makes of a stand-in for its input
            raise UnsupportedModelError(f"{TRACED}: {error}") from error
        nodes = list(self.trace.nodes)
        order = {node: number for number, node in enumerate(nodes)}
        self.last_use = {node: max((order[user] for user in node.users), default=-1) for node in nodes}
        self.order = order

    def run(self, graph: Graph) -> Tensor:
        """What the module makes of the graph's input."""
        reasons: list[str] = []
        known: dict[Any, Any] = {}
        for node in self.trace.nodes:
            if node.op == "output":
                (output,) = self._filled(node.args, known)
                refuse(reasons, _supported())
                if isinstance(output, (tuple, list)) and len(output) == 1:
                    (output,) = output
                if not isinstance(output, Tensor):
                    raise UnsupportedModelError(f"the module gives a {type(output).__name__}, expected one tensor")
                return output
            try:
                known[node] = self._value(graph, node, known)
            except NotFiniteError:
                raise
            except UnsupportedModelError as reason:
                reasons.append(f"{self._place(node)}: {reason}")
                known[node] = self._stand_in(graph, node, known)
                if known[node] is None:  # nothing is known of it: look at the classes alone from here on
                    reasons += self._unknown_after(node)
                    refuse(reasons, _supported())
        raise AssertionError("a trace ends with its output")

    def _place(self, node: Any) -> str:
        if node.op == "call_module":
            name = node.target.removeprefix("0").removeprefix(".")
            return f"{type(self.root.get_submodule(node.target)).__name__} {name!r}"
        target = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", node.target)
        return f"{target}, in line {line}" if (line := self._line(node)) else str(target)

    def _line(self, node: Any) -> str:
        """Where the module's code called it, as fx noted."""
        where = [part.strip() for part in (node.stack_trace or "").splitlines() if part.strip().startswith("File")]
        return where[-1].removeprefix("File ").replace('"', "") if where else ""

    def _filled(self, arguments: Any, known: dict[Any, Any]) -> Any:
        return self.torch.fx.node.map_arg(arguments, lambda node: known[node])

    def _value(self, graph: Graph, node: Any, known: dict[Any, Any]) -> Any:
        if node.op == "placeholder":
            if node is next(iter(self.trace.nodes)):
                return graph.input
            if node.args:
                return node.args[0]
            raise UnsupportedModelError(f"a second input, {node.target!r}")
        if node.op == "get_attr":
            value = self.root
            for name in node.target.split("."):
                value = getattr(value, name)
            return value
        args, kwargs = self._filled(node.args, known), dict(self._filled(node.kwargs, known))
        if not _holds_tensor([*args, *kwargs.values()]):
            return self._constant(node, args, kwargs)
        graph.place = node.name if node.op != "call_module" else node.target.removeprefix("0").removeprefix(".")
        handler, in_place = self._handler(node)
        if node.op == "call_module":
            module = self.root.get_submodule(node.target)
            in_place = getattr(module, "inplace", False)
            args = (module, *args)
        in_place = in_place or kwargs.pop("inplace", False)
        try:
            inspect.signature(handler).bind(graph, *args, **kwargs)
        except TypeError as error:
            raise UnsupportedModelError(f"arguments: {error}") from None
        result = handler(graph, *args, **kwargs)
        if in_place:
            self._overwrite(node, known, next(arg for arg in args if isinstance(arg, Tensor)), result)
        return result

    def _constant(self, node: Any, args: Any, kwargs: Any) -> Any:
        """What does not depend on the input is computed."""
        try:
            if node.op == "call_module":
                return self.root.get_submodule(node.target)(*args, **kwargs)
            if node.op == "call_method":
                return getattr(args[0], node.target)(*args[1:], **kwargs)
            return node.target(*args, **kwargs)
        except Exception as error:  # of PyTorch's own or the module's functions
            raise UnsupportedModelError(f"it cannot be computed: {error}") from error

    def _handler(self, node: Any) -> tuple[Callable[..., Any], bool]:
        torch = self.torch
        if node.op == "call_module":
            module = self.root.get_submodule(node.target)
            kind = type(module)
            if kind.__name__ not in MODULES or kind is not getattr(torch.nn, kind.__name__, None):
                raise UnsupportedModelError("this module is not supported")
            hooks = (module._forward_hooks, module._forward_pre_hooks)
            if any(hooks):
                raise UnsupportedModelError("a module with hooks")
            return MODULES[kind.__name__], False
        if node.op == "call_method":
            name = node.target
        else:
            name = getattr(node.target, "__name__", "")
            import operator

            spaces = (torch, torch.nn.functional, operator, torch.Tensor, torch.special, math)
            if name != "getattr" and not any(getattr(space, name, None) is node.target for space in spaces):
                raise UnsupportedModelError("this function is not supported")
        plain = name.removesuffix("_") if not name.startswith("__") else name.strip("_")
        in_place = name != plain and not name.startswith("__")
        if plain[:1] == "i" and plain[1:] in ("add", "sub", "mul", "truediv") and plain not in FUNCTIONS:
            plain, in_place = plain[1:], True
        if plain not in FUNCTIONS:
            raise UnsupportedModelError("this function is not supported")
        return FUNCTIONS[plain], in_place

    def _overwrite(self, node: Any, known: dict[Any, Any], old: Tensor, new: Any) -> None:
        """An operation in place: whatever is the tensor that it changed is what it gave from now on."""
        for other, value in known.items():
            if value is old:
                known[other] = new
            elif isinstance(value, Tensor) and value.index == old.index and self.last_use[other] > self.order[node]:
                raise UnsupportedModelError("an operation in place on a tensor of which a view is still used")

    def _stand_in(self, graph: Graph, node: Any, known: dict[Any, Any]) -> Tensor | None:
        """A tensor of the shape that PyTorch gives, for what was refused; None if that cannot be known."""
        torch = self.torch

        def real(value: Any) -> Any:
            return torch.zeros(value.shape) if isinstance(value, Tensor) else value

        try:
            args, kwargs = (
                torch.fx.node.map_arg(part, lambda other: real(known[other])) for part in (node.args, node.kwargs)
            )
            shape = tuple(self._constant(node, args, kwargs).shape)
        except Exception:  # it may not be one tensor, or may not run on zeros
            return None
        return graph.stand_in(shape) if shape[:1] == (BATCH,) else None

    def _unknown_after(self, node: Any) -> list[str]:
        lines = []
        for other in list(self.trace.nodes)[self.order[node] + 1 :]:
            if other.op.startswith("call"):
                try:
                    self._handler(other)
                except UnsupportedModelError as reason:
                    if other.op != "call_function" or other.target is not getattr:
                        lines.append(f"{self._place(other)}: {reason}")
        return lines


def _holds_tensor(values: Any) -> bool:
    return any(
        isinstance(value, Tensor) or (isinstance(value, (tuple, list)) and _holds_tensor(value)) for value in values
    )
