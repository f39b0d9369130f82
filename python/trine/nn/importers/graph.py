"""Builds a model out of what the importers read: the same layers in the same order, whatever the framework.

Transpositions, reshapes and factors are remembered rather than made layers of, until a layer needs its input
in a certain form: so most of them vanish, and what is left does not depend on how a framework writes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, cast

import numpy as np

from trine.errors import InputError, ShapeError, UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers.axes import (
    Atom,
    Axis,
    Tensor,
    aligned,
    atoms_of,
    axis_of,
    constant_in,
    renamed,
    reshaped,
    size_of,
)
from trine.nn.importers.values import Values, within
from trine.nn.layers import Affine, Array, Conv2D, Dense, Layer, Shape, Slice
from trine.nn.model import Model, Node, Range

__all__ = ["BATCH", "Graph", "build", "refuse"]

# How large a batch the frameworks are asked for: a prime that no other axis is likely to be a multiple of.
BATCH = 1009


class Graph(Values):
    """What the importers call: every method takes and gives tensors with the framework's own axes.

    The batch is the first of them where nothing else is said, and images are channels last.
    """

    # The framework's axes.

    def reshape(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """In another shape, the batch included; -1 stands for what is left."""
        total = math.prod(tensor.shape)
        known = math.prod(size for size in shape if size != -1)
        if -1 in shape and known:
            shape = [total // known if size == -1 else size for size in shape]
        if math.prod(shape) != total or min(shape, default=1) < 1:
            raise UnsupportedModelError(f"shape {tensor.shape} cannot become {tuple(shape)}")
        result = reshaped(tensor, shape, self.batch)
        if result is None:
            start = self.inner(tensor)
            flat = self.arranged(tensor, (tuple(atoms_of(tensor.axes[start:])),))
            whole = axis_of(total // self.batch.size)
            axes = (*tensor.axes[:start], whole)
            result = reshaped(replace(flat, axes=axes, stored=(whole,)), shape, self.batch)
        if result is None:
            raise UnsupportedModelError(f"reshaping {tensor.shape} to {tuple(shape)} mixes the inputs of a batch")
        return result

    def squeeze(self, tensor: Tensor, axes: Sequence[int]) -> Tensor:
        """Without these axes, which have size 1."""
        gone = {axis % len(tensor.axes) for axis in axes}
        if any(tensor.axes[axis] for axis in gone):
            raise UnsupportedModelError(f"axes {tuple(axes)} of a tensor of shape {tensor.shape} cannot be dropped")
        return replace(tensor, axes=tuple(axis for i, axis in enumerate(tensor.axes) if i not in gone))

    def unsqueeze(self, tensor: Tensor, axis: int) -> Tensor:
        """With a new axis of size 1."""
        return replace(tensor, axes=(*tensor.axes[:axis], (), *tensor.axes[axis:]))

    def slice(self, tensor: Tensor, axis: int, start: int, stop: int, step: int = 1) -> Tensor:
        """A part of one axis."""
        size = tensor.shape[axis]
        kept = len(range(start, stop, step))
        if kept == size and start == 0:
            return tensor
        if kept < 1 or start < 0 or stop > size or step < 1:
            raise UnsupportedModelError(f"[{start}:{stop}:{step}] of an axis of {size}")
        group = tensor.axes[axis]
        if self.batch in group:
            raise UnsupportedModelError("it takes a part of the batch")
        new = axis_of(kept)
        axes = (*tensor.axes[:axis], new, *tensor.axes[axis + 1 :])
        narrower = self._narrower(tensor, group, range(start, stop, step))
        if narrower is not None:
            stored = tuple(_replaced(part, group, new) for part in tensor.stored)
            return replace(tensor, index=narrower, axes=axes, stored=stored)
        tensor = self._apart(tensor, group)
        at = tensor.stored.index(group)
        shape = self.shapes[tensor.index]
        parts = [(start, stop, step) if i == at else (0, length, 1) for i, length in enumerate(shape)]
        starts, stops, steps = zip(*parts, strict=True)
        index = self.emit(Slice, [tensor.index], start=starts, stop=stops, step=steps)
        return replace(tensor, index=index, axes=axes, stored=(*tensor.stored[:at], new, *tensor.stored[at + 1 :]))

    def _narrower(self, tensor: Tensor, group: Axis, part: range) -> int | None:
        """A dense layer with only those outputs that a slice takes, if the tensor comes from a dense layer."""
        node = self.producer(tensor.index)
        last = tensor.stored[-1] if tensor.stored else ()
        if node is None or not isinstance(node.layer, Dense) or not within(group, last):
            return None
        sizes = [atom.size for atom in last]
        first = last.index(group[0])
        split = (math.prod(sizes[:first]), size_of(group), math.prod(sizes[first + len(group) :]))

        def taken(array: Array) -> Array:
            rows = array.shape[:-1]
            return array.reshape(*rows, *split)[..., list(part), :].reshape(*rows, -1)

        weights, bias = node.layer.weights, node.layer.bias
        return self.emit(Dense, node.inputs, weights=taken(weights), bias=None if bias is None else taken(bias))

    def _apart(self, tensor: Tensor, group: Axis) -> Tensor:
        """The same tensor with this axis being one of the value's."""
        if group in tensor.stored:
            return tensor
        for number, axis in enumerate(tensor.stored):
            if within(group, axis):
                at = axis.index(group[0])
                parts = [part for part in (axis[:at], group, axis[at + len(group) :]) if part]
                return self.arranged(tensor, (*tensor.stored[:number], *parts, *tensor.stored[number + 1 :]))
        rest = [tuple(atom for atom in axis if atom not in group) for axis in tensor.stored]
        return self.arranged(tensor, (*(axis for axis in rest if axis), group))

    # Layers.

    def unary(self, kind: type[Layer], tensor: Tensor, **settings: Any) -> Tensor:
        """A layer that takes single values."""
        tensor = self.settled(tensor)
        return replace(tensor, index=self.emit(kind, [tensor.index], **settings))

    def scaled(self, tensor: Tensor, factor: float) -> Tensor:
        """Times a public number."""
        if not math.isfinite(factor) or factor == 0:
            raise UnsupportedModelError(f"a factor of {factor}")
        return replace(tensor, factor=tensor.factor * factor)

    def affine(self, tensor: Tensor, scale: Array | None, shift: Array | None) -> Tensor:
        """Times an array plus an array, which broadcast to the tensor; what stands before it may take them in."""
        tensor = self.settled(tensor)
        scale = None if scale is None else constant_in(np.asarray(scale, np.float64), tensor, self.batch)
        shift = None if shift is None else constant_in(np.asarray(shift, np.float64), tensor, self.batch)
        inputs: tuple[int, ...] = (tensor.index,)
        node = self.producer(tensor.index)
        if node is not None and isinstance(node.layer, Affine):
            inputs = node.inputs
            before = node.layer
            if before.shift is not None:
                moved = before.shift if scale is None else before.shift * scale
                shift = moved if shift is None else moved + shift
            if before.scale is not None:
                scale = before.scale if scale is None else before.scale * scale
        elif node is not None and isinstance(node.layer, (Dense, Conv2D)) and node.layer.bias is None and scale is None:
            assert shift is not None
            if shift.shape == node.layer.weights.shape[-1:]:
                settings = {f.name: getattr(node.layer, f.name) for f in fields(node.layer)}
                del settings["name"]
                return replace(tensor, index=self.emit(type(node.layer), node.inputs, **(settings | {"bias": shift})))
        return replace(tensor, index=self.emit(Affine, inputs, scale=scale, shift=shift))

    def dense(self, tensor: Tensor, weights: Array, bias: Array | None) -> Tensor:
        """x W + b along the last axis."""
        atoms = tensor.axes[-1]
        if size_of(atoms) != len(weights):
            raise UnsupportedModelError(f"weights of shape {weights.shape} for a tensor of shape {tensor.shape}")
        tensor = self.settled(self.with_last(tensor, atoms))
        stored = tensor.stored[-1]
        if stored != atoms:
            rows = weights.reshape(*(atom.size for atom in atoms), -1)
            order = [atoms.index(atom) for atom in stored]
            weights = rows.transpose(*order, len(atoms)).reshape(weights.shape)
        new = axis_of(weights.shape[1])
        index = self.emit(Dense, [tensor.index], weights=weights, bias=bias)
        return Tensor(index, (*tensor.axes[:-1], new), (*tensor.stored[:-1], new))

    def image(self, tensor: Tensor) -> Tensor:
        """An image (batch, height, width, channels) stored as it is seen."""
        if len(tensor.axes) != 4 or not self.inner(tensor):
            raise UnsupportedModelError(f"takes images, got a tensor of shape {tensor.shape}")
        return self.arranged(tensor, tensor.axes[1:])

    def windows(self, kind: type[Layer], tensor: Tensor, **settings: Any) -> Tensor:
        """A convolution or a pool of an image; zeros added just before it become its own padding."""
        tensor = self.image(tensor)
        if kind is not kinds.MaxPool2D or tensor.factor < 0:
            tensor = self.settled(tensor)
        source = tensor.index
        node = self.producer(source)
        if kind is Conv2D and node is not None and isinstance(node.layer, kinds.Pad):
            pad = node.layer
            (top, bottom), (left, right) = settings["padding"]
            sides = ((top + pad.before[0], bottom + pad.after[0]), (left + pad.before[1], right + pad.after[1]))
            plain = min(*pad.before, *pad.after) >= 0 and not any(pad.gaps) and pad.before[2] == pad.after[2] == 0
            if plain:
                source, settings = node.inputs[0], settings | {"padding": sides}
        index = self.emit(kind, [source], **settings)
        axes = tuple(map(axis_of, self.shapes[index]))
        return Tensor(index, (self.lead, *axes), axes, tensor.factor)

    def reduce(self, kind: type[Layer], tensor: Tensor, axes: Sequence[int], keep: bool) -> Tensor:
        """The mean (AvgPool2D) or the largest (MaxPool2D) along some axes."""
        tensor = tensor if kind is kinds.AvgPool2D or tensor.factor > 0 else self.settled(tensor)
        gone = {axis % len(tensor.axes) for axis in axes}
        away = {atom for axis in gone for atom in tensor.axes[axis]}
        if self.batch in away:
            raise UnsupportedModelError("it mixes the inputs of a batch")
        if away:
            flat = atoms_of(tensor.stored)
            rest = tuple(atom for atom in flat if atom not in away)
            stored = tensor.stored
            if len(stored) != 3 or set(atoms_of(stored[:2])) != away:
                stored = ((), tuple(atom for atom in flat if atom in away), rest)
            tensor = self.arranged(tensor, stored)
            window = self.shapes[tensor.index][:2]
            index = self.emit(kind, [tensor.index], window=window, stride=window, padding="valid")
            tensor = replace(tensor, index=index, stored=((), (), stored[2]))
        left = [(axis if i not in gone else ()) for i, axis in enumerate(tensor.axes) if keep or i not in gone]
        return replace(tensor, axes=tuple(left))

    def along(self, kind: type[Layer], tensor: Tensor, axes: Sequence[int], **settings: Any) -> Tensor:
        """A layer that works along the value's last axis (softmax, a layer norm), for some axes taken as one."""
        atoms = [atom for axis in axes for atom in tensor.axes[axis]]
        if not tensor.stored or set(tensor.stored[-1]) != set(atoms):
            tensor = self.with_last(tensor, atoms)
        return self.unary(kind, tensor, **settings)

    def broadcast(self, kind: type[Layer], tensors: Sequence[Tensor]) -> Tensor:
        """Add or Multiply."""
        result = tensors[0] if kind is kinds.Multiply else self.settled(tensors[0])
        for other in tensors[1:]:
            right = other if kind is kinds.Multiply else self.settled(other)
            left, right = self._together(result, right)
            index = self.emit(kind, [left.index, right.index])
            axes = tuple(a or b for a, b in zip(left.axes, right.axes, strict=True))
            stored = tuple(a or b for a, b in zip(left.stored, right.stored, strict=True))
            factor = left.factor * right.factor if kind is kinds.Multiply else 1.0
            result = Tensor(index, axes, stored, factor)
        return result

    def _together(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Two tensors of equally many axes, stored alike, their atoms the same."""
        count = max(len(left.axes), len(right.axes))
        left, right = (replace(t, axes=((),) * (count - len(t.axes)) + t.axes) for t in (left, right))
        shapes = list(zip(left.shape, right.shape, strict=True))
        if any(a != b and 1 not in (a, b) for a, b in shapes):
            raise UnsupportedModelError(f"tensors of shapes {left.shape} and {right.shape} do not go together")
        pairs = [axis for axis, (a, b) in enumerate(shapes) if a == b]
        both = aligned(left, right, ((axis, axis) for axis in pairs))
        if both is None:
            left, right = self._whole_axes(left), self._whole_axes(right)
            both = aligned(left, right, ((axis, axis) for axis in pairs))
            assert both is not None
        left, right = both
        if left.shape == right.shape:
            self._expect_same_batch(left, right)
            return left, self.arranged(right, left.stored)
        start = self.inner(left, right)
        mine = self.one_axis_each(left if math.prod(left.shape) >= math.prod(right.shape) else right, start)
        order = self.order_of(mine, start)
        left, right = (self.arranged(t, tuple(t.axes[axis] for axis in order)) for t in (left, right))
        return left, right

    def _expect_same_batch(self, left: Tensor, right: Tensor) -> None:
        if any((self.batch in a) != (self.batch in b) for a, b in zip(left.axes, right.axes, strict=True)):
            raise UnsupportedModelError("it mixes the inputs of a batch")

    def _whole_axes(self, tensor: Tensor) -> Tensor:
        start = self.inner(tensor)
        tensor = self.arranged(tensor, tensor.axes[start:])
        whole = tuple(axis_of(size) for size in tensor.shape[start:])
        return replace(tensor, axes=(*tensor.axes[:start], *whole), stored=whole)

    def matmul(self, left: Tensor, right: Tensor) -> Tensor:
        """Matrix products of the last two axes; those before them are the same in both."""
        if (
            len(left.axes) != len(right.axes)
            or left.shape[:-2] != right.shape[:-2]
            or left.shape[-1] != right.shape[-2]
        ):
            raise UnsupportedModelError(f"the product of tensors of shapes {left.shape} and {right.shape}")
        right = _fresh(right, self.batch)
        last = len(left.axes) - 1
        pairs = [*((axis, axis) for axis in range(last - 1)), (last, last - 1)]
        both = aligned(left, right, pairs)
        if both is None:
            both = aligned(self._whole_axes(left), self._whole_axes(right), pairs)
            assert both is not None
        left, right = both
        leading = left.axes[:-2]
        if self.lead and not (self.batch in atoms_of(leading) and self.batch in atoms_of(right.axes[:-2])):
            raise UnsupportedModelError("it mixes the inputs of a batch")
        rows = tuple(axis for axis in (tuple(a for a in axis if a is not self.batch) for axis in leading) if axis)
        left = self.arranged(left, (*rows, *left.axes[-2:]))
        right = self.arranged(right, (*rows, *right.axes[-2:]))
        index = self.emit(kinds.MatMul, [left.index, right.index])
        columns = right.axes[-1]
        return Tensor(index, (*left.axes[:-1], columns), (*rows, left.axes[-2], columns), left.factor * right.factor)

    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """One behind the other along an axis."""
        tensors = [self.settled(tensor) for tensor in tensors]
        if len(tensors) == 1:
            return tensors[0]
        start = self.inner(*tensors)
        first = self.one_axis_each(tensors[0], start)
        axis %= len(first.axes)
        order = self.order_of(first, start)
        if axis not in order:
            raise UnsupportedModelError("it adds to the batch")
        indices = [self.arranged(tensor, tuple(tensor.axes[i] for i in order)).index for tensor in tensors]
        at = order.index(axis)
        index = self.emit(kinds.Concatenate, indices, axis=-1 if at == len(order) - 1 else at)
        stored = list(first.stored)
        stored[at] = axis_of(self.shapes[index][at])
        axes = [*first.axes[:start], *(stored[order.index(i)] for i in range(start, len(first.axes)))]
        return Tensor(index, tuple(axes), tuple(stored))

    def pad(
        self, tensor: Tensor, before: Sequence[int], after: Sequence[int], between: Sequence[int] | None = None
    ) -> Tensor:
        """Zeros before, after and between the values of each axis, of which the batch has none."""
        gaps = [0] * len(before) if between is None else between
        if not any((*before, *after, *gaps)):
            return tensor
        start = self.inner(tensor)
        if start and (before[0] or after[0] or gaps[0]):
            raise UnsupportedModelError("it adds to the batch")
        tensor = self.one_axis_each(tensor, start)
        order = self.order_of(tensor, start)
        parts = (tuple(numbers[axis] for axis in order) for numbers in (before, after, gaps))
        index = self.emit(kinds.Pad, [tensor.index], **dict(zip(("before", "after", "between"), parts, strict=True)))
        stored = tuple(map(axis_of, self.shapes[index]))
        axes = (*tensor.axes[:start], *(stored[order.index(axis)] for axis in range(start, len(tensor.axes))))
        return Tensor(index, axes, stored, tensor.factor)

    def one_hot(self, tensor: Tensor, size: int) -> Tensor:
        """Numbers as rows with a 1 at that place; of the input alone."""
        if tensor.index or tensor.factor != 1.0:
            raise UnsupportedModelError("an embedding can only be of the model's input")
        new = axis_of(size)
        index = self.emit(kinds.OneHot, [0], size=size)
        return Tensor(index, (*tensor.axes, new), (*tensor.stored, new))

    def finished(self, output: Tensor, input_range: Range) -> Model:
        """The model: what the output needs, in the order in which the output asks for it."""
        start = self.inner(output)
        output = self.settled(self.one_axis_each(output, start))
        if not output.index:
            raise InputError("the model has no layers")
        order = self.order_of(output, start)
        places = {0: 0}
        nodes: list[Node] = []
        stack = [output.index]
        while stack:
            index = stack[-1]
            node = cast(Node, self.producer(index))
            missing = [value for value in node.inputs if value not in places]
            if index not in places and not missing:
                nodes.append(Node(node.layer, tuple(places[value] for value in node.inputs)))
                places[index] = len(nodes)
            if index in places:
                stack.pop()
            stack += missing[::-1]
        given = [0] * len(self.order)
        for place, axis in enumerate(self.order):
            given[axis] = self.shapes[0][place]
        output_axes = [order.index(axis) for axis in range(start, len(output.axes))]
        try:
            return Model(nodes, given, input_range, input_axes=self.order, output_axes=output_axes)
        except (ShapeError, UnsupportedModelError) as error:
            raise UnsupportedModelError(f"the model cannot be run privately: {error}") from None


def build(convert: Callable[[Graph], Tensor], input_shape: Shape, input_range: Range, batch: int) -> Model:
    """A model from what ``convert`` adds to a graph and gives back as the answer.

    Where the first thing done to the input is to rearrange its axes, the model takes it rearranged.
    """
    graph = Graph(input_shape, batch, None)
    output = convert(graph)
    if graph.wish not in (None, graph.order):
        graph = Graph(input_shape, batch, graph.wish)
        output = convert(graph)
    return graph.finished(output, input_range)


def refuse(reasons: Sequence[str], supported: str) -> None:
    """Raises an UnsupportedModelError of these lines, if there are any, and of what is supported."""
    if reasons:
        raise UnsupportedModelError(
            "\n".join(["the model cannot be run privately:", *reasons, f"supported: {supported}"])
        )


def _replaced(axis: Axis, group: Axis, new: Axis) -> Axis:
    if not within(group, axis):
        return axis
    at = axis.index(group[0])
    return (*axis[:at], *new, *axis[at + len(group) :])


def _fresh(tensor: Tensor, batch: Atom) -> Tensor:
    """The same tensor with atoms of its own."""
    names: dict[Atom, Axis] = {atom: (Atom(atom.size),) for atom in atoms_of(tensor.axes) if atom is not batch}
    return replace(tensor, axes=renamed(tensor.axes, names), stored=renamed(tensor.stored, names))
