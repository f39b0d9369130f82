import operator
import pickle

import numpy as np
import pytest

import trine
from trine.errors import DtypeError, InputError, NotFiniteError, RangeError, ShapeError
from trine.mpc.secret import LARGEST, Secret

RNG = np.random.default_rng(4)
ULP = 2.0**-16


@pytest.fixture
def parties():
    return trine.local()


def close(secret, expected, units=1.0):
    result = secret.reveal()
    assert result.shape == np.shape(expected)
    assert np.abs(result - expected).max(initial=0) <= units * ULP


X = np.round(RNG.normal(0, 3, (4, 5)) * 65536) / 65536
Y = np.round(RNG.normal(0, 3, (4, 5)) * 65536) / 65536


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul])
def test_arithmetic_between_secrets_and_with_constants(parties, op):
    x, y = parties.share(X), parties.share(Y)
    close(op(x, y), op(X, Y))
    close(op(x, Y), op(X, Y), 4)  # the constant itself is rounded to 16 bits before the product
    close(op(Y, x), op(Y, X), 4)
    close(op(x, 3), op(X, 3))
    close(op(2, x), op(2, X))
    close(op(x, y[0]), op(X, Y[0]))


def test_integers_stay_exact(parties):
    a, b = RNG.integers(-1000, 1000, (2, 30))
    x, y = parties.share(a), parties.share(b)
    for secret, expected in ((x * y, a * b), (x + y, a + b), (x - 7, a - 7), (-x, -a), (x * 5, a * 5)):
        result = secret.reveal()
        assert result.dtype == np.int64
        assert np.array_equal(result, expected)
    close(x * 0.5, a * 0.5)
    close(x + 0.5, a + 0.5)
    close(x + parties.share(np.full(30, 0.25)), a + 0.25)


def test_products_of_integers_and_fractions_need_no_truncation(parties):
    bits, x = parties.share([0, 1, 1, 0]), parties.share([1.5, 2.5, -3.5, 4.5])
    before = parties.cost
    close(bits * x, [0, 2.5, -3.5, 0], 0)
    assert parties.cost.rounds - before.rounds == 2  # the product and the reveal


def test_matrix_products_and_convolutions(parties):
    a, b = RNG.normal(0, 1, (6, 20)), RNG.normal(0, 1, (20, 3))
    close(parties.share(a) @ parties.share(b), a @ b, 30)
    image, kernel = RNG.normal(0, 1, (2, 5, 5, 3)), RNG.normal(0, 1, (3, 3, 3, 4))
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), (1, 2))
    expected = np.einsum("nijckl,klco->nijo", windows, kernel)
    close(parties.share(image).conv2d(parties.share(kernel)), expected, 50)


def test_shapes_and_sums(parties):
    x = parties.share(X)
    close(x.sum(), X.sum(), 0)
    close(x.sum(axis=0), X.sum(0), 0)
    close(x.sum(axis=(0, 1)), X.sum(), 0)
    close(x.mean(axis=1), X.mean(1), 3)
    close(x.T, X.T, 0)
    close(x.reshape(2, 10), X.reshape(2, 10), 0)
    close(x[1:3, ::2], X[1:3, ::2], 0)
    close(x / 4, X / 4)
    close(x / Y, X / Y, 3 + np.abs(X).max() * 2)


def test_comparisons(parties):
    a, b = np.round(X), np.round(Y)
    x, y = parties.share(a, bound=64), parties.share(b, bound=64)
    for op in (operator.lt, operator.le, operator.gt, operator.ge):
        assert np.array_equal(op(x, y).reveal(), op(a, b))
        assert np.array_equal(op(x, 1.0).reveal(), op(a, 1.0))
    close(x.relu(), np.maximum(a, 0), 0)
    close(x.max(), a.max(-1), 0)
    assert np.array_equal(x.argmax().reveal(), a.argmax(-1))
    close((x > y).select(x, y), np.maximum(a, b), 0)
    assert ((x > y).sum() * 2).reveal() == 2 * (a > b).sum()


def test_reveal_to_one_party(parties):
    assert np.array_equal(parties.share([1.0, 2.0]).reveal(to=1), [1.0, 2.0])


def test_bounds_follow_the_arithmetic(parties):
    x = parties.share([0.5], bound=1.0)
    assert (x.bound, x.width) == (65536, 18)
    assert (x + x).bound == 2 * 65536
    assert (x + 2).bound == 3 * 65536
    assert (x * x).bound == 65537
    assert x[[0, 0, 0]].sum().bound == 3 * 65536
    assert (x * 3).bound == 3 * 65536
    assert (x >= 0).width == 2


def test_tighter_bounds_make_comparisons_cheaper(parties):
    def cost(x):
        before = parties.cost
        x.relu()
        return parties.cost.bytes - before.bytes

    values = np.zeros(1000)
    assert cost(parties.share(values, bound=1)) < cost(parties.share(values)) - 15_000


def test_unknown_bounds_fall_back_to_the_full_width(parties):
    x = parties.share([2.0**14, -(2.0**14)])
    product = (x * x) * 2.0**-10
    assert product.bound <= LARGEST
    close(product, [2.0**18, 2.0**18])
    assert np.array_equal((product - 2.0**18 >= -1).reveal(), [1, 1])


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda p: p.share([np.nan]), NotFiniteError),
        (lambda p: p.share([1e12]), RangeError),
        (lambda p: p.share([2.0], bound=1.0), RangeError),
        (lambda p: p.share(["x"]), DtypeError),
        (lambda p: p.share([1j]), DtypeError),
        (lambda p: p.share([1.0], shape=(2,)), ShapeError),
        (lambda p: p.share(None), InputError),
        (lambda p: p.share([1.0]) / 0, RangeError),
        (lambda p: p.share([[1.0]]) @ np.eye(1), DtypeError),
        (lambda p: p.share([1.0]) @ p.share([1.0]), ShapeError),
        (lambda p: p.share([2]).select(p.share([1]), p.share([1])), InputError),
        (lambda p: p.share([1.0]) + np.inf, NotFiniteError),
        (lambda p: p.share([1.0]) * 1e20, RangeError),
        (lambda p: p.share([1.0, 2.0]) * p.share([1.0, 2.0, 3.0]), ShapeError),
        (lambda p: p.share([1.0, 2.0]) + p.share([1.0, 2.0, 3.0]), ShapeError),
        (lambda p: p.share([1.0, 2.0]) - [1.0, 2.0, 3.0], ShapeError),
    ],
)
def test_what_cannot_be_done_says_so(parties, make, error):
    with pytest.raises(error):
        make(parties)


def test_secrets_do_not_slip_out(parties):
    x = parties.share([42.0])
    assert "42" not in repr(x)
    for leak in (bool, pickle.dumps, hash, lambda s: s == s):
        with pytest.raises(TypeError):
            leak(x)
    assert isinstance(np.float64(2.0) * x, Secret)
    assert isinstance(np.ones(1) + x, Secret)
