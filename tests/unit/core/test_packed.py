"""Right operands packed once: the same bits as unpacked ones, and nothing of them to be seen."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trine import _core


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 40), st.integers(0, 500), st.integers(0, 70))
def test_matmul(words, run, m, k, n):
    xa, xb, ya, yb = words(1, m, k), words(2, m, k), words(3, k, n), words(4, k, n)
    packed, out = _core.PackedOperand(ya, yb, isa=run["isa"]), words(5, m, n)
    assert packed.shape == (k, n)
    for _ in range(2):  # it can be used again
        _core.rss_matmul_packed(xa, xb, packed, out, threads=run["threads"])
        np.testing.assert_array_equal(out, xa @ (ya + yb) + xb @ ya)


@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (9, 1500, 64), (30, 300, 1100), (200, 9, 2100)])
def test_matmul_of_many_blocks(words, run, m, k, n):
    xa, xb, ya, yb = words(1, m, k), words(2, m, k), words(3, k, n), words(4, k, n)
    out = words(5, m, n)
    _core.rss_matmul_packed(xa, xb, _core.PackedOperand(ya, yb, isa=run["isa"]), out, threads=run["threads"])
    np.testing.assert_array_equal(out, xa @ (ya + yb) + xb @ ya)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_conv2d(words, conv2d, run, data):
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    x = (draw(0, 2), draw(1, 7), draw(1, 7), draw(0, 40))
    w = (draw(1, 3), draw(1, 3), x[3], draw(0, 20))
    stride, padding = (draw(1, 3), draw(1, 3)), tuple(draw(0, 3) for _ in range(4))
    xa, xb, wa, wb = words(1, *x), words(2, *x), words(3, *w), words(4, *w)
    expected = conv2d(xa, wa + wb, stride, padding) + conv2d(xb, wa, stride, padding)
    packed, out = _core.PackedOperand(wa, wb, isa=run["isa"]), words(5, *expected.shape)
    assert packed.shape == w
    _core.rss_conv2d_packed(xa, xb, packed, out, stride, padding, threads=run["threads"])
    np.testing.assert_array_equal(out, expected)


def test_it_keeps_a_copy(words):
    x, y, out, expected = words(1, 3, 4), words(2, 4, 5), words(3, 3, 5), words(3, 3, 5)
    _core.rss_matmul(x, x, y, y, expected)
    packed = _core.PackedOperand(y, y)
    y[:] = 0
    _core.rss_matmul_packed(x, x, packed, out)
    np.testing.assert_array_equal(out, expected)


def test_nothing_of_it_can_be_seen():
    secret = np.full((4, 5), 1234567890123456789, np.uint64)
    packed = _core.PackedOperand(secret, secret)
    assert repr(packed) == "PackedOperand(4, 5)"
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickle"):
            copied(packed)
    with pytest.raises(TypeError, match="memoryview"):
        memoryview(packed)


@pytest.mark.parametrize("shape", [(), (3,), (3, 4, 5), (1, 2, 3, 4, 5)])
def test_only_matrices_and_kernels(shape):
    operand = np.zeros(shape, np.uint64)
    with pytest.raises(ValueError, match=r"^ya must have the axes \[K, N\] or \[KH, KW, C, O\]"):
        _core.PackedOperand(operand, operand)


def test_both_halves_have_one_shape():
    with pytest.raises(ValueError, match=r"^yb must have the shape \(3, 4\)"):
        _core.PackedOperand(np.zeros((3, 4), np.uint64), np.zeros((4, 3), np.uint64))


@pytest.mark.parametrize("isa", ["avx1024", ""])
def test_isa(isa):
    with pytest.raises(ValueError, match=r"^isa must be"):
        _core.PackedOperand(np.zeros((3, 4), np.uint64), np.zeros((3, 4), np.uint64), isa=isa)


@pytest.mark.parametrize("value", [None, np.zeros((4, 2), np.uint64), "text"])
def test_other_operands_are_refused_without_being_shown(value):
    x, out = np.zeros((6, 4), np.uint64), np.zeros((6, 2), np.uint64)
    with pytest.raises(TypeError, match=rf"^y must be a PackedOperand, not {type(value).__name__}$"):
        _core.rss_matmul_packed(x, x, value, out)


def test_a_matrix_is_no_kernel():
    matrix = _core.PackedOperand(np.zeros((4, 2), np.uint64), np.zeros((4, 2), np.uint64))
    with pytest.raises(ValueError, match=r"^w must have the axes \[KH, KW, C, O\]"):
        _core.rss_conv2d_packed(*np.zeros((2, 1, 4, 4, 2), np.uint64), matrix, np.zeros((1, 2, 2, 2), np.uint64))
    kernel = _core.PackedOperand(*np.zeros((2, 3, 3, 2, 2), np.uint64))
    with pytest.raises(ValueError, match=r"^y must have the axes \[K, N\]"):
        _core.rss_matmul_packed(*np.zeros((2, 6, 4), np.uint64), kernel, np.zeros((6, 2), np.uint64))
    empty = _core.PackedOperand(*np.zeros((2, 0, 3, 2, 2), np.uint64))
    with pytest.raises(ValueError, match=r"^w must be at least 1 x 1"):
        _core.rss_conv2d_packed(*np.zeros((2, 1, 4, 4, 2), np.uint64), empty, np.zeros((1, 5, 2, 2), np.uint64))
