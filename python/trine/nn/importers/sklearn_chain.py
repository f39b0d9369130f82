"""A model under construction: its layers, and the linear map that waits to be folded into what comes next."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine.errors import InputError
from trine.nn.layers import Affine, Array, Dense, InputRanges, Layer, Trees
from trine.nn.model import Node

__all__ = ["Chain", "LinearMap"]

COMPLETE_DEPTH = 5  # trees of so many levels are completed unless the caller says otherwise
MOST_TESTS = 1 << 20  # and never to more than so many
MIXED_BITS = 14  # thresholds of what a product gives are stretched to so many bits before the point


@dataclass(frozen=True)
class LinearMap:
    """x @ weights + shift."""

    weights: Array
    shift: Array

    @staticmethod
    def identity(size: int) -> LinearMap:
        """What changes nothing."""
        return LinearMap(np.eye(size), np.zeros(size))

    def then(self, weights: Array, shift: Array | float) -> LinearMap:
        """This map, and after it another."""
        return LinearMap(self.weights @ weights, self.shift @ weights + shift)

    def scaled(self, scale: Array | float, shift: Array | float) -> LinearMap:
        """This map, then every value by itself times a number plus another."""
        return LinearMap(self.weights * scale, self.shift * scale + shift)

    def columns(self) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Array] | None:
        """For each output which input it is a multiple of, and of which factor; None if it mixes several."""
        chosen = np.abs(self.weights).argmax(axis=0)
        if (np.count_nonzero(self.weights, axis=0) != 1).any():
            return None
        return chosen, self.weights[chosen, np.arange(len(chosen))]


class Chain:
    """The nodes so far.

    Args:
        ranges: the first layer.
        complete: whether trees are completed; None leaves it to their depth.
    """

    def __init__(self, ranges: InputRanges, complete: bool | None) -> None:
        self.ranges = ranges
        self.complete = complete
        self.nodes: list[Node] = [Node(ranges, (0,))]
        self.touched = False  # whether the map is more than the way back from `ranges`
        self.map = LinearMap(np.diag(1 / ranges.factor), ranges.center)

    @property
    def size(self) -> int:
        """How many values there are now."""
        return len(self.map.shift)

    def append(self, layer: Layer, *inputs: int) -> int:
        """A layer on the last value, or on those given; returns the number of what it gives."""
        self.nodes.append(Node(layer, inputs or (len(self.nodes),)))
        return len(self.nodes)

    def change(self, linear: LinearMap) -> None:
        """Another map waits."""
        self.map, self.touched = linear, True

    def dense(self, weights: Array, bias: Array | float, name: str = "") -> int:
        """A product with weights, into which the map goes."""
        whole = self.map.then(weights, bias)
        self.change(LinearMap.identity(weights.shape[1]))
        return self.append(Dense(whole.weights, whole.shift, name=name))

    def settle(self, name: str = "") -> int:
        """The map becomes a layer of its own; what comes next takes its values as they are."""
        weights, shift = self.map.weights, self.map.shift
        diagonal = weights.shape[0] == weights.shape[1] and np.array_equal(weights, np.diag(np.diag(weights)))
        if diagonal and (np.diag(weights) == 1).all() and not shift.any():
            return len(self.nodes)
        self.change(LinearMap.identity(self.size))
        layer = Affine(np.diag(weights), shift, name=name) if diagonal else Dense(weights, shift, name=name)
        return self.append(layer)

    def trees(self, trees: Trees) -> int:
        """Trees, into whose thresholds a map goes that mixes no values."""
        features = trees.features.astype(np.intp)
        columns = self.map.columns()
        if not self.touched:  # exactly as inputs are treated, so that equals stay equal
            ranges = self.ranges
            thresholds = (trees.thresholds - ranges.center[features]) * ranges.factor[features]
        elif columns is not None and (columns[1] > 0).all():
            thresholds = (trees.thresholds - self.map.shift[features]) / columns[1][features]
            features = columns[0][features]
        else:  # stretched by a power of two, so that what is tested has finer steps than a product's weights
            largest = max(float(np.abs(trees.thresholds).max()), 1.0)
            stretch = 2.0 ** max(0, MIXED_BITS - math.ceil(math.log2(largest)))
            self.change(self.map.scaled(stretch, 0.0))
            self.settle(f"what {trees.name or 'trees'} test")
            thresholds = trees.thresholds * stretch
        folded = Trees(features.astype(np.float64), thresholds, trees.values, trees.depths, trees.bias, name=trees.name)
        shapes = folded.shapes
        few = shapes.trees << shapes.depth <= MOST_TESTS
        complete = few and shapes.depth <= COMPLETE_DEPTH if self.complete is None else self.complete
        if complete and not few:
            raise InputError(
                f"complete_trees: {shapes.trees} trees of depth {shapes.depth} would make more than {MOST_TESTS:,} "
                "tests; limit their depth in training, or let their shapes be public"
            )
        self.change(LinearMap.identity(trees.values.shape[1]))
        return self.append(folded.completed() if complete else folded)
