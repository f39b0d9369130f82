"""Decision trees and forests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine.errors import InputError, ShapeError
from trine.mpc.trees import TreeShapes
from trine.nn.layers.base import Array, Layer, Shape

__all__ = ["Trees"]


@dataclass(frozen=True, eq=False, repr=False)
class Trees(Layer):
    """The sum, over binary trees, of the values at the leaves that an input reaches.

    Inner nodes are numbered in preorder and leaves from left to right, one tree after the other. An input goes left
    at node i if its value number ``features[i]`` is at most ``thresholds[i]``. The shapes of the trees are public;
    which values are tested, thresholds and leaves are not.

    Attributes:
        features: whole numbers, float64[nodes].
        thresholds: float64[nodes].
        values: float64[leaves, outputs].
        depths: of every leaf: see :class:`trine.mpc.trees.TreeShapes`.
        bias: added to the sum, float64[outputs], or None.

    Raises:
        DtypeError, NotFiniteError, ShapeError: an array is not what is written above.
        InputError: there are no trees of such depths.

    >>> stump = Trees([1], [0.5], [[-1.0], [1.0]], (1, 1))
    >>> stump.forward(np.array([[9.0, 0.5], [9.0, 0.6]]))
    array([[-1.],
           [ 1.]])
    """

    features: Array
    thresholds: Array
    values: Array
    depths: tuple[int, ...]
    bias: Array | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("depths", tuple(self.depths))
        try:
            shapes = TreeShapes(self.depths)
        except InputError as error:
            raise InputError(f"{self.label}: {error}") from None
        self._set_array("features", nodes=shapes.nodes)
        self._set_array("thresholds", nodes=shapes.nodes)
        self._set_array("values", leaves=shapes.leaves, outputs=None)
        if self.bias is not None:
            self._set_array("bias", outputs=self.values.shape[1])
        if (self.features != np.rint(self.features)).any() or self.features.min() < 0:
            raise InputError(f"{self.label}: features must be whole numbers from 0")

    @property
    def shapes(self) -> TreeShapes:
        """The shapes of the trees."""
        return TreeShapes(self.depths)

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1 or self.features.max() >= input_shape[0]:
            hint = "; put a Flatten before it" if math.prod(input_shape) > self.features.max() else ""
            raise ShapeError(
                f"{self.label}: takes one axis of more than {self.features.max():g} values, "
                f"got an input of shape {input_shape}{hint}"
            )
        return (self.values.shape[1],)

    def forward(self, x: Array) -> Array:
        self.output_shape(x.shape[1:])
        shapes = self.shapes
        right = x[:, self.features.astype(np.intp)] > self.thresholds
        below = np.empty(2 * shapes.nodes, np.intp)  # what each edge leads to: node i, or leaf i as -1 - i
        inner = shapes.node_edges >= 0
        below[shapes.node_edges[inner]] = np.flatnonzero(inner)
        below[shapes.leaf_edges] = -1 - np.arange(shapes.leaves)
        at = np.tile(np.flatnonzero(~inner), (len(x), 1))
        rows = np.arange(len(x))[:, np.newaxis]
        for _ in range(shapes.depth):
            node = np.maximum(at, 0)
            at = np.where(at < 0, at, below[2 * node + right[rows, node]])
        y: Array = self.values[-1 - at].sum(axis=1)
        return y if self.bias is None else y + self.bias

    def completed(self) -> Trees:
        """The same function by complete trees of one depth, whose shapes tell that depth and nothing else.

        A leaf that is higher up becomes a tree of tests that do not matter.
        """
        shapes, depth = self.shapes, self.shapes.depth
        size = (1 << depth) - 1
        features, thresholds = np.zeros((2, shapes.trees, size))
        tree = shapes.node_trees
        # Places: the tests of a complete tree numbered by level, 1 for the root, 2 i and 2 i + 1 below i.
        places = np.ones(shapes.nodes, np.intp)
        for node, edge in enumerate(shapes.node_edges):  # in preorder, parents first
            if edge >= 0:
                places[node] = 2 * places[edge // 2] + edge % 2
        preorder = _preorder(depth)
        features[tree, preorder[places]] = self.features
        thresholds[tree, preorder[places]] = self.thresholds
        repeats = [1 << (depth - leaf) for leaf in self.depths]
        return Trees(
            features.reshape(-1),
            thresholds.reshape(-1),
            np.repeat(self.values, repeats, axis=0),
            (depth,) * (shapes.trees << depth),
            self.bias,
            name=self.name,
        )

    def __repr__(self) -> str:
        shapes = self.shapes
        arrays = ", ".join(f"{name}=float64{list(array.shape)}" for name, array in self.arrays.items())
        name = f", name={self.name!r}" if self.name else ""
        return f"Trees(trees={shapes.trees}, depth={shapes.depth}, {arrays}{name})"


def _preorder(depth: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Where in preorder the tests of a complete tree come, by their number by level (which starts at 1)."""
    order = np.zeros(1 << depth, np.intp)
    for place in range(2, 1 << depth):
        levels_below = depth - place.bit_length()
        order[place] = order[place // 2] + 1 + place % 2 * ((2 << levels_below) - 1)
    return order
