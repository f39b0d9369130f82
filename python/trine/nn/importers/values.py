"""Values of a model and the layers that give them, stored in whatever form the next layer needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trine.errors import InputError, NotFiniteError, UnsupportedModelError
from trine.nn.importers.axes import Atom, Axes, Axis, Tensor, atoms_of, axis_of, size_of
from trine.nn.layers import Flatten, Layer, Pad, Permute, Reshape, Scale, Shape, Slice
from trine.nn.model import Node

__all__ = ["Values", "within"]

# Numbers in the largest value of one input: a file of a few bytes could ask for any size.
LARGEST = 2**28

MOVING = (Flatten, Reshape, Permute, Slice, Pad)


class Values:
    """Layers as they are added, and the form in which they take and give values.

    Attributes:
        input: the model's input.
        batch: the atom of the batch.
        lead: the axis of the batch; one that is fixed to a single input is an axis of size 1 like any other.
        place: what the next layers are named after.
        order: which of the input's axes is which of the first value's.
        wish: the order in which the first layer that minds would have had the input.
        nodes: the layers; None where something was refused.
        shapes: as in :class:`trine.nn.Model`.
    """

    def __init__(self, input_shape: Shape, batch: int, order: Sequence[int] | None) -> None:
        self.batch = Atom(batch)
        self.lead: Axis = (self.batch,) if batch > 1 else ()
        self.place = ""
        self.wish: Shape | None = None
        self.nodes: list[Node | None] = []
        axes = tuple(map(axis_of, input_shape))
        self.order = tuple(range(len(axes)) if order is None else order)
        stored = tuple(axes[axis] for axis in self.order)
        self.shapes: list[Shape] = [tuple(map(size_of, stored))]
        self.input = Tensor(0, (self.lead, *axes), stored)
        self._names: set[str] = set()
        self._known: dict[object, int] = {}

    def stand_in(self, shape: Shape) -> Tensor:
        """A tensor of a shape that includes the batch, for what was refused, so that the rest can be looked at."""
        axes = tuple(self.lead if not axis else axis_of(size) for axis, size in enumerate(shape))
        self.nodes.append(None)
        self.shapes.append(tuple(map(size_of, axes[1:])))
        return Tensor(len(self.shapes) - 1, axes, axes[1:])

    def producer(self, index: int) -> Node | None:
        """The layer that gives a value, or None for the input."""
        return self.nodes[index - 1] if index else None

    def emit(self, kind: type[Layer], inputs: Sequence[int], **settings: Any) -> int:
        """Adds a layer; the index of what it gives. Layers without weights that are there already are used again."""
        plain = not any(isinstance(value, np.ndarray) for value in settings.values())
        key = (kind, tuple(inputs), tuple(settings.items())) if plain else None
        if key in self._known:
            return self._known[key]
        try:
            layer = kind(name="" if kind in MOVING else self._name(kind), **settings)
            shape = layer.output_shape(*(self.shapes[index] for index in inputs))
            if math.prod(shape) > LARGEST:
                raise UnsupportedModelError(f"an answer of shape {shape}, larger than {LARGEST} numbers")
        except NotFiniteError:
            raise
        except InputError as error:
            raise UnsupportedModelError(str(error)) from None
        self.nodes.append(Node(layer, tuple(inputs)))
        self.shapes.append(shape)
        if plain:
            self._known[key] = len(self.nodes)
        return len(self.nodes)

    def _name(self, kind: type[Layer]) -> str:
        stem = self.place
        if not stem:
            return ""
        name, count = stem, 1
        while name in self._names:
            name = f"{stem}_{kind.__name__.lower()}" + (f"_{count}" if count > 1 else "")
            count += 1
        self._names.add(name)
        return name

    # How values are stored.

    def arranged(self, tensor: Tensor, target: Axes) -> Tensor:
        """The same tensor with its value's axes in this form."""
        if tensor.stored == target:
            return tensor
        if tensor.stored == self.input.stored and self.wish is None:
            self.wish = self._as_wished(target)
        return replace(tensor, index=self._moved(tensor.index, tensor.stored, target), stored=target)

    def _as_wished(self, target: Axes) -> Shape | None:
        """The order of the input's axes that comes closest to a form; None if the form takes an axis apart."""
        given = self.input.axes[1:]
        order: list[int] = []
        for axis in target:
            places = [i for i, other in enumerate(given) if other == axis and i not in order]
            if axis and not places:
                return None
            order += places[:1]
        return (*order, *(i for i in range(len(given)) if i not in order))

    def _moved(self, index: int, source: Axes, target: Axes) -> int:
        if len(source) == len(target) and len(set(source)) == len(source) and set(source) == set(target):
            return self.emit(Permute, [index], axes=tuple(source.index(axis) for axis in target))
        pieces: list[list[Atom]] = []
        place = {atom: (number, axis) for number, (atom, axis) in enumerate(_places(source))}
        for axis in target:
            for number, atom in enumerate(axis):
                at, group = place[atom]
                before = place[axis[number - 1]] if number else None
                if before == (at - 1, group):
                    pieces[-1].append(atom)
                else:
                    pieces.append([atom])
        order = sorted(range(len(pieces)), key=lambda piece: place[pieces[piece][0]][0])
        if order != list(range(len(pieces))):
            index = self._reshaped(index, tuple(size_of(tuple(pieces[piece])) for piece in order))
            index = self.emit(Permute, [index], axes=tuple(order.index(piece) for piece in range(len(pieces))))
        return self._reshaped(index, tuple(map(size_of, target)))

    def _reshaped(self, index: int, shape: Shape) -> int:
        if self.shapes[index] == shape:
            return index
        if len(shape) == 1:
            return self.emit(Flatten, [index])
        return self.emit(Reshape, [index], shape=shape)

    def settled(self, tensor: Tensor) -> Tensor:
        """The same tensor with nothing left to be multiplied by."""
        if tensor.factor == 1.0:
            return tensor
        # Half, as the product of two rounded roots of it, is half, which costs less.
        power = 2.0 ** round(math.log2(abs(tensor.factor)))
        near = math.isclose(abs(tensor.factor), power, rel_tol=2.0**-22)
        factor = math.copysign(power, tensor.factor) if near else tensor.factor
        if factor == 1.0:
            return replace(tensor, factor=1.0)
        return replace(tensor, index=self.emit(Scale, [tensor.index], factor=factor), factor=1.0)

    def one_axis_each(self, tensor: Tensor, start: int) -> Tensor:
        """The same tensor, each of the framework's axes from ``start`` on being one of the value, in any order."""
        axes = list(tensor.axes[start:])
        for axis in tensor.stored:
            if axis not in axes:
                return self.arranged(tensor, tensor.axes[start:])
            axes.remove(axis)
        return self.arranged(tensor, tensor.axes[start:]) if axes else tensor

    def order_of(self, tensor: Tensor, start: int) -> list[int]:
        """For a tensor of one axis each: which of the framework's axes is which of the value's."""
        order: list[int] = []
        for axis in tensor.stored:
            places = range(start, len(tensor.axes))
            order.append(next(i for i in places if tensor.axes[i] == axis and i not in order))
        return order

    def with_last(self, tensor: Tensor, atoms: Sequence[Atom]) -> Tensor:
        """The same tensor, the value's last axis made of these atoms (in any order), no axis before it of size 1."""
        wanted = set(atoms)
        if self.batch in wanted:
            raise UnsupportedModelError("it mixes the inputs of a batch")
        flat = atoms_of(tensor.stored)
        rest = tuple(axis for axis in (tuple(a for a in axis if a not in wanted) for axis in tensor.stored) if axis)
        trailing = set(flat[len(flat) - len(wanted) :]) == wanted
        last = tuple(flat[len(flat) - len(wanted) :]) if trailing else tuple(atoms)
        return self.arranged(tensor, (*rest, last))

    def inner(self, *tensors: Tensor) -> int:
        """The first of the framework's axes that is not the batch's; raises unless that is the first, by itself."""
        alone = all(tensor.axes and tensor.axes[0] == self.lead for tensor in tensors)
        if self.lead and not alone:
            raise UnsupportedModelError("it mixes the inputs of a batch, or takes the batch's axis for another")
        return 1 if alone else 0


def _places(axes: Axes) -> list[tuple[Atom, int]]:
    return [(atom, number) for number, axis in enumerate(axes) for atom in axis]


def within(group: Axis, axis: Axis) -> bool:
    """Whether one axis's atoms stand together in another, in the same order."""
    return bool(group) and any(axis[at : at + len(group)] == group for at in range(len(axis)))
