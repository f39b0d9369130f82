import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine import nn
from trine.errors import DtypeError, InputError, NotFiniteError, ShapeError
from trine.nn import AvgPool2D, Conv2D, Dense, Flatten, ReLU
from trine.nn.layers.window import same_padding

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def conv2d_by_loops(x, weights, bias, stride, pads):
    """The definition of convolution, one product at a time, with an infinite border of zeros."""
    (batch, height, width, channels), (kh, kw, _, outputs) = x.shape, weights.shape
    (top, bottom), (left, right) = pads
    rows = (height + top + bottom - kh) // stride[0] + 1
    columns = (width + left + right - kw) // stride[1] + 1
    y = np.zeros((batch, rows, columns, outputs))
    for n, r, s, o in np.ndindex(*y.shape):
        total = bias[o] if bias is not None else 0.0
        for i, j, c in itertools.product(range(kh), range(kw), range(channels)):
            row, column = r * stride[0] + i - top, s * stride[1] + j - left
            if 0 <= row < height and 0 <= column < width:
                total += x[n, row, column, c] * weights[i, j, c, o]
        y[n, r, s, o] = total
    return y


@given(st.data())
def test_conv2d_is_its_definition(data):
    kernel, stride = data.draw(pairs), data.draw(pairs)
    padding = data.draw(st.one_of(st.sampled_from(["valid", "same"]), st.tuples(pairs, pairs)))
    height, width = (data.draw(st.integers(size, 6)) for size in kernel)
    channels, outputs, batch = (data.draw(st.integers(1, 2)) for _ in range(3))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    # Small integers: every sum is exact in float64, in any order.
    x = random.integers(-9, 10, (batch, height, width, channels)).astype(float)
    weights = random.integers(-9, 10, (*kernel, channels, outputs))
    bias = data.draw(st.sampled_from([None, random.integers(-9, 10, outputs)]))
    layer = Conv2D(weights, bias, stride, padding)
    y = layer.forward(x)
    assert np.array_equal(y, conv2d_by_loops(x, weights, bias, stride, layer.pads(x.shape[1:])))
    assert y.shape == (batch, *layer.output_shape(x.shape[1:]))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9))
def test_same_padding_keeps_one_output_per_stride_and_adds_no_more_than_needed(size, window, stride):
    (before, after), _ = same_padding((size, 1), (window, 1), (stride, 1))
    outputs = math.ceil(size / stride)
    assert (size + before + after - window) // stride + 1 == outputs
    assert after - before in (0, 1)
    assert before + after == 0 or size + before + after == (outputs - 1) * stride + window


def test_explicit_padding_is_kept():
    assert Conv2D(np.ones((3, 3, 1, 1)), padding=((1, 2), (3, 4))).pads((5, 5, 1)) == ((1, 2), (3, 4))
    assert Conv2D(np.ones((3, 3, 1, 1)), padding="valid").pads((5, 5, 1)) == ((0, 0), (0, 0))


