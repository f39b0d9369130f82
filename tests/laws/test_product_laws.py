"""Products of matrices, whatever the numbers: the laws of a ring, and the same bits from every code path."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trine import _core
from trine.ring.field import SEED_PRIME

# Nothing (Z_2^64), and primes on both sides of where the field's kernels change.
MODULI = [None, 3, SEED_PRIME, 2**50 - 27, 2**50 + 55, 2**52 - 47, 2**52 + 21, 2**62 - 57]

law = settings(deadline=None, max_examples=60)
moduli = st.sampled_from(MODULI)
runs = st.fixed_dictionaries({"isa": st.sampled_from(["auto", *_core.available_isas()]), "threads": st.integers(1, 4)})
sides, long_sides = st.integers(0, 30), st.integers(0, 1200)


def elements(modulus):
    return st.integers(0, (modulus or 2**64) - 1)


def matrix(modulus, rows, columns):
    return arrays(np.uint64, (rows, columns), elements=elements(modulus), fill=elements(modulus))


def product(a, b, modulus, run):
    out = np.empty((a.shape[0], b.shape[1]), np.uint64)
    if modulus is None:
        _core.z2k_matmul(a, b, out, **run)
    else:
        _core.field_matmul(a, b, modulus, out, **run)
    return out


def total(a, b, modulus):
    """Exact: in Python integers."""
    return ((a.astype(object) + b) % (modulus or 2**64)).astype(np.uint64)


@law
@given(st.data(), moduli, runs, runs, sides, long_sides, sides)
def test_every_path_gives_the_same_bits(data, modulus, one, other, m, k, n):
    a, b = data.draw(matrix(modulus, m, k)), data.draw(matrix(modulus, k, n))
    exact = ((a.astype(object) @ b.astype(object)) % (modulus or 2**64)).astype(np.uint64) if k else 0
    for run in (one, other):
        assert np.all(product(a, b, modulus, run) == exact)


@law
@given(st.data(), moduli, runs, sides, sides, sides)
def test_products_distribute_over_sums(data, modulus, run, m, k, n):
    a, b, c = (data.draw(matrix(modulus, *shape)) for shape in [(m, k), (m, k), (k, n)])
    apart = total(product(a, c, modulus, run), product(b, c, modulus, run), modulus)
    assert np.array_equal(product(total(a, b, modulus), c, modulus, run), apart)


@law
@given(st.data(), moduli, runs, sides, sides, sides, sides)
def test_products_associate(data, modulus, run, m, k, n, p):
    a, b, c = (data.draw(matrix(modulus, *shape)) for shape in [(m, k), (k, n), (n, p)])
    left = product(product(a, b, modulus, run), c, modulus, run)
    assert np.array_equal(left, product(a, product(b, c, modulus, run), modulus, run))


@law
@given(st.data(), runs, sides, sides, sides)
def test_packed_operands_change_nothing(data, run, m, k, n):
    xa, xb, ya, yb = (data.draw(matrix(None, *shape)) for shape in [(m, k), (m, k), (k, n), (k, n)])
    plain, packed = np.empty((2, m, n), np.uint64)
    _core.rss_matmul(xa, xb, ya, yb, plain, **run)
    operand = _core.PackedOperand(ya, yb, isa=run["isa"])
    _core.rss_matmul_packed(xa, xb, operand, packed, threads=run["threads"])
    assert np.array_equal(packed, plain)
