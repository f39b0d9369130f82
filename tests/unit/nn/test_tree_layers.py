import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import InputError, ShapeError
from trine.nn import ArgMax, Dense, InputRanges, Model, Sequential, Trees


def grown(rng, tests):
    """A random tree as nested tuples (feature, threshold, left, right), leaves being arrays of two numbers."""
    if not tests:
        return rng.normal(size=2)
    left = int(rng.integers(tests))
    return int(rng.integers(4)), float(rng.normal()), grown(rng, left), grown(rng, tests - 1 - left)


def followed(tree, row):
    """The leaf that a row reaches, by the definition."""
    while isinstance(tree, tuple):
        feature, threshold, left, right = tree
        tree = left if row[feature] <= threshold else right
    return tree


def layer_of(trees, **options):
    """The same trees as a layer."""
    features, thresholds, values, depths = [], [], [], []

    def visit(tree, depth):
        if not isinstance(tree, tuple):
            values.append(tree)
            depths.append(depth)
            return
        features.append(tree[0])
        thresholds.append(tree[1])
        visit(tree[2], depth + 1)
        visit(tree[3], depth + 1)

    for tree in trees:
        visit(tree, 0)
    return Trees(np.array(features), np.array(thresholds), np.array(values), tuple(depths), **options)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 20), min_size=1, max_size=4))
def test_trees_are_followed_to_their_leaves(seed, tests):
    rng = np.random.default_rng(seed)
    trees = [grown(rng, count) for count in tests]
    layer = layer_of(trees, bias=np.array([1.0, -1.0]))
    x = rng.normal(size=(20, 4))
    x[:, 0] = trees[0][1]  # on a threshold
    expected = [np.sum([[1, -1], *(followed(tree, row) for tree in trees)], axis=0) for row in x]
    assert np.allclose(layer.forward(x), expected, rtol=0, atol=1e-12)
    if layer.shapes.depth <= 8:
        complete = layer.completed()
        assert set(complete.depths) == {layer.shapes.depth}
        assert np.array_equal(complete.forward(x), layer.forward(x))


def test_trees_show_their_shape_and_no_more():
    layer = layer_of([grown(np.random.default_rng(0), 3), grown(np.random.default_rng(1), 4)], name="two")
    depth = layer.shapes.depth
    assert repr(layer) == (
        f"Trees(trees=2, depth={depth}, features=float64[7], thresholds=float64[7], values=float64[9, 2], name='two')"
    )


def test_models_of_trees_are_saved(tmp_path):
    layer = layer_of([grown(np.random.default_rng(2), 9)])
    ranges = InputRanges([0, -1, 0, 5], [1, 1, 1, 9], 64.0, single=True)
    model = Sequential([ranges, layer, ArgMax()], (4,), (-1, 9))
    model.save(tmp_path / "model.npz")
    read = Model.load(tmp_path / "model.npz")
    x = np.random.default_rng(3).uniform(ranges.low, ranges.high, (50, 4))
    assert np.array_equal(read.predict(x), model.predict(x))
    assert read.layers[0].single
    assert read.layers[1].depths == layer.depths


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.5], [0.0], [[1.0], [2.0]], (1, 1)), InputError, "whole numbers"),
        (([-1], [0.0], [[1.0], [2.0]], (1, 1)), InputError, "whole numbers"),
        (([0, 1], [0.0, 0.0], [[1.0], [2.0]], (1, 1)), ShapeError, r"features must have shape \[nodes = 1\]"),
        (([0], [0.0], [[1.0]], (1, 1)), ShapeError, r"values must have shape \[leaves = 2"),
        (([0], [0.0], [[1.0], [2.0]], (1, 2)), InputError, "binary trees"),
        (([0], [0.0], [[1.0], [2.0]], (1, 1), [1.0, 2.0]), ShapeError, "bias"),
    ],
)
def test_impossible_trees(arguments, error, message):
    with pytest.raises(error, match=message):
        Trees(*arguments)


def test_trees_take_rows_of_enough_values():
    layer = Trees([3], [0.0], [[1.0], [2.0]], (1, 1))
    with pytest.raises(ShapeError, match="more than 3 values"):
        layer.output_shape((3,))
    with pytest.raises(ShapeError, match="put a Flatten before it"):
        layer.output_shape((2, 2))


def test_argmax_is_numpys():
    x = np.random.default_rng(4).integers(0, 3, (30, 2, 5)).astype(float)
    assert np.array_equal(ArgMax().forward(x), x.argmax(axis=-1))
    assert ArgMax().output_shape((2, 5)) == (2,)
    with pytest.raises(ShapeError, match="at least one axis"):
        ArgMax().output_shape(())


def test_ranges_become_one():
    layer = InputRanges([0, -1, 3], [10, 1, 3], 8.0)
    assert np.array_equal(layer.forward(np.array([[0, 1, 3], [10, 0, 3]])), [[-8, 8, 0], [8, 0, 0]])
    narrow = InputRanges([0.0], [1.0], single=True)
    assert narrow.forward(np.array([[0.1]])) == 2 * float(np.float32(0.1)) - 1
    with pytest.raises(ShapeError, match=r"takes \(3,\)"):
        layer.output_shape((2,))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([0], [-1]), InputError),
        (([0], [1], 0.5), InputError),
        (([0], [1], 1e6), InputError),
        (([0, 1], [1]), ShapeError),
        (([0], [np.inf]), InputError),
    ],
)
def test_impossible_ranges(arguments, error):
    with pytest.raises(error):
        InputRanges(*arguments)


def test_ranges_come_first():
    with pytest.raises(InputError, match="first layer"):
        Sequential([Dense(np.eye(2)), InputRanges([0, 0], [1, 1])], (2,))