@given(pairs, st.one_of(st.none(), pairs), st.integers(0, 99))
def test_avg_pool2d_is_the_mean_of_whole_windows(window, stride, seed):
    x = np.random.default_rng(seed).normal(size=(2, 7, 6, 3))
    layer = AvgPool2D(window, stride)
    y = layer.forward(x)
    (height, width), (down, right) = window, stride or window
    assert y.shape == (2, (7 - height) // down + 1, (6 - width) // right + 1, 3)
    assert y.shape[1:] == layer.output_shape((7, 6, 3))
    for r, s in np.ndindex(*y.shape[1:3]):
        whole = x[:, r * down : r * down + height, s * right : s * right + width]
        np.testing.assert_allclose(y[:, r, s], whole.mean(axis=(1, 2)), rtol=0, atol=1e-15)


def test_flatten_counts_channels_fastest():
    x = np.arange(2 * 2 * 3 * 4.0).reshape(2, 2, 3, 4)
    y = Flatten().forward(x)
    assert y.shape == (2, 24)
    for i, j, c in np.ndindex(2, 3, 4):
        assert np.array_equal(y[:, (i * 3 + j) * 4 + c], x[:, i, j, c])


def test_relu_keeps_shape_and_drops_negatives():
    x = np.array([[-1.5, 0.0, 2.5]])
    assert np.array_equal(ReLU().forward(x), [[0.0, 0.0, 2.5]])
    assert ReLU().output_shape((3, 4)) == (3, 4)


def test_dense_is_a_product_and_a_bias():
    layer = Dense([[1, 2], [3, 4], [5, 6]], [10, 20])
    assert np.array_equal(layer.forward(np.array([[1.0, 1.0, 2.0]])), [[24.0, 38.0]])
    assert layer.output_shape((3,)) == (2,)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float16", "float32", ">f8"])
def test_arrays_become_float64_copies_that_nobody_can_change(dtype):
    given = np.asfortranarray(np.arange(6).reshape(2, 3)).astype(dtype)
    layer = Dense(given)
    given[:] = 0
    assert layer.weights.dtype == np.float64
    assert layer.weights.flags.c_contiguous
    assert np.array_equal(layer.weights, [[0, 1, 2], [3, 4, 5]])
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[0, 0] = 7.0
    with pytest.raises(AttributeError):
        layer.weights = given


def test_a_printed_layer_shows_shapes_and_no_weights():
    shown = repr(Conv2D(np.full((3, 3, 1, 2), 0.123), [0.456, 0.789], name="edges"))
    assert "edges" in shown
    assert "float64[3, 3, 1, 2]" in shown
    assert "float64[2]" in shown
    assert not any(secret in shown for secret in ("0.123", "0.456", "0.789"))


@pytest.mark.parametrize(
    ("weights", "error"),
    [
        (np.ones((3, 3, 1, 1), complex), DtypeError),
        (np.full((3, 3, 1, 1), "1"), DtypeError),
        (np.full((3, 3, 1, 1), None), DtypeError),
        ([[1, 2], [3]], DtypeError),
        (np.full((3, 3, 1, 1), np.nan), NotFiniteError),
        (np.full((3, 3, 1, 1), -np.inf), NotFiniteError),
        (np.ones((3, 3, 1)), ShapeError),
        (np.ones((3, 3, 0, 1)), ShapeError),
        (1.0, ShapeError),
    ],
)
def test_unusable_weights_are_refused_by_name(weights, error):
    with pytest.raises(error, match="Conv2D 'first': weights"):
        Conv2D(weights, name="first")


@pytest.mark.parametrize("bias", [np.ones(3), np.ones((1, 2)), 1.0, []])
def test_a_bias_has_one_value_per_output(bias):
    for kind, shape in ((Conv2D, (3, 3, 1, 2)), (Dense, (4, 2))):
        with pytest.raises(ShapeError, match=f"{kind.__name__}: bias"):
            kind(np.ones(shape), bias)


@pytest.mark.parametrize("pair", [(0, 1), (1, -1), (1,), (1, 2, 3), 2, "12", (1.5, 2), None, (None, 1)])
def test_stride_and_window_are_pairs_of_positive_integers(pair):
    with pytest.raises(InputError, match="stride"):
        Conv2D(np.ones((3, 3, 1, 1)), stride=pair)
    with pytest.raises(InputError, match="window"):
        AvgPool2D(pair)


@pytest.mark.parametrize("padding", ["SAME", "", 1, (1, 1), ((1, 1),), ((0, -1), (0, 0)), ((0, 0.5), (0, 0)), None])
def test_other_paddings_are_refused(padding):
    with pytest.raises(InputError, match="padding"):
        Conv2D(np.ones((3, 3, 1, 1)), padding=padding)


@pytest.mark.parametrize("kind", [ReLU, Flatten, lambda name: AvgPool2D((2, 2), name=name)])
def test_a_name_is_a_string(kind):
    with pytest.raises(InputError, match="name"):
        kind(name=5)


@pytest.mark.parametrize(
    ("layer", "shape", "complaint"),
    [
        (Conv2D(np.ones((3, 3, 2, 1))), (5, 5, 1), "takes 2 channels"),
        (Conv2D(np.ones((3, 3, 2, 1))), (5, 5), "height, width, channels"),
        (Conv2D(np.ones((3, 3, 2, 1)), padding="same"), (5, 5), "height, width, channels"),
        (Conv2D(np.ones((3, 6, 2, 1))), (5, 5, 2), "does not fit"),
        (AvgPool2D((6, 1)), (5, 5, 1), "does not fit"),
        (AvgPool2D((2, 2)), (25,), "height, width, channels"),
        (Dense(np.ones((25, 2))), (24,), r"takes \(\.\.\., 25\)"),
        (Dense(np.ones((25, 2))), (5, 5), "put a Flatten before it"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layer, shape, complaint):
    with pytest.raises(ShapeError, match=complaint) as raised:
        layer.output_shape(shape)
    assert type(layer).__name__ in str(raised.value)
    with pytest.raises(ShapeError, match=complaint):
        layer.forward(np.zeros((1, *shape)))


def test_dilation_and_groups_are_a_kernel_with_zeros_in_it():
    random = np.random.default_rng(3)
    x, weights = random.normal(size=(2, 9, 8, 4)), random.normal(size=(3, 2, 2, 6))
    spread = np.zeros((5, 4, 4, 6))  # neighbours lie 2 and 3 apart; a group's outputs see its channels alone
    spread[::2, ::3, :2, :3], spread[::2, ::3, 2:, 3:] = weights[..., :3], weights[..., 3:]
    y = Conv2D(weights, dilation=(2, 3), groups=2).forward(x)
    np.testing.assert_allclose(y, Conv2D(spread).forward(x), rtol=0, atol=1e-12)


@given(pairs, pairs, st.sampled_from(["valid", "same", ((1, 0), (0, 1))]), st.integers(0, 99))
def test_pools_are_their_definition(window, stride, padding, seed):
    x = np.random.default_rng(seed).normal(size=(2, 5, 4, 2))
    largest, mean = nn.MaxPool2D(window, stride, padding), AvgPool2D(window, stride, padding)
    (top, bottom), (left, right) = largest.pads(x.shape[1:])
    if window[0] <= max(top, bottom) or window[1] <= max(left, right):
        return  # a window of padding alone has no mean
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=np.nan)
    y, z = largest.forward(x), mean.forward(x)
    assert y.shape == z.shape == (2, *largest.output_shape(x.shape[1:]))
    for r, s in np.ndindex(*y.shape[1:3]):
        seen = padded[:, r * stride[0] : r * stride[0] + window[0], s * stride[1] : s * stride[1] + window[1]]
        assert np.array_equal(y[:, r, s], np.nanmax(seen, axis=(1, 2)))
        np.testing.assert_allclose(z[:, r, s], np.nanmean(seen, axis=(1, 2)), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Conv2D(np.ones((1, 1, 1, 3)), groups=2), "groups"),
        (lambda: Conv2D(np.ones((1, 1, 1, 3)), groups=0), "groups"),
        (lambda: nn.Clip(1, 1), "low"),
        (lambda: nn.Clip(float("nan"), 1), "low"),
        (lambda: nn.LeakyReLU("steep"), "slope"),
        (lambda: nn.ELU(1e9), "alpha"),
        (lambda: nn.Scale(0), "factor"),
        (lambda: nn.Scale(2.0**30), "factor"),
        (lambda: nn.LayerNorm(0), "epsilon"),
        (lambda: nn.Affine(np.array([np.nan])), "scale"),
        (lambda: nn.Permute((0, 0)), "permutation"),
        (lambda: nn.Reshape((2, -1)), "shape"),
        (lambda: nn.Pad((1,), (1, 2)), "one number for each axis"),
        (lambda: nn.Slice((0,), (1,), (0,)), "step"),
        (lambda: nn.Concatenate("last"), "axis"),
        (lambda: nn.OneHot(0), "size"),
    ],
)
def test_options_that_make_no_sense_are_refused(make, complaint):
    with pytest.raises(InputError, match=complaint):
        make()


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (nn.Add(), [(2, 3), (3, 2)]),
        (nn.Add(), [(3,), (2, 3)]),
        (nn.Multiply(), [(2, 3), (2, 4)]),
        (nn.Concatenate(), [(2, 3), (3, 3)]),
        (nn.Concatenate(2), [(2, 3), (2, 3)]),
        (nn.MatMul(), [(2, 3), (2, 3)]),
        (nn.MatMul(), [(4, 2, 3), (3, 2)]),
        (nn.Affine(np.ones(3)), [(2, 4)]),
        (nn.Affine(None, np.ones((2, 3))), [(3,)]),
        (nn.Permute((1, 0)), [(2, 3, 4)]),
        (nn.Reshape((5,)), [(2, 3)]),
        (nn.Pad((-2,), (-1,)), [(3,)]),
        (nn.Slice((1,), (4,)), [(3,)]),
        (nn.LayerNorm(), [()]),
        (nn.Softmax(), [()]),
    ],
)
def test_shapes_that_do_not_go_together_are_refused(layer, shapes):
    with pytest.raises(ShapeError, match=type(layer).__name__):
        layer.output_shape(*shapes)
