"""Axes of a framework's tensors over the axes of trine's values: what moves data in the one need not in the other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn.layers import Array, Shape

__all__ = ["Atom", "Axes", "Axis", "Tensor", "aligned", "atoms_of", "constant_in", "renamed", "reshaped", "size_of"]


class Atom:
    """A factor of an axis that is never taken apart; told from others by identity."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size


# The axes of a tensor or a value: each the product of its atoms, slowest first; one of size 1 has none.
Axis: TypeAlias = tuple[Atom, ...]
Axes: TypeAlias = tuple[Axis, ...]


@dataclass(frozen=True, eq=False)
class Tensor:
    """What a framework calls a tensor: a value of the model, its axes regrouped and reordered, times a number.

    Attributes:
        index: of the value in the graph.
        axes: as the framework sees them, the batch among them.
        stored: as the value has them, without the batch, which always comes first.
        factor: what the value still has to be multiplied by.
    """

    index: int
    axes: Axes
    stored: Axes
    factor: float = 1.0

    @property
    def shape(self) -> Shape:
        """What the framework sees, the batch included."""
        return tuple(map(size_of, self.axes))

    def transposed(self, order: Sequence[int]) -> Tensor:
        """The framework's axes in another order."""
        return replace(self, axes=tuple(self.axes[axis] for axis in order))


def size_of(axis: Axis) -> int:
    """The length of an axis."""
    return math.prod(atom.size for atom in axis)


def atoms_of(axes: Iterable[Axis]) -> list[Atom]:
    """The atoms of all axes, slowest first."""
    return [atom for axis in axes for atom in axis]


def axis_of(size: int) -> Axis:
    """A new axis."""
    return (Atom(size),) if size > 1 else ()


def renamed(axes: Axes, names: dict[Atom, Axis]) -> Axes:
    """Axes with some atoms replaced by others, or by several."""
    return tuple(tuple(new for atom in axis for new in names.get(atom, (atom,))) for axis in axes)


def reshaped(tensor: Tensor, shape: Sequence[int], batch: Atom) -> Tensor | None:
    """The tensor in another shape without moving a value, or None where the atoms do not divide that way."""
    waiting = atoms_of(tensor.axes)
    names: dict[Atom, Axis] = {}
    origin = {atom: atom for atom in waiting}
    axes: list[Axis] = []
    for size in shape:
        axis: list[Atom] = []
        while size > 1:
            if not waiting:
                return None
            atom = waiting.pop(0)
            if size % atom.size and (atom.size % size or atom is batch):
                return None
            if size % atom.size:  # only a part of the atom belongs here
                part, rest = Atom(size), Atom(atom.size // size)
                whole = origin[atom]
                parts = names.get(whole, (whole,))
                at = parts.index(atom)
                names[whole] = (*parts[:at], part, rest, *parts[at + 1 :])
                origin |= {part: whole, rest: whole}
                waiting.insert(0, rest)
                atom = part
            axis.append(atom)
            size //= atom.size
        axes.append(tuple(axis))
    if waiting:
        return None
    return replace(tensor, axes=tuple(axes), stored=renamed(tensor.stored, names))


def aligned(tensor: Tensor, other: Tensor, pairs: Iterable[tuple[int, int]]) -> tuple[Tensor, Tensor] | None:
    """Both with the same atoms in these pairs of axes (of one size each), or None where they do not divide so."""
    ours: dict[Atom, Axis] = {}
    theirs: dict[Atom, Axis] = {}
    for one, two in pairs:
        left, right = list(tensor.axes[one]), list(other.axes[two])
        left_parts: list[Atom] = []
        right_parts: list[Atom] = []
        while left and right:
            a, b = left.pop(0), right.pop(0)
            small = min(a.size, b.size)
            if max(a.size, b.size) % small:
                return None
            if a.size != small:
                left.insert(0, Atom(a.size // small))
                head = Atom(small)
                _split(ours, a, head, left[0])
                a = head
            if b.size != small:
                right.insert(0, Atom(b.size // small))
                head = Atom(small)
                _split(theirs, b, head, right[0])
                b = head
            left_parts.append(a)
            right_parts.append(b)
        if left or right:
            return None
        for a, b in zip(left_parts, right_parts, strict=True):
            theirs[b] = (a,)
    return _applied(tensor, ours), _applied(other, theirs)


def _split(names: dict[Atom, Axis], atom: Atom, head: Atom, rest: Atom) -> None:
    names[atom] = (head, rest)


def _applied(tensor: Tensor, names: dict[Atom, Axis]) -> Tensor:
    def final(atom: Atom) -> Axis:
        if atom not in names:
            return (atom,)
        parts = names[atom]
        return parts if len(parts) == 1 else tuple(new for part in parts for new in final(part))

    every = {atom: final(atom) for atom in atoms_of(tensor.axes)}
    return replace(tensor, axes=renamed(tensor.axes, every), stored=renamed(tensor.stored, every))


def constant_in(array: Array, tensor: Tensor, batch: Atom) -> Array:
    """An array that broadcasts to the framework's axes, as it broadcasts to the value's; no leading axes of size 1.

    Raises:
        UnsupportedModelError: it does not broadcast, or differs between the inputs of a batch.
    """
    if array.ndim > len(tensor.axes):
        extra = array.ndim - len(tensor.axes)
        if array.shape[:extra] != (1,) * extra:
            raise UnsupportedModelError(f"an array of shape {array.shape} enlarges an input of shape {tensor.shape}")
        array = array.reshape(array.shape[extra:])
    array = array.reshape((1,) * (len(tensor.axes) - array.ndim) + array.shape)
    sizes: list[int] = []
    for axis, (length, atoms) in enumerate(zip(array.shape, tensor.axes, strict=True)):
        if length not in (1, size_of(atoms)):
            raise UnsupportedModelError(f"an array of shape {array.shape} does not go with a tensor of {tensor.shape}")
        if batch in atoms and length > 1:
            if len(atoms) > 1 or np.ptp(array, axis=axis).any():
                raise UnsupportedModelError("an array differs between the inputs of a batch")
            array = array.take([0], axis=axis)
            length = 1
        sizes += [1] * len(atoms) if length == 1 else [atom.size for atom in atoms]
    every = atoms_of(tensor.axes)
    first = [batch] if batch in every else []
    array = array.reshape(sizes).transpose([every.index(atom) for atom in (*first, *atoms_of(tensor.stored))])
    array = array[0] if first else array
    shape: list[int] = []
    full: list[int] = []
    position = 0
    for group in tensor.stored:
        lengths = array.shape[position : position + len(group)]
        position += len(group)
        spread = math.prod(lengths) == 1
        full += lengths if spread else [atom.size for atom in group]
        shape.append(1 if spread else size_of(group))
    while len(shape) > 1 and shape[0] == 1:
        shape.pop(0)
    return np.broadcast_to(array, full).reshape(shape)
