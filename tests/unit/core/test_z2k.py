"""Arithmetic modulo 2^64, against numpy, which wraps as well."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trine import _core

SIZES = [(), (0,), (1,), (5,), (3, 0, 2), (7, 11), (70001,)]
MATMULS = [(0, 3, 4), (3, 0, 4), (3, 4, 0), (1, 1, 1), (1, 700, 1), (7, 300, 9), (61, 257, 67), (2, 5, 1100)]


@pytest.mark.parametrize("shape", SIZES)
def test_elementwise(words, run, shape):
    a, b, out = words(1, *shape), words(2, *shape), np.empty(shape, np.uint64)
    for kernel, ufunc in [(_core.z2k_add, np.add), (_core.z2k_sub, np.subtract), (_core.z2k_mul, np.multiply)]:
        kernel(a, b, out, **run)
        np.testing.assert_array_equal(out, ufunc(a, b))
    _core.z2k_neg(a, out, **run)
    np.testing.assert_array_equal(out, ~a + np.uint64(1))


@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_in_place(words, run, name):
    kernel = getattr(_core, f"z2k_{name}")
    a, b, apart = words(1, 1003), words(2, 1003), np.empty(1003, np.uint64)
    kernel(a, b, apart, **run)
    over_a, over_b = a.copy(), b.copy()
    kernel(over_a, b, over_a, **run)
    kernel(a, over_b, over_b, **run)
    np.testing.assert_array_equal(over_a, apart)
    np.testing.assert_array_equal(over_b, apart)
    with pytest.raises(ValueError, match="out must not share memory with a"):
        kernel(over_a[1:], b[1:], over_a[:-1], **run)


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 3, 0), (4, 9, 1), (5, 3, 7), (900, 40, 3)])
def test_sum(words, run, shape):
    a, out = words(1, *shape), words(2, shape[0], shape[2])
    _core.z2k_sum(a, out, **run)
    np.testing.assert_array_equal(out, a.sum(axis=1))


def test_nothing_to_write_takes_no_time_however_long_the_axes(run):
    endless, empty = np.empty((2**40, 0), np.uint64), np.empty((0, 0), np.uint64)
    _core.z2k_matmul(endless, empty, endless.copy(), **run)
    _core.z2k_sum(endless.reshape(2**40, 3, 0), endless, **run)
    images = endless.reshape(1, 2**40, 1, 0)
    _core.z2k_sumpool(images, images, (1, 1), (1, 1), **run)
    _core.z2k_conv2d(images, np.empty((1, 1, 0, 0), np.uint64), images, **run)


@pytest.mark.parametrize(("window", "stride"), [((2, 2), (2, 2)), ((3, 1), (1, 2)), ((9, 9), (1, 1))])
def test_sumpool(words, conv2d, run, window, stride):
    x = words(1, 2, 7, 8, 3)
    ones = np.zeros((*window, 3, 3), np.uint64)
    ones[:, :, range(3), range(3)] = 1
    expected = conv2d(x, ones, stride, (0, 0, 0, 0))
    out = words(2, *expected.shape)
    _core.z2k_sumpool(x, out, window, stride, **run)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("m", "k", "n"), MATMULS)
def test_matmul(words, run, m, k, n):
    a, b, out = words(1, m, k), words(2, k, n), words(3, m, n)
    _core.z2k_matmul(a, b, out, **run)
    np.testing.assert_array_equal(out, a @ b)


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(0, 600), st.integers(0, 40), st.integers(0, 2**32))
def test_matmul_of_any_shape(words, run, m, k, n, seed):
    a, b, out = words(seed, m, k), words(seed + 1, k, n), words(seed + 2, m, n)
    _core.z2k_matmul(a, b, out, **run)
    np.testing.assert_array_equal(out, a @ b)


def test_matmul_is_exact_in_every_bit(run):
    a, out = np.full((9, 4000), 2**64 - 1, np.uint64), np.empty((9, 9), np.uint64)
    _core.z2k_matmul(a, a.reshape(4000, 9), out, **run)
    assert (out == 4000).all()


@settings(max_examples=40)
@given(st.data())
def test_conv2d(words, conv2d, run, data):
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    x = words(draw(0, 2**32), draw(0, 2), draw(1, 8), draw(1, 8), draw(0, 5))
    w = words(draw(0, 2**32), draw(1, 4), draw(1, 4), x.shape[3], draw(0, 6))
    stride, padding = (draw(1, 3), draw(1, 3)), tuple(draw(0, 5) for _ in range(4))
    expected = conv2d(x, w, stride, padding)
    out = words(1, *expected.shape)
    _core.z2k_conv2d(x, w, out, stride, padding, **run)
    np.testing.assert_array_equal(out, expected)


def test_conv2d_deeper_than_a_block(words, conv2d, run):
    x, w = words(1, 1, 4, 4, 61), words(2, 3, 3, 61, 5)
    expected = conv2d(x, w, (1, 1), (0, 0, 0, 0))
    out = words(3, *expected.shape)
    _core.z2k_conv2d(x, w, out, **run)
    np.testing.assert_array_equal(out, expected)
