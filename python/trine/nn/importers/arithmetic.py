"""Arithmetic between tensors and constants, and functions of single values made of several layers.

Single numbers are public, arrays are weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.layers import Array

__all__ = [
    "add",
    "clip",
    "concatenated",
    "divide",
    "elu",
    "extreme",
    "hard_sigmoid",
    "hard_silu",
    "log_sigmoid",
    "matmul",
    "mish",
    "multiply",
    "prelu",
    "repeated",
    "selu",
    "shifted",
    "subtract",
]

# Copies of a tensor, one layer's inputs.
MOST = 1024

SELU = (1.0507009873554804934193349852946, 1.6732632423543772848170429916717)


def repeated(graph: Graph, x: Tensor, axis: int, count: int, each: bool) -> Tensor:
    """Every entry of an axis (``each``), or the whole axis, so many times."""
    if count == 1:
        return x
    if not 1 < count <= MOST:
        raise UnsupportedModelError(f"{count} copies, of at most {MOST}")
    shape = list(x.shape)
    at = axis + 1 if each else axis
    many = graph.concat([graph.unsqueeze(x, at)] * count, at)
    return graph.reshape(many, [*shape[:axis], shape[axis] * count, *shape[axis + 1 :]])


def add(graph: Graph, x: Tensor | Array, y: Tensor | Array) -> Tensor:
    """The sum of two, one of which may be a constant."""
    if not isinstance(x, Tensor):
        x, y = y, x
    assert isinstance(x, Tensor)
    return graph.broadcast(kinds.Add, [x, y]) if isinstance(y, Tensor) else shifted(graph, x, y)


def shifted(graph: Graph, x: Tensor, by: Array) -> Tensor:
    """Plus a constant."""
    by = np.asarray(by, np.float64)
    # An array of zeros stays: what a plan does must not depend on secret numbers.
    return (
        x if by.size == 1 and not by.any() and by.ndim <= len(x.axes) else graph.affine(_spread(graph, x, by), None, by)
    )


def multiply(graph: Graph, x: Tensor | Array, y: Tensor | Array) -> Tensor:
    """The product of two, one of which may be a constant."""
    if not isinstance(x, Tensor):
        x, y = y, x
    assert isinstance(x, Tensor)
    if isinstance(y, Tensor):
        return graph.broadcast(kinds.Multiply, [x, y])
    by = np.asarray(y, np.float64)
    if by.size == 1 and by.ndim <= len(x.axes):
        return graph.scaled(x, float(by.reshape(())))
    return graph.affine(_spread(graph, x, by), by, None)


def subtract(graph: Graph, x: Tensor | Array, y: Tensor | Array) -> Tensor:
    """The first less the second."""
    return add(graph, x, graph.scaled(y, -1.0) if isinstance(y, Tensor) else -np.asarray(y, np.float64))


def divide(graph: Graph, x: Tensor | Array, y: Tensor | Array) -> Tensor:
    """The first by the second, which is a constant."""
    if isinstance(y, Tensor):
        raise UnsupportedModelError("a division by what depends on the input")
    by = np.asarray(y, np.float64)
    if not by.all():
        raise UnsupportedModelError("a division by zero")
    return multiply(graph, x, 1.0 / by)


def _spread(graph: Graph, x: Tensor, array: Array) -> Tensor:
    """The tensor repeated along axes of size 1 where the array is longer."""
    for axis in range(1, min(array.ndim, len(x.axes) - 1) + 1):
        size = array.shape[-axis]
        if size > 1 and x.shape[-axis] == 1:
            x = repeated(graph, x, len(x.axes) - axis, size, False)
    return x


def extreme(graph: Graph, x: Tensor | Array, y: Tensor | Array, largest: bool) -> Tensor:
    """The larger or the smaller of two, entry by entry: y + relu(x - y), or y - relu(y - x)."""
    if not isinstance(x, Tensor):
        x, y = y, x
    assert isinstance(x, Tensor)
    above = graph.unary(kinds.ReLU, subtract(graph, x, y) if largest else subtract(graph, y, x))
    return add(graph, above, y) if largest else subtract(graph, y, above)


def clip(graph: Graph, x: Tensor, low: float | None, high: float | None) -> Tensor:
    """No less than ``low`` and no more than ``high``, where they are given."""
    low = None if low is None or low <= -1e30 else float(low)
    high = None if high is None or high >= 1e30 else float(high)
    if low is not None and high is not None:
        return graph.unary(kinds.Clip, x, low=low, high=high)
    if low is None and high is None:
        return x
    if low == 0.0:
        return graph.unary(kinds.ReLU, x)
    return extreme(graph, x, np.array([low if high is None else high]), high is None)


def elu(graph: Graph, x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where it is positive, alpha (e^x - 1) elsewhere."""
    return graph.unary(kinds.ELU, x, alpha=float(alpha))


