"""Functions and methods of PyTorch that move values about, and those that ask for shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from trine.errors import UnsupportedModelError
from trine.nn.importers import arithmetic, indexing
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.importers.torch_values import operand

__all__ = ["MOVES", "flatten", "interpolate", "pad", "pixel_shuffle", "unflatten"]


def _spread(numbers: Sequence[Any]) -> list[Any]:
    """The numbers of a shape, given one by one or as one."""
    if len(numbers) == 1 and isinstance(numbers[0], (tuple, list)):
        return list(numbers[0])
    return list(numbers)


def flatten(graph: Graph, input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    start, end = start_dim % len(input.axes), end_dim % len(input.axes)
    shape = input.shape
    return graph.reshape(input, [*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]])


def unflatten(graph: Graph, input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    axis, shape = dim % len(input.axes), input.shape
    known = math.prod(size for size in sizes if size != -1)
    full = [shape[axis] // known if size == -1 else size for size in sizes]
    return graph.reshape(input, [*shape[:axis], *full, *shape[axis + 1 :]])


def _reshape(graph: Graph, input: Tensor, *shape: Any) -> Tensor:
    return graph.reshape(input, _spread(shape))


def _reshape_function(graph: Graph, input: Tensor, *args: Any, shape: Any = None) -> Tensor:
    return graph.reshape(input, _spread(args) if shape is None else shape)


def _permute(graph: Graph, input: Tensor, *dims: Any) -> Tensor:
    order = [axis % len(input.axes) for axis in _spread(dims)]
    if sorted(order) != list(range(len(input.axes))):
        raise UnsupportedModelError(f"axes {order} of a tensor of shape {input.shape}")
    return input.transposed(order)


def _transpose(graph: Graph, input: Tensor, dim0: int, dim1: int) -> Tensor:
    order = list(range(len(input.axes)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return input.transposed(order)


def _movedim(graph: Graph, input: Tensor, source: int, destination: int) -> Tensor:
    order = list(range(len(input.axes)))
    order.insert(destination % len(order), order.pop(source))
    return input.transposed(order)


def _squeeze(graph: Graph, input: Tensor, dim: Any = None) -> Tensor:
    axes = range(len(input.axes)) if dim is None else [dim] if isinstance(dim, int) else dim
    return graph.squeeze(input, [axis for axis in axes if input.shape[axis] == 1])


def _unsqueeze(graph: Graph, input: Tensor, dim: int) -> Tensor:
    return graph.unsqueeze(input, dim % (len(input.axes) + 1))


def _cat(graph: Graph, tensors: Sequence[Any], dim: int = 0) -> Tensor:
    return arithmetic.concatenated(graph, [operand(x) for x in tensors], dim)


def _stack(graph: Graph, tensors: Sequence[Any], dim: int = 0) -> Tensor:
    if not all(isinstance(x, Tensor) for x in tensors):
        raise UnsupportedModelError("a constant in a stack")
    axis = dim % (len(tensors[0].axes) + 1)
    return graph.concat([graph.unsqueeze(x, axis) for x in tensors], axis)


def _chunk(graph: Graph, input: Tensor, chunks: int, dim: int = 0) -> list[Tensor]:
    return _split(graph, input, -(-input.shape[dim] // chunks), dim)


def _split(graph: Graph, tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> list[Tensor]:
    size, given = tensor.shape[dim], split_size_or_sections
    if isinstance(given, int):
        given = [min(given, size - start) for start in range(0, size, given)]
    return indexing.parts(graph, tensor, given, dim)


def _unbind(graph: Graph, input: Tensor, dim: int = 0) -> list[Tensor]:
    axis = dim % len(input.axes)
    pieces = indexing.parts(graph, input, [1] * input.shape[axis], axis)
    return [graph.squeeze(piece, [axis]) for piece in pieces]


def _select(graph: Graph, input: Tensor, dim: int, index: int) -> Tensor:
    return indexing.indexed(graph, input, (*[slice(None)] * (dim % len(input.axes)), index))


def _narrow(graph: Graph, input: Tensor, dim: int, start: int, length: int) -> Tensor:
    return graph.slice(input, dim % len(input.axes), start, start + length)


def _getitem(graph: Graph, a: Any, b: Any) -> Any:
    return indexing.indexed(graph, a, b) if isinstance(a, Tensor) else a[b]


def _expand(graph: Graph, input: Tensor, *sizes: Any) -> Tensor:
    wanted = _spread(sizes)
    while len(input.axes) < len(wanted):
        input = graph.unsqueeze(input, 0)
    for axis, size in enumerate(wanted):
        if size not in (-1, input.shape[axis]):
            if input.shape[axis] != 1:
                raise UnsupportedModelError(f"shape {input.shape} expanded to {tuple(wanted)}")
            input = arithmetic.repeated(graph, input, axis, size, False)
    return input


def _repeat(graph: Graph, input: Tensor, *sizes: Any) -> Tensor:
    counts = _spread(sizes)
    while len(input.axes) < len(counts):
        input = graph.unsqueeze(input, 0)
    for axis, count in enumerate(counts):
        input = arithmetic.repeated(graph, input, axis, count, False)
    return input


def _repeat_interleave(graph: Graph, input: Tensor, repeats: int, dim: int | None = None) -> Tensor:
    if dim is None or not isinstance(repeats, int):
        raise UnsupportedModelError("repeats of several numbers, or of no axis")
    return arithmetic.repeated(graph, input, dim % len(input.axes), repeats, True)


def pad(graph: Graph, input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Zeros on both sides of the last axes, the last first; negative numbers cut off."""
    if mode != "constant" or value:
        raise UnsupportedModelError(f"mode={mode!r}, value={value}")
    before, after = [0] * len(input.axes), [0] * len(input.axes)
    for number in range(len(pad) // 2):
        before[-1 - number], after[-1 - number] = pad[2 * number], pad[2 * number + 1]
    return graph.pad(input, before, after)


def interpolate(
    graph: Graph, input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", **options: Any
) -> Tensor:
    """Larger by whole factors, each entry repeated."""
    count = len(input.axes) - 2
    if mode != "nearest" or any(options.values()):
        raise UnsupportedModelError(f"mode={mode!r}")
    if size is not None:
        sizes = [size] * count if isinstance(size, int) else list(size)
        factors = [wanted / have for wanted, have in zip(sizes, input.shape[2:], strict=True)]
    else:
        factors = [scale_factor] * count if isinstance(scale_factor, (int, float)) else list(scale_factor)
    for axis, factor in enumerate(factors, 2):
        if factor != int(factor):
            raise UnsupportedModelError(f"a factor of {factor}")
        input = arithmetic.repeated(graph, input, axis, int(factor), True)
    return input


def pixel_shuffle(graph: Graph, input: Tensor, upscale_factor: int) -> Tensor:
    batch, channels, height, width = input.shape
    up = upscale_factor
    parts = graph.reshape(input, [batch, channels // up**2, up, up, height, width]).transposed([0, 1, 4, 2, 5, 3])
    return graph.reshape(parts, [batch, channels // up**2, height * up, width * up])


def _einsum(graph: Graph, equation: str, *operands: Any) -> Tensor:
    values = [operand(x) for x in _spread(operands)]
    if len(values) != 2:
        raise UnsupportedModelError(f"einsum {equation!r} of {len(values)} operands")
    return indexing.einsum(graph, equation, *values)


def _same(graph: Graph, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return input


def _size(graph: Graph, input: Tensor, dim: int | None = None) -> Any:
    return input.shape if dim is None else input.shape[dim]


def _attribute(graph: Graph, x: Any, name: str, *default: Any) -> Any:
    if not isinstance(x, Tensor):
        return getattr(x, name, *default)
    if name == "shape":
        return x.shape
    if name == "ndim":
        return len(x.axes)
    if name in ("T", "mT"):
        return _transpose(graph, x, -2, -1)
    if name in ("device", "dtype"):
        import torch

        return torch.device("cpu") if name == "device" else torch.float32
    raise UnsupportedModelError(f"attribute {name!r} of a tensor")


# By PyTorch's name, without the underscore of what works in place: what it becomes.
MOVES: dict[str, Callable[..., Any]] = {
    "flatten": flatten,
    "unflatten": unflatten,
    "view": _reshape,
    "reshape": _reshape_function,
    "permute": _permute,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), _transpose),
    "t": lambda graph, input: _transpose(graph, input, 0, 1),
    **dict.fromkeys(("movedim", "moveaxis"), _movedim),
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    "stack": _stack,
    "chunk": _chunk,
    "split": _split,
    "unbind": _unbind,
    "select": _select,
    "narrow": _narrow,
    "getitem": _getitem,
    "expand": _expand,
    **dict.fromkeys(("repeat", "tile"), _repeat),
    "repeat_interleave": _repeat_interleave,
    "pad": pad,
    "interpolate": interpolate,
    "pixel_shuffle": pixel_shuffle,
    "einsum": _einsum,
    **dict.fromkeys(("contiguous", "clone", "detach", "float", "to", "type_as", "requires_grad"), _same),
    "size": _size,
    "dim": lambda graph, input: len(input.axes),
    "numel": lambda graph, input: math.prod(input.shape),
    "getattr": _attribute,
}
