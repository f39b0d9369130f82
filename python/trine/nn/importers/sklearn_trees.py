"""scikit-learn's trees, and what they make of their sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trine.errors import UnsupportedModelError
from trine.nn.importers.sklearn_chain import Chain
from trine.nn.layers import Array, Trees

__all__ = ["Forest", "boosted", "decision_tree", "forest", "histogram_boosted"]

FARTHEST = 1e30  # a threshold that is beyond all inputs stands here


class Forest:
    """Trees, as they are gathered for one layer.

    Args:
        outputs: how many numbers a leaf has.
    """

    def __init__(self, outputs: int) -> None:
        self.features: list[int] = []
        self.thresholds: list[float] = []
        self.values: list[Array] = []
        self.depths: list[int] = []
        self.bias = np.zeros(outputs)

    def add(self, left: NDArray[Any], right: NDArray[Any], features: Any, thresholds: Any, values: Array) -> None:
        """A tree of which node 0 is the root; where both children are one, there is a leaf.

        Args:
            left, right: children of each node.
            values: float64[nodes, outputs], of which those at leaves count.
        """
        if left[0] == right[0]:
            self.bias = self.bias + values[0]
            return
        waiting = [(0, 0)]  # in preorder
        while waiting:
            node, depth = waiting.pop()
            if left[node] == right[node]:
                self.values.append(values[node])
                self.depths.append(depth)
                continue
            self.features.append(int(features[node]))
            self.thresholds.append(float(np.clip(thresholds[node], -FARTHEST, FARTHEST)))
            waiting += [(int(right[node]), depth + 1), (int(left[node]), depth + 1)]

    def append_to(self, chain: Chain, outputs: Array) -> int:
        """The layer, its values multiplied by a matrix."""
        bias = self.bias @ outputs
        if not self.depths:  # constants, every one of them
            return chain.dense(np.zeros((chain.size, outputs.shape[1])), bias)
        values = np.array(self.values) @ outputs
        return chain.trees(Trees(np.array(self.features), np.array(self.thresholds), values, tuple(self.depths), bias))


def decision_tree(model: Any, place: str) -> Forest:
    """One tree: the classes' shares at its leaves, or their values."""
    return _average([model], model, place)


def forest(model: Any, place: str) -> Forest:
    """The average of trees."""
    return _average(model.estimators_, model, place)


def _average(trees: list[Any], model: Any, place: str) -> Forest:
    classifies = hasattr(model, "classes_")
    if classifies and model.n_outputs_ > 1:
        raise UnsupportedModelError(f"{place}: several outputs, each with classes of its own")
    found = None
    for one in trees:
        tree = one.tree_
        # [nodes, outputs, classes]: older versions count a node's samples, newer ones give their shares
        values = tree.value[:, 0, :] if classifies else tree.value[:, :, 0]
        if classifies:
            values = values / values.sum(axis=1, keepdims=True)
        found = found or Forest(values.shape[1])
        found.add(tree.children_left, tree.children_right, tree.feature, tree.threshold, values / len(trees))
    assert found is not None
    return found


def boosted(model: Any, raw: Any, place: str) -> Forest:
    """The sum of gradient boosting's trees and of what it started with.

    Args:
        raw: the model's own sum, a function of inputs: its constant is found by it.
    """
    if not (model.init is None or (isinstance(model.init, str) and model.init == "zero")):
        raise UnsupportedModelError(f"{place}: init must be None or 'zero'")
    stages = model.estimators_
    found = Forest(stages.shape[1])
    origin, total = np.zeros((1, model.n_features_in_), np.float32), np.zeros(stages.shape[1])
    for stage in stages:
        for output, one in enumerate(stage):
            tree = one.tree_
            values = np.zeros((tree.node_count, stages.shape[1]))
            values[:, output] = model.learning_rate * tree.value[:, 0, 0]
            total += values[tree.apply(origin)[0]]
            found.add(tree.children_left, tree.children_right, tree.feature, tree.threshold, values)
    found.bias = found.bias + np.ravel(raw(origin)) - total
    return found


def histogram_boosted(model: Any, place: str) -> Forest:
    """The same for the kind that works on histograms."""
    outputs = len(model._predictors[0])
    found = Forest(outputs)
    for stage in model._predictors:
        for output, tree in enumerate(stage):
            nodes = tree.nodes
            if nodes["is_categorical"].any():
                raise UnsupportedModelError(f"{place}: categorical features")
            values = np.zeros((len(nodes), outputs))
            values[:, output] = nodes["value"]
            leaf = nodes["is_leaf"].astype(bool)
            left, right = (np.where(leaf, -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
            found.add(left, right, nodes["feature_idx"], nodes["num_threshold"], values)
    found.bias = found.bias + np.ravel(model._baseline_prediction)
    return found