def selu(graph: Graph, x: Tensor, alpha: float = SELU[1], gamma: float = SELU[0]) -> Tensor:
    """A scaled ELU with the constants of Klambauer et al., 2017, as float32 has them in every framework."""
    near = math.isclose(alpha, SELU[1], rel_tol=1e-6) and math.isclose(gamma, SELU[0], rel_tol=1e-6)
    gamma, alpha = SELU if near else (gamma, alpha)
    return graph.scaled(elu(graph, x, alpha), gamma)


def hard_sigmoid(graph: Graph, x: Tensor, alpha: float = 1 / 6, beta: float = 0.5) -> Tensor:
    """min(max(alpha x + beta, 0), 1)."""
    alpha = 1 / 6 if math.isclose(alpha, 1 / 6, rel_tol=1e-4) else alpha
    return clip(graph, shifted(graph, graph.scaled(x, alpha), np.array([beta])), 0.0, 1.0)


def hard_silu(graph: Graph, x: Tensor) -> Tensor:
    """x hard_sigmoid(x), also called hard swish."""
    return multiply(graph, x, hard_sigmoid(graph, x))


def prelu(graph: Graph, x: Tensor, slope: Array) -> Tensor:
    """x where it is positive, slope x elsewhere: relu(x) - slope relu(-x)."""
    below = graph.unary(kinds.ReLU, graph.scaled(x, -1.0))
    return add(graph, graph.unary(kinds.ReLU, x), graph.affine(below, -np.asarray(slope, np.float64), None))


def log_sigmoid(graph: Graph, x: Tensor) -> Tensor:
    """-softplus(-x)."""
    return graph.scaled(graph.unary(kinds.Softplus, graph.scaled(x, -1.0)), -1.0)


def mish(graph: Graph, x: Tensor) -> Tensor:
    """x tanh(softplus(x))."""
    return multiply(graph, x, graph.unary(kinds.Tanh, graph.unary(kinds.Softplus, x)))


def concatenated(graph: Graph, tensors: Sequence[Tensor | Array], axis: int) -> Tensor:
    """Tensors and constants one behind the other: zeros are put where the constants go, and then they are added."""
    runs: list[Tensor] = []
    first = next(tensor for tensor in tensors if isinstance(tensor, Tensor))
    axis %= len(first.axes)
    before = 0
    shifts: list[tuple[int, Array]] = []
    at = 0
    for tensor in tensors:
        if isinstance(tensor, Tensor):
            runs.append(_room(graph, tensor, axis, before, 0))
            before = 0
            at += tensor.shape[axis]
            continue
        array = np.asarray(tensor, np.float64)
        if array.ndim != len(first.axes):
            raise UnsupportedModelError(f"an array of shape {array.shape} beside a tensor of shape {first.shape}")
        shifts.append((at, array))
        before += array.shape[axis]
        at += array.shape[axis]
    if before:
        runs[-1] = _room(graph, runs[-1], axis, 0, before)
    result = graph.concat(runs, axis)
    if not shifts:
        return result
    total = np.zeros((1, *result.shape[1:]))
    for place, array in shifts:
        if array.shape[0] > 1 and np.ptp(array, axis=0).any():
            raise UnsupportedModelError("an array differs between the inputs of a batch")
        part = (slice(None),) * axis + (slice(place, place + array.shape[axis]),)
        total[part] = array[:1]
    return shifted(graph, result, total)


def _room(graph: Graph, tensor: Tensor, axis: int, before: int, after: int) -> Tensor:
    sides = ([0] * len(tensor.axes), [0] * len(tensor.axes))
    sides[0][axis], sides[1][axis] = before, after
    return graph.pad(graph.settled(tensor), *sides)


def matmul(graph: Graph, x: Tensor | Array, y: Tensor | Array) -> Tensor:
    """Matrix products, one of the two a constant matrix or both tensors of equally many axes."""
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return graph.matmul(x, y)
    constant = y if isinstance(x, Tensor) else x
    weights = np.asarray(constant, np.float64)
    if weights.ndim > 2 and weights.shape[:-2] == (1,) * (weights.ndim - 2):
        weights = weights.reshape(weights.shape[-2:])
    if weights.ndim != 2:
        raise UnsupportedModelError(f"a product with a constant of shape {weights.shape}, which is no matrix")
    if isinstance(x, Tensor):
        return graph.dense(x, weights, None)
    assert isinstance(y, Tensor)
    last = len(y.axes) - 1
    swap = [*range(last - 1), last, last - 1]
    return graph.dense(y.transposed(swap), np.ascontiguousarray(weights.T), None).transposed(swap)
