"""The graph builder against numpy: whatever is done to a tensor's axes, the model answers the same."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trine.errors import UnsupportedModelError
from trine.nn import layers as kinds
from trine.nn.importers import arithmetic, indexing
from trine.nn.importers.graph import BATCH, Graph, build

shapes = st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4).map(tuple)


@st.composite
def factorised(draw, total):
    """A shape of so many numbers."""
    sizes = []
    while total > 1 and len(sizes) < 4:
        size = draw(st.sampled_from([n for n in range(1, total + 1) if total % n == 0]))
        sizes.append(size)
        total //= size
    return [*sizes, total]


def operate(draw, graph, x, reference):
    """One random operation, on a tensor and on the array that it stands for (with its batch first)."""
    kind = draw(st.sampled_from(["reshape", "transpose", "slice", "affine", "add", "concat", "mean", "dense", "tanh"]))
    if kind == "reshape":
        shape = draw(factorised(math.prod(reference.shape[1:])))
        return graph.reshape(x, [-1, *shape]), reference.reshape(len(reference), *shape)
    axes = reference.ndim - 1
    axis = draw(st.integers(1, axes))
    size = reference.shape[axis]
    if kind == "transpose":
        order = [0, *(1 + i for i in draw(st.permutations(range(axes))))]
        return x.transposed(order), reference.transpose(order)
    if kind == "slice":
        start = draw(st.integers(0, size - 1))
        part = slice(start, draw(st.integers(start + 1, size)), draw(st.integers(1, 2)))
        key = (*[slice(None)] * axis, part)
        return indexing.indexed(graph, x, key), reference[key]
    if kind == "affine":
        shape = [draw(st.sampled_from([1, length])) for length in reference.shape[1:]]
        array = np.arange(1.0, math.prod(shape) + 1).reshape(shape) / 8
        return arithmetic.multiply(graph, arithmetic.add(graph, x, array), array), (reference + array) * array
    if kind == "add":
        turned = x.transposed([0, *range(axes, 0, -1)])
        other = reference.transpose(0, *range(axes, 0, -1))
        if other.shape != reference.shape:
            return arithmetic.add(graph, x, x), reference + reference
        return arithmetic.add(graph, graph.scaled(x, -2.0), turned), other - 2 * reference
    if kind == "concat":
        assume(reference.size < 5000)
        parts = [x, graph.scaled(x, 0.5), np.ones((1, *reference.shape[1:]))]
        arrays = [reference, reference / 2, np.ones_like(reference)]
        return arithmetic.concatenated(graph, parts, axis), np.concatenate(arrays, axis)
    if kind == "mean":
        return graph.reduce(kinds.AvgPool2D, x, [axis], True), reference.mean(axis=axis, keepdims=True)
    if kind == "dense":
        weights = np.linspace(-1, 1, reference.shape[-1] * 3).reshape(-1, 3)
        return graph.dense(x, weights, None), reference @ weights
    return graph.unary(kinds.Tanh, x), np.tanh(reference)


@settings(max_examples=300, deadline=None)
@given(st.data(), shapes, st.sampled_from([1, BATCH]))
def test_any_course_of_operations_answers_as_numpy(data, shape, batch):
    x = np.random.default_rng(0).normal(size=(2, *shape))
    draws = []
    expected = []

    def draw(strategy):
        """The same choices in the second pass, which a rearranged input asks for."""
        if draws:
            return draws.pop(0)
        chosen = data.draw(strategy)
        made.append(chosen)
        return chosen

    made = []

    def convert(graph):
        draws[:] = made
        tensor, reference = graph.unary(kinds.Tanh, graph.input), np.tanh(x)
        for _ in range(draw(st.integers(1, 5))):
            tensor, reference = operate(draw, graph, tensor, reference)
            assert tensor.shape[1:] == reference.shape[1:]
        expected[:] = [reference]
        return tensor

    model = build(convert, shape, (0.0, 1.0), batch)
    np.testing.assert_allclose(model.predict(x), expected[0], rtol=1e-9, atol=1e-9)


def test_what_mixes_the_inputs_of_a_batch_is_refused():
    graph = Graph((4, 6), BATCH, None)
    x = graph.input
    for attempt in (
        lambda: graph.reshape(x, [4, -1]),
        lambda: graph.reduce(kinds.AvgPool2D, x, [0], False),
        lambda: graph.slice(x, 0, 0, 1),
        lambda: graph.along(kinds.Softmax, x, [0]),
        lambda: graph.concat([x, x], 0),
        lambda: graph.pad(x, [1, 0, 0], [0, 0, 0]),
        lambda: graph.finished(x.transposed([1, 0, 2]), (0.0, 1.0)),
        lambda: graph.broadcast(kinds.Add, [graph.reshape(x, [BATCH, 24]), x.transposed([1, 0, 2])]),
        lambda: graph.matmul(x.transposed([1, 0, 2]), x.transposed([1, 2, 0])),
        lambda: graph.affine(x, None, np.arange(BATCH).reshape(-1, 1, 1)),
    ):
        with pytest.raises(UnsupportedModelError):
            attempt()


def test_movements_that_undo_one_another_leave_nothing():
    def convert(graph):
        x = graph.reshape(graph.unary(kinds.ReLU, graph.input), [-1, 4, 2, 3]).transposed([0, 2, 1, 3])
        x = graph.unary(kinds.Tanh, graph.reshape(x.transposed([0, 2, 1, 3]), [-1, 4, 6]))
        return x

    model = build(convert, (4, 6), (0.0, 1.0), BATCH)
    assert [type(layer) for layer in model.layers] == [kinds.ReLU, kinds.Tanh]


def test_a_slice_of_a_dense_layer_is_a_smaller_one_and_what_nobody_takes_is_left_out():
    def convert(graph):
        y = graph.dense(graph.input, np.arange(24.0).reshape(4, 6), np.arange(6.0))
        heads = graph.reshape(y, [-1, 2, 3])
        return indexing.indexed(graph, heads, (slice(None), 1))

    model = build(convert, (4,), (0.0, 1.0), BATCH)
    assert [type(layer) for layer in model.layers] == [kinds.Dense]
    assert np.array_equal(model.layers[0].weights, np.arange(24.0).reshape(4, 6)[:, 3:])


def test_zeros_before_a_convolution_become_its_padding():
    def convert(graph):
        padded = graph.pad(graph.input, [0, 1, 2, 0], [0, 3, 0, 0])
        return graph.windows(
            kinds.Conv2D, padded, weights=np.ones((2, 2, 3, 1)), bias=None, padding=((0, 1), (0, 0)), stride=(1, 1)
        )

    model = build(convert, (5, 5, 3), (0.0, 1.0), BATCH)
    assert [layer.padding for layer in model.layers] == [((1, 4), (2, 0))]


def test_values_that_are_too_large_are_refused():
    graph = Graph((4,), BATCH, None)
    with pytest.raises(UnsupportedModelError, match="larger than"):
        graph.pad(graph.input, [0, 2**40], [0, 0])
    with pytest.raises(UnsupportedModelError, match="copies"):
        arithmetic.repeated(graph, graph.input, 1, 2**40, False)


@pytest.mark.parametrize("equation", ["ab,ab->ab", "abb,cd->a", "ab,bc", "ab,cd->ac", "ab,bc,cd->ad", "az,bc->ax"])
def test_other_sums_of_products_are_refused(equation):
    graph = Graph((4,), BATCH, None)
    with pytest.raises(UnsupportedModelError, match="einsum"):
        indexing.einsum(graph, equation, graph.input, np.ones((4, 4)))


@pytest.mark.parametrize(
    ("equation", "one", "two"),
    [
        ("zab,zbc->zac", (3, 4), (4, 5)),
        ("zab,zac->zbc", (3, 4), (3, 5)),
        ("z...a,z...b->z...ab", (2, 3), (2, 4)),
        ("zaqd,zakd->zqka", (2, 3, 4), (2, 5, 4)),
    ],
)
def test_sums_of_products_of_two_tensors(equation, one, two):
    x = np.random.default_rng(0).normal(size=(2, math.prod(one) + math.prod(two)))
    left, right = (
        part.reshape(2, *shape) for part, shape in zip(np.split(x, [math.prod(one)], 1), (one, two), strict=True)
    )

    def convert(graph):
        parts = indexing.parts(graph, graph.unary(kinds.Tanh, graph.input), [math.prod(one), math.prod(two)], 1)
        tensors = [graph.reshape(part, [-1, *shape]) for part, shape in zip(parts, (one, two), strict=True)]
        return indexing.einsum(graph, equation, *tensors)

    model = build(convert, x.shape[1:], (0.0, 1.0), BATCH)
    expected = np.einsum(equation, np.tanh(left), np.tanh(right))
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-9, atol=1e-9)
