"""Operators of ONNX that move values about, and those that ask for shapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trine.errors import UnsupportedModelError
from trine.nn.importers import arithmetic, blocks, indexing
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph

__all__ = ["MOVES", "Call", "numbers"]


@dataclass(frozen=True)
class Call:
    """What a converter is given beside its inputs: the graph, the opset, the node's attributes and outputs."""

    graph: Graph
    opset: int
    given: dict[str, Any]
    outputs: int

    def numbers(self, name: str, count: int) -> list[int]:
        """A list of as many integers; ones if it is not given."""
        values = numbers(self.given.get(name, [1] * count))
        if len(values) != count:
            raise UnsupportedModelError(f"{name}={values} for {count} axes")
        return values


def numbers(values: Any) -> list[int]:
    """A list of integers."""
    if isinstance(values, Tensor):
        raise UnsupportedModelError("sizes that depend on the input")
    return [int(value) for value in np.reshape(values, -1)]


def _reshape(call: Call, x: Tensor, shape: Any = None) -> Tensor:
    wanted = numbers(call.given["shape"] if shape is None else shape)
    if not call.given.get("allowzero"):
        wanted = [x.shape[axis] if size == 0 and axis < len(x.axes) else size for axis, size in enumerate(wanted)]
    return call.graph.reshape(x, wanted)


def _flatten(call: Call, x: Tensor) -> Tensor:
    axis = call.given.get("axis", 1)
    axis = axis % len(x.axes) if axis < 0 else axis
    return call.graph.reshape(x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])


def _transpose(call: Call, x: Tensor) -> Tensor:
    order = numbers(call.given.get("perm", range(len(x.axes))[::-1]))
    if sorted(order) != list(range(len(x.axes))):
        raise UnsupportedModelError(f"perm={order} of a tensor of shape {x.shape}")
    return x.transposed(order)


def _squeeze(call: Call, x: Tensor, axes: Any = None) -> Tensor:
    given = call.given.get("axes") if axes is None else numbers(axes)
    if given is None:
        given = [axis for axis, size in enumerate(x.shape) if size == 1 and not x.axes[axis]]
    return call.graph.squeeze(x, given)


def _unsqueeze(call: Call, x: Tensor, axes: Any = None) -> Tensor:
    given = numbers(call.given["axes"] if axes is None else axes)
    for axis in sorted(axis % (len(x.axes) + len(given)) for axis in given):
        x = call.graph.unsqueeze(x, axis)
    return x


def _concat(call: Call, *values: Any) -> Tensor:
    tensors = [value if isinstance(value, Tensor) else np.asarray(value, np.float64) for value in values]
    return arithmetic.concatenated(call.graph, tensors, int(call.given["axis"]))


def _slice(call: Call, x: Tensor, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None) -> Tensor:
    first = numbers(call.given["starts"] if starts is None else starts)
    last = numbers(call.given["ends"] if ends is None else ends)
    given = call.given.get("axes") if axes is None else axes
    places = list(range(len(first))) if given is None else numbers(given)
    strides = [1] * len(first) if steps is None else numbers(steps)
    for start, stop, axis, step in zip(first, last, places, strides, strict=True):
        part = slice(start, stop, step).indices(x.shape[axis])
        x = call.graph.slice(x, axis % len(x.axes), *part)
    return x


