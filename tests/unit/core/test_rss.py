"""Each party's local half of a product, against its formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trine import _core


@pytest.fixture
def sides(words):
    """Both halves of both factors, as a party holds them."""
    return lambda x, y: (words(1, *x), words(2, *x), words(3, *y), words(4, *y))


@pytest.mark.parametrize("shape", [(0,), (3,), (4,), (5, 7), (40001,)])
def test_mul(words, sides, run, shape):
    xa, xb, ya, yb = sides(shape, shape)
    out = words(5, *shape)
    _core.rss_mul(xa, xb, ya, yb, out, **run)
    np.testing.assert_array_equal(out, xa * (ya + yb) + xb * ya)


@pytest.mark.parametrize("shape", [(0,), (3,), (5, 7), (40001,)])
def test_and(words, sides, run, shape):
    xa, xb, ya, yb = sides(shape, shape)
    out = words(5, *shape)
    _core.rss_and(xa, xb, ya, yb, out, **run)
    np.testing.assert_array_equal(out, (xa & (ya ^ yb)) ^ (xb & ya))


@settings(max_examples=30)
@given(st.integers(0, 30), st.integers(0, 300), st.integers(0, 30))
def test_matmul(words, run, m, k, n):
    xa, xb, ya, yb = words(1, m, k), words(2, m, k), words(3, k, n), words(4, k, n)
    out = words(5, m, n)
    _core.rss_matmul(xa, xb, ya, yb, out, **run)
    np.testing.assert_array_equal(out, xa @ (ya + yb) + xb @ ya)


@settings(max_examples=30)
@given(st.data())
def test_conv2d(words, conv2d, run, data):
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    x = (draw(0, 2), draw(1, 7), draw(1, 7), draw(0, 40))
    w = (draw(1, 3), draw(1, 3), x[3], draw(0, 6))
    stride, padding = (draw(1, 3), draw(1, 3)), tuple(draw(0, 3) for _ in range(4))
    xa, xb, wa, wb = words(1, *x), words(2, *x), words(3, *w), words(4, *w)
    expected = conv2d(xa, wa + wb, stride, padding) + conv2d(xb, wa, stride, padding)
    out = words(5, *expected.shape)
    _core.rss_conv2d(xa, xb, wa, wb, out, stride, padding, **run)
    np.testing.assert_array_equal(out, expected)


def test_three_parties_get_shares_of_the_product(words, run):
    x, y = words(1, 3, 20, 30), words(2, 3, 30, 10)
    parts = np.empty((3, 20, 10), np.uint64)
    for i in range(3):
        _core.rss_matmul(x[i], x[(i + 1) % 3], y[i], y[(i + 1) % 3], parts[i], **run)
    np.testing.assert_array_equal(parts.sum(axis=0), x.sum(axis=0) @ y.sum(axis=0))
