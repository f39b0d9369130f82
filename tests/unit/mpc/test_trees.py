import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import InputError, ShapeError
from trine.mpc import PerParty, cost
from trine.mpc.trees import TreeShapes, draw_leaves, reached_leaves

RNG = np.random.default_rng(5)


def random_tree(rng, tests):
    """The leaves' depths of a random tree of so many tests: a random leaf is split again and again."""
    depths = [0]
    for _ in range(tests):
        at = int(rng.integers(len(depths)))
        depths[at : at + 1] = [depths[at] + 1] * 2
    return depths


def walk(depths, goes_left):
    """Which leaf is reached in every tree, for one input: by following the definition, from each root down."""
    leaves, node, leaf = [], 0, 0

    def below(depth, taken):
        nonlocal node, leaf
        if depth == depths[leaf]:
            leaves.append(taken)
            leaf += 1
            return
        left = goes_left[node]
        node += 1
        below(depth + 1, taken and left)
        below(depth + 1, taken and not left)

    while leaf < len(depths):
        below(0, True)
    return leaves


SHAPES = {
    "stump": (1, 1),
    "stumps": (1, 1) * 5,
    "complete": (3,) * 16,
    "chain": (1, 2, 3, 4, 5, 6, 7, 8, 9, 9),
    "chain to the left": (9, 9, 8, 7, 6, 5, 4, 3, 2, 1),
    "forest": tuple(
        depth for tests in (1, 2, 5, 30, 100) for depth in random_tree(np.random.default_rng(tests), tests)
    ),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("width", "batch"), [(1, 3), (2, 64), (5, 1), (6, 7), (26, 9), (64, 2)])
def test_the_leaves_that_a_walk_would_reach(new_three, name, width, batch):
    three, shapes = new_three(width), TreeShapes(SHAPES[name])
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    x = RNG.integers(low, high, (batch, shapes.nodes), endpoint=True)
    x[RNG.random(x.shape) < 0.2] = 0
    x[RNG.random(x.shape) < 0.1] = low
    part = three.session.each(lambda party, share: share.a, three.share(x))
    before = three.session.cost
    reached = three.session.call(reached_leaves, part, shapes, width, 9)
    spent = three.session.cost
    expected = [walk(shapes.depths, row >= 0) for row in x]
    assert np.array_equal(three.open(reached, 9), expected)
    assert (np.sum(expected, axis=1) == shapes.trees).all()
    declared = cost.reached_leaves(batch, shapes, width, 9)
    assert (spent.rounds - before.rounds, spent.bytes - before.bytes) == (declared.rounds, declared.bytes)


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 4))
def test_any_forest(new_three, seed, tests, trees):
    rng = np.random.default_rng(seed)
    shapes = TreeShapes(tuple(depth for _ in range(trees) for depth in random_tree(rng, tests)))
    assert (shapes.trees, shapes.nodes) == (trees, trees * tests)
    x = rng.integers(-4, 4, (5, shapes.nodes))
    three = new_three(seed)
    part = three.session.each(lambda party, share: share.a, three.share(x))
    reached = three.session.call(reached_leaves, part, shapes, 3)
    assert np.array_equal(three.open(reached), [walk(shapes.depths, row >= 0) for row in x])


def test_a_preparation_leaves_the_rounds_of_the_comparison_and_the_paths(three):
    shapes = TreeShapes(SHAPES["chain"])
    x = RNG.integers(-8, 8, (6, shapes.nodes))
    part = three.session.each(lambda party, share: share.a, three.share(x))

    def prepare(party):
        random = draw_leaves(party, 6, shapes, 5, 20)
        yield from random.deal(party)
        return random

    prepared = three.session.call(prepare)
    before = three.session.cost
    reached = three.session.call(reached_leaves, part, shapes, 5, 20, prepared)
    assert three.session.cost.rounds - before.rounds == 3 + 0 + 4  # one group of bits; paths of 9 edges
    assert np.array_equal(three.open(reached, 20), [walk(shapes.depths, row >= 0) for row in x])


def test_what_the_documentation_says():
    """Figures quoted in text: one test of 33 bits and its leaf of 32, all parties together."""
    shapes = TreeShapes((10,) * 1024)
    declared = cost.reached_leaves(1, shapes, 33, 32)
    assert declared.rounds == 10
    assert declared.bytes / shapes.nodes == pytest.approx(44.6, abs=0.1)


@pytest.mark.parametrize("depths", [(), (0,), (1,), (1, 2), (2, 1, 1), (1, 1, 2), (1, -1), (1, 1.0), (1 << 16,)])
def test_depths_of_no_trees(depths):
    with pytest.raises(InputError, match=r"binary trees|one test each"):
        TreeShapes(depths)


def test_what_does_not_fit(three):
    shapes = TreeShapes((1, 1))
    with pytest.raises(ShapeError, match=r"\(N, 1\)"):
        three.session.call(reached_leaves, PerParty([np.zeros((2, 3), np.uint64)] * 3), shapes, 5)
    with pytest.raises(InputError, match="1 to 64"):
        three.session.call(reached_leaves, PerParty([np.zeros((2, 1), np.uint64)] * 3), shapes, 65)