def _split(call: Call, x: Tensor, split: Any = None) -> list[Tensor]:
    axis = call.given.get("axis", 0) % len(x.axes)
    given = call.given.get("split") if split is None else split
    if given is not None:
        return indexing.parts(call.graph, x, numbers(given), axis)
    size = x.shape[axis]
    length = -(-size // call.outputs)
    sizes = [min(length, size - start) for start in range(0, size, length)]
    return indexing.parts(call.graph, x, sizes, axis)


def _gather(call: Call, data: Any, indices: Any) -> Tensor:
    axis = call.given.get("axis", 0)
    if isinstance(indices, Tensor):
        if isinstance(data, Tensor) or data.ndim != 2 or axis != 0:
            raise UnsupportedModelError("an index that depends on the input into what is no table")
        return blocks.embedding(call.graph, indices, np.asarray(data, np.float64))
    axis %= len(data.axes)
    size = data.shape[axis]
    places = [place + size if place < 0 else place for place in numbers(indices)]
    steps = set(np.diff(places).tolist()) or {1}
    if np.ndim(indices) > 1 or not places or len(steps) > 1 or min(steps) < 1:
        raise UnsupportedModelError("indices other than evenly spaced ones")
    part = call.graph.slice(data, axis, places[0], places[-1] + 1, steps.pop())
    return part if np.ndim(indices) else call.graph.squeeze(part, [axis])


def _pad(call: Call, x: Tensor, pads: Any = None, value: Any = None, axes: Any = None) -> Tensor:
    given = numbers(call.given["pads"] if pads is None else pads)
    constant = call.given.get("value", 0.0) if value is None else float(np.reshape(value, ()))
    if call.given.get("mode", "constant") != "constant" or constant:
        raise UnsupportedModelError(f"mode={call.given.get('mode', 'constant')!r}, value={constant}")
    places = list(range(len(x.axes))) if axes is None else [axis % len(x.axes) for axis in numbers(axes)]
    before, after = [0] * len(x.axes), [0] * len(x.axes)
    for number, axis in enumerate(places):
        before[axis], after[axis] = given[number], given[number + len(places)]
    return call.graph.pad(x, before, after)


def _expand(call: Call, x: Tensor, shape: Any) -> Tensor:
    wanted = numbers(shape)
    while len(x.axes) < len(wanted):
        x = call.graph.unsqueeze(x, 0)
    wanted = [1] * (len(x.axes) - len(wanted)) + wanted
    for axis, size in enumerate(wanted):
        if size not in (1, x.shape[axis]):
            if x.shape[axis] != 1:
                raise UnsupportedModelError(f"shape {x.shape} expanded to {wanted}")
            x = arithmetic.repeated(call.graph, x, axis, size, False)
    return x


def _tile(call: Call, x: Tensor, repeats: Any) -> Tensor:
    for axis, count in enumerate(numbers(repeats)):
        x = arithmetic.repeated(call.graph, x, axis, count, False)
    return x


def _resize(call: Call, x: Tensor, *rest: Any) -> Tensor:
    """Larger by whole factors, each entry repeated."""
    if call.given.get("mode", "nearest") != "nearest":
        raise UnsupportedModelError(f"mode={call.given['mode']!r}")
    given = call.given.get("scales") if not rest else next((v for v in (rest[1:2] or rest[:1]) if np.size(v)), None)
    if given is not None and np.size(given):
        factors = [float(factor) for factor in np.reshape(given, -1)]
    elif len(rest) > 2 and rest[2] is not None:
        factors = [wanted / have for wanted, have in zip(numbers(rest[2]), x.shape, strict=True)]
    else:
        raise UnsupportedModelError("neither scales nor sizes")
    for axis, factor in enumerate(factors):
        if factor != int(factor) or factor < 1:
            raise UnsupportedModelError(f"a factor of {factor}")
        x = arithmetic.repeated(call.graph, x, axis, int(factor), True)
    return x


def _depth_to_space(call: Call, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    by, rest = call.given["blocksize"], channels // call.given["blocksize"] ** 2
    if call.given.get("mode", "DCR") == "CRD":
        parts = call.graph.reshape(x, [batch, rest, by, by, height, width]).transposed([0, 1, 4, 2, 5, 3])
    else:
        parts = call.graph.reshape(x, [batch, by, by, rest, height, width]).transposed([0, 3, 4, 1, 5, 2])
    return call.graph.reshape(parts, [batch, rest, height * by, width * by])


def _shape(call: Call, x: Tensor) -> npt.NDArray[np.int64]:
    return np.array(x.shape[call.given.get("start", 0) : call.given.get("end")], np.int64)


def _size(call: Call, x: Tensor) -> npt.NDArray[np.int64]:
    return np.array(math.prod(x.shape), np.int64)


# By operator: what it becomes.
MOVES: dict[str, Callable[..., Any]] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    "Resize": _resize,
    "Upsample": _resize,
    "DepthToSpace": _depth_to_space,
    "Shape": _shape,
    "Size": _size,
}
