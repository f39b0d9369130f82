"""What Python's square brackets and einsum take of tensors."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn.importers.axes import Tensor
from trine.nn.importers.graph import Graph
from trine.nn.layers import Array

__all__ = ["einsum", "indexed", "parts"]


def indexed(graph: Graph, x: Tensor, key: Any) -> Tensor:
    """``x[key]`` for integers, slices, None and one ellipsis; the batch can only be taken whole."""
    keys = list(key) if isinstance(key, (tuple, list)) else [key]
    count = sum(item is not None and item is not Ellipsis for item in keys)
    if count > len(x.axes) or keys.count(Ellipsis) > 1:
        raise UnsupportedModelError(f"an index of {count} axes into a tensor of shape {x.shape}")
    if Ellipsis not in keys:
        keys.append(Ellipsis)
    at = keys.index(Ellipsis)
    keys[at : at + 1] = [slice(None)] * (len(x.axes) - count)
    axis = 0
    for item in keys:
        if item is None:
            x = graph.unsqueeze(x, axis)
            axis += 1
        elif isinstance(item, slice):
            x = graph.slice(x, axis, *item.indices(x.shape[axis]))
            axis += 1
        else:
            try:
                place = operator.index(item)
            except TypeError:
                raise UnsupportedModelError(f"an index of {type(item).__name__}") from None
            size = x.shape[axis]
            if not -size <= place < size:
                raise UnsupportedModelError(f"index {place} into an axis of {size}")
            x = graph.squeeze(graph.slice(x, axis, place % size, place % size + 1), [axis])
    return x


def parts(graph: Graph, x: Tensor, sizes: Sequence[int], axis: int) -> list[Tensor]:
    """An axis cut into parts of these sizes."""
    axis %= len(x.axes)
    ends = np.cumsum([0, *sizes])
    if ends[-1] != x.shape[axis]:
        raise UnsupportedModelError(f"an axis of {x.shape[axis]} in parts of {tuple(sizes)}")
    return [graph.slice(x, axis, int(a), int(b)) for a, b in pairwise(ends)]


def einsum(graph: Graph, equation: str, x: Tensor | Array, y: Tensor | Array) -> Tensor:
    """Products of two tensors, or of a tensor and a constant: each letter is once in an operand."""
    takes, _, gives = equation.replace(" ", "").partition("->")
    one, _, two = takes.partition(",")
    if not isinstance(x, Tensor):
        x, y, one, two = y, x, two, one
    assert isinstance(x, Tensor)
    left, right = _letters(one, len(x.axes)), _letters(two, len(y.axes) if isinstance(y, Tensor) else y.ndim)
    hidden = max("".join(filter(str.isdigit, word)) for word in (left, right)) if "..." in gives else ""
    result = gives.replace("...", hidden)
    known = {*left, *right}
    plain = all(len(set(word)) == len(word) for word in (left, right, result))
    if not plain or not set(result) <= known or "," in two or not gives:
        raise UnsupportedModelError(f"einsum {equation!r}")
    common = [letter for letter in left if letter in right and letter not in result]
    if any((letter in left) != (letter in right) and letter not in result for letter in known):
        raise UnsupportedModelError(f"einsum {equation!r}: sums along one operand's axis")
    shared = [letter for letter in left if letter in right and letter in result]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]
    order = [left.index(letter) for letter in (*shared, *rows, *common)]
    if not isinstance(y, Tensor):
        if shared:
            raise UnsupportedModelError(f"einsum {equation!r}: a constant that is not summed over")
        matrix = y.transpose([right.index(letter) for letter in (*common, *columns)])
        sizes = matrix.shape[len(common) :]
        turned = x.transposed(order)
        kept = turned.shape[: len(rows)]
        flat = graph.reshape(turned, [*kept, int(np.prod(matrix.shape[: len(common)], dtype=int))])
        product = graph.dense(flat, matrix.reshape(flat.shape[-1], -1), None)
        answer = graph.reshape(product, [*kept, *sizes])
        return answer.transposed([[*rows, *columns].index(letter) for letter in result])
    first = x.transposed(order)
    second = y.transposed([right.index(letter) for letter in (*shared, *common, *columns)])
    batch, kept = first.shape[: len(shared)], first.shape[len(shared) : len(shared) + len(rows)]
    sizes = second.shape[len(shared) + len(common) :]
    depth = int(np.prod(first.shape[len(shared) + len(rows) :], dtype=int))
    matrices = (
        graph.reshape(first, [*batch, int(np.prod(kept, dtype=int)), depth]),
        graph.reshape(second, [*batch, depth, int(np.prod(sizes, dtype=int))]),
    )
    answer = graph.reshape(graph.matmul(*matrices), [*batch, *kept, *sizes])
    return answer.transposed([[*shared, *rows, *columns].index(letter) for letter in result])


def _letters(word: str, axes: int) -> str:
    """An operand's letters, an ellipsis as digits counted from its last axis."""
    hidden = axes - len(word.replace("...", ""))
    if hidden < 0 or hidden > 9 or (hidden and "..." not in word):
        raise UnsupportedModelError(f"einsum of {axes} axes as {word!r}")
    return word.replace("...", "".join(str(number) for number in reversed(range(hidden))))
