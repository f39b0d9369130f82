"""Arithmetic modulo primes, against Python integers."""

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trine import _core

# The smallest, the seed's, the two beside 2^50 (two limbs of 25 bits), and the largest.
PRIMES = [3, 5, 78090573363827, 2**50 - 27, 2**50 + 55, 2**61 - 1, 2**62 - 57]
pytestmark = pytest.mark.parametrize("prime", PRIMES)


def residues(array, prime):
    return np.asarray(np.asarray(array, object) % prime, np.uint64)


def is_prime(n):
    """Miller and Rabin with bases that suffice below 3.3 * 10^24 (Sorenson and Webster 2015)."""
    if n < 43:
        return n in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    s = ((n - 1) & (1 - n)).bit_length() - 1
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    chains = [[pow(a, (n - 1) >> (s - i), n) for i in range(s)] for a in bases]
    return all(chain[0] in (1, n - 1) or n - 1 in chain for chain in chains)


def test_these_are_primes(prime):
    assert is_prime(prime)


@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 0), (7, 11), (40001,)])
def test_elementwise(words, run, prime, shape):
    a, b = words(1, *shape, modulus=prime), words(2, *shape, modulus=prime)
    out = np.empty(shape, np.uint64)
    for name, op in [("add", operator.add), ("sub", operator.sub), ("mul", operator.mul)]:
        getattr(_core, f"field_{name}")(a, b, prime, out, **run)
        np.testing.assert_array_equal(out, residues(op(a.astype(object), b.astype(object)), prime))
    _core.field_neg(a, prime, out, **run)
    np.testing.assert_array_equal(out, residues(-a.astype(object), prime))


def test_in_place(words, run, prime):
    a, b = words(1, 501, modulus=prime), words(2, 501, modulus=prime)
    for kernel in (_core.field_add, _core.field_sub, _core.field_mul):
        apart, over = np.empty_like(a), a.copy()
        kernel(a, b, prime, apart, **run)
        kernel(over, b, prime, over, **run)
        np.testing.assert_array_equal(over, apart)


@settings(max_examples=20)
@given(st.integers(0, 12), st.integers(0, 600), st.integers(0, 12), st.integers(0, 2**32))
def test_matmul(words, run, prime, m, k, n, seed):
    a, b = words(seed, m, k, modulus=prime), words(seed + 1, k, n, modulus=prime)
    out = words(seed + 2, m, n)
    _core.field_matmul(a, b, prime, out, **run)
    expected = a.astype(object) @ b.astype(object) if k else np.zeros((m, n), object)
    np.testing.assert_array_equal(out, residues(expected, prime))


def test_matmul_of_the_largest_residues(run, prime):
    a, out = np.full((5, 3000), prime - 1, np.uint64), np.empty((5, 5), np.uint64)
    _core.field_matmul(a, a.reshape(3000, 5), prime, out, **run)
    assert (out == 3000 % prime).all()


def test_conv2d(words, conv2d, run, prime):
    x, w = words(1, 2, 6, 5, 31, modulus=prime), words(2, 3, 3, 31, 4, modulus=prime)
    stride, padding = (2, 1), (1, 0, 2, 1)
    expected = residues(conv2d(x, w, stride, padding, object), prime)
    out = words(3, *expected.shape)
    _core.field_conv2d(x, w, prime, out, stride, padding, **run)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("inner", [1, 6])
def test_sum(words, run, prime, inner):
    a, out = words(1, 5, 90, inner, modulus=prime), words(2, 5, inner)
    _core.field_sum(a, prime, out, **run)
    np.testing.assert_array_equal(out, residues(a.astype(object).sum(axis=1), prime))


def test_sumpool(words, run, prime):
    x, out = words(1, 2, 6, 9, 3, modulus=prime), words(2, 2, 3, 3, 3)
    _core.field_sumpool(x, prime, out, (2, 3), (2, 3), **run)
    windows = x.astype(object).reshape(2, 3, 2, 3, 3, 3)
    np.testing.assert_array_equal(out, residues(windows.sum(axis=(2, 4)), prime))


@pytest.mark.parametrize("outside", ["prime", 2**62, 2**63, 2**64 - 1])
def test_words_that_are_no_residues_are_refused(run, prime, outside):
    good, bad = np.ones((2, 2), np.uint64), np.ones((2, 2), np.uint64)
    bad[1, 0] = prime if outside == "prime" else outside
    for kernel in (_core.field_add, _core.field_sub, _core.field_mul, _core.field_matmul):
        for a, b, name in [(bad, good, "a"), (good, bad, "b")]:
            out = np.full((2, 2), 7, np.uint64)
            with pytest.raises(ValueError, match=rf"^{name} has an element outside \[0, prime\)"):
                kernel(a, b, prime, out, **run)
            assert (out == 7).all()
    with pytest.raises(ValueError, match="a has an element outside"):
        _core.field_neg(bad, prime, good.copy(), **run)
    with pytest.raises(ValueError, match="a has an element outside"):
        _core.field_sum(bad.reshape(1, 2, 2), prime, np.empty((1, 2), np.uint64), **run)
    images, kernels = bad.reshape(1, 2, 2, 1), good.reshape(2, 2, 1, 1)
    with pytest.raises(ValueError, match="x has an element outside"):
        _core.field_sumpool(images, prime, np.empty((1, 1, 1, 1), np.uint64), (2, 2), (1, 1), **run)
    with pytest.raises(ValueError, match="x has an element outside"):
        _core.field_conv2d(images, kernels, prime, np.empty((1, 1, 1, 1), np.uint64), **run)
