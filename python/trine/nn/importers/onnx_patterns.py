"""Layer norms and activations that exporters write as several ONNX nodes.

An activation is told by its values: whatever the nodes between are, if they make of one input what GELU makes of it,
they are GELU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers import arithmetic, blocks
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.importers.onnx_arrays import attributes
from trine.nn.layers import Array

__all__ = ["Pattern", "Patterns"]

# An activation in pieces has fewer nodes than this.
MOST = 16
GRID = np.linspace(-6.0, 6.0, 301)

_erf = np.vectorize(math.erf, otypes=[np.float64])

PIECES: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Neg": np.negative,
    "Exp": np.exp,
    "Log": np.log,
    "Erf": _erf,
    "Tanh": np.tanh,
    "Sigmoid": lambda x: 0.5 * np.tanh(0.5 * x) + 0.5,
    "Softplus": lambda x: np.logaddexp(x, 0.0),
    "Identity": lambda x: x,
    "Reciprocal": np.reciprocal,
}
TELLING = ("Erf", "Tanh", "Sigmoid", "Exp", "Softplus")
ENDS = ("Mul", "Div", "Log", "Add", "Reciprocal")


def _unary(kind: type[kinds.Layer], **settings: Any) -> Callable[[Graph, Tensor], Tensor]:
    return lambda graph, x: graph.unary(kind, x, **settings)


# What the pieces may make together.
WHOLES: tuple[tuple[Array, Callable[[Graph, Tensor], Tensor]], ...] = (
    (kinds.GELU().forward(GRID), _unary(kinds.GELU)),
    (kinds.GELU(approximate=True).forward(GRID), _unary(kinds.GELU, approximate=True)),
    (kinds.SiLU().forward(GRID), _unary(kinds.SiLU)),
    (kinds.Softplus().forward(GRID), _unary(kinds.Softplus)),
    (kinds.Sigmoid().forward(GRID), _unary(kinds.Sigmoid)),
    (-np.logaddexp(-GRID, 0.0), arithmetic.log_sigmoid),
    (GRID * np.tanh(np.logaddexp(GRID, 0.0)), arithmetic.mish),
)


@dataclass(frozen=True)
class Pattern:
    """Several nodes in one: what they take, and what they make of it."""

    source: str
    apply: Callable[[Graph, Tensor], Tensor]

    def of_constant(self) -> Any:
        """Raises: a pattern of constants has no use."""
        raise UnsupportedModelError("an activation of a constant")


class Patterns:
    """Looks for patterns among the nodes of a graph."""

    def __init__(
        self, nodes: list[Any], makers: dict[str, int], constants: dict[str, Any], directory: Path | None
    ) -> None:
        self.nodes, self.makers, self.constants, self.directory = nodes, makers, constants, directory

    def ending_in(self, node: Any) -> Pattern | None:
        """The pattern whose last node this is, if any."""
        if node.op_type in ("Div", "Mul"):
            norm = self._layer_norm(node)
            if norm is not None:
                return norm
        return self._activation(node) if node.op_type in ENDS else None

    def _maker(self, name: str, *kinds: str) -> Any:
        """The node that makes a value, if it is of one of these kinds."""
        number = self.makers.get(name)
        node = None if number is None else self.nodes[number]
        return node if node is not None and (not kinds or node.op_type in kinds) else None

    def _constant(self, name: str) -> Any:
        for _ in range(MOST):
            if name in self.constants:
                return self.constants[name]
            node = self._maker(name, "Constant", "Identity", "Cast", "CastLike")
            if node is None:
                return None
            if node.op_type == "Constant":
                values = list(attributes(node, self.directory).values())
                return values[0] if len(values) == 1 else None
            name = node.input[0]
        return None

    def _number(self, name: str) -> float | None:
        value = self._constant(name)
        if value is None or isinstance(value, str) or np.size(value) != 1:
            return None
        return float(np.reshape(value, ()))

    # Activations.

    def _activation(self, node: Any) -> Pattern | None:
        cone: list[Any] = []
        sources: list[str] = []
        waiting = [node]
        while waiting:
            current = waiting.pop(0)
            cone.append(current)
            for name in current.input:
                if self._number(name) is None and name not in sources:
                    sources.append(name)
                    maker = self._maker(name, *PIECES)
                    if maker is not None and len(cone) + len(waiting) < MOST:
                        waiting.append(maker)
        if not any(piece.op_type in TELLING for piece in cone):
            return None
        for source in sources:
            values = self._values(node, source)
            if values is not None:
                for expected, apply in WHOLES:
                    if np.abs(values - expected).max() < 1e-5:
                        return Pattern(source, apply)
        return None

    def _values(self, node: Any, source: str) -> Array | None:
        """What a node gives where the source runs over the grid; None if it depends on something else."""
        known: dict[str, Any] = {source: GRID}
        stack = [node]
        steps = 0
        while stack:
            steps += 1
            current = stack[-1]
            takes = []
            for name in current.input:
                number = self._number(name) if name not in known else None
                if number is not None:
                    known[name] = number
                if name not in known:
                    takes.append(name)
            if not takes:
                with np.errstate(all="ignore"):
                    known[current.output[0]] = PIECES[current.op_type](*(known[name] for name in current.input))
                stack.pop()
                continue
            makers = [self._maker(name, *PIECES) for name in takes]
            if any(maker is None for maker in makers) or steps > 4 * MOST:
                return None
            stack += makers
        result = np.broadcast_to(np.asarray(known[node.output[0]], np.float64), GRID.shape)
        return result if np.isfinite(result).all() else None

    # Layer norms.

    def _layer_norm(self, node: Any) -> Pattern | None:
        """d / sqrt(mean(d^2) + epsilon), where d = x - mean(x)."""
        for centred, divisor in ((node.input[0], node.input[1]), (node.input[1], node.input[0])):
            if node.op_type == "Div" and centred != node.input[0]:
                continue
            root = self._root(divisor, node.op_type == "Mul")
            summed = None if root is None else self._maker(root, "Add")
            if summed is None:
                continue
            for spread, constant in (tuple(summed.input), tuple(summed.input)[::-1]):
                epsilon = self._number(constant)
                found = None if epsilon is None else self._centred(centred, spread)
                if found is not None:
                    source, axes = found

                    def apply(graph: Graph, x: Tensor, axes: Any = axes, epsilon: Any = epsilon) -> Tensor:
                        places = sorted(axis % len(x.axes) for axis in axes)
                        return blocks.layer_norm(graph, x, places, None, None, epsilon)

                    return Pattern(source, apply)
        return None

    def _root(self, name: str, inverse: bool) -> str | None:
        """What has its square root (or, for ``inverse``, one over it) taken to give this value."""
        if not inverse:
            node = self._maker(name, "Sqrt")
            if node is not None:
                return str(node.input[0])
            node = self._maker(name, "Pow")
            return str(node.input[0]) if node is not None and self._number(node.input[1]) == 0.5 else None
        node = self._maker(name, "Reciprocal", "Div", "Pow")
        if node is None:
            return None
        if node.op_type == "Pow":
            return str(node.input[0]) if self._number(node.input[1]) == -0.5 else None
        if node.op_type == "Div" and self._number(node.input[0]) != 1.0:
            return None
        return self._root(node.input[-1], False)

    def _centred(self, centred: str, spread: str) -> tuple[str, tuple[int, ...]] | None:
        """The source and the axes, if these are x - mean(x) and the mean of its square."""
        mean = self._maker(spread, "ReduceMean")
        square = None if mean is None else self._maker(mean.input[0], "Pow", "Mul")
        if square is None:
            return None
        one, two = square.input
        if not (self._number(two) == 2.0 if square.op_type == "Pow" else one == two):
            return None
        first, second = self._difference(centred), self._difference(one)
        axes = self._axes(mean)
        return first if first is not None and first == second and first[1] == axes else None

    def _difference(self, name: str) -> tuple[str, tuple[int, ...]] | None:
        node = self._maker(name, "Sub")
        mean = None if node is None else self._maker(node.input[1], "ReduceMean")
        if mean is None or mean.input[0] != node.input[0]:
            return None
        axes = self._axes(mean)
        return None if axes is None else (str(node.input[0]), axes)

    def _axes(self, node: Any) -> tuple[int, ...] | None:
        given = attributes(node, self.directory)
        axes = self._constant(node.input[1]) if len(node.input) > 1 else given.get("axes")
        if axes is None or not given.get("keepdims", 1):
            return None
        return tuple(int(axis) for axis in np.reshape(axes, -1))
