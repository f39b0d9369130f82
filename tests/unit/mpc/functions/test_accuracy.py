"""Errors of the secure functions stay within their stated bounds, over the whole format, edges included."""

import numpy as np
import pytest

from trine.bench.functions import FUNCTIONS, UNIT, WIDTH, measure, through
from trine.errors import InputError, ShapeError
from trine.mpc import functions
from trine.mpc.functions.activations import FORMS, spline
from trine.mpc.functions.spline import SCALE

LARGEST = (1 << (WIDTH - 1)) - 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_million_numbers(name):
    x, error, bound = measure(name, 1_000_000)
    assert len(x) >= 1_000_000
    assert (error <= bound).all(), x[(error / bound).argmax()]
    assert (error > bound / 1000).any()  # the bound says something


@pytest.mark.parametrize("name", [name for name in FORMS if name in FUNCTIONS])
@pytest.mark.parametrize("fraction", [10, 16])
def test_every_number_of_a_spline_s_grid(name, fraction):
    """The integers that the protocol computes with, in clear."""
    found = spline(name, fraction)
    reach = 1 << (fraction + found.reach)
    x = np.arange(-reach, reach)
    cells = (x + reach) >> found.grid(WIDTH).low
    starts = np.array([start for start, _ in found.runs])
    rows = found.table[np.searchsorted(starts, cells, side="right") - 1]
    value = np.full(x.shape, found.outside.above << SCALE, np.uint64)
    for power in range(found.degree + 1):
        value += rows[:, power] * (x**power).view(np.uint64)
    real = np.ldexp(value.view(np.int64).astype(np.float64), -SCALE)
    if found.outside.line:
        real += np.ldexp(np.maximum(x, 0), -fraction)
    error = np.abs(real - FUNCTIONS[name].exact(np.ldexp(x, -fraction)))
    assert error.max() <= 2.0 ** -min(15, fraction - 1) * 1.02  # the fit looked at samples


@pytest.mark.parametrize(("fraction", "width"), [(12, 40), (16, 12), (16, 20), (16, 26), (16, 47)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_other_formats_and_widths(name, fraction, width):
    rng = np.random.default_rng(1)
    x = np.exp2(rng.uniform(0, width - 1, 5000)).astype(np.int64)
    x = np.concatenate([x, -x, [(1 << (width - 1)) - 1]] if FUNCTIONS[name].signed else [x])
    unit = 2.0**-fraction
    found = through(lambda party, s: getattr(functions, name)(party, s, width, fraction), x) * unit
    real = x * unit
    exact = np.exp(np.minimum(real, np.log(2.0**30))) if name == "exp" else FUNCTIONS[name].exact(real)
    bound = np.abs(exact) * 2.0 ** (1 - fraction) + 3.1 * unit
    assert (np.abs(found - exact) <= bound).all()


@pytest.mark.parametrize(
    ("name", "inside"), [("log", -16 * np.log(2)), ("rsqrt", 256.0), ("sqrt", 0.0), ("reciprocal", 65536.0)]
)
def test_where_a_function_has_no_value(name, inside):
    x = np.array([0] if name == "reciprocal" else [0, -1, -2, -12345678, -LARGEST, -LARGEST - 1])
    found = through(lambda party, s: getattr(functions, name)(party, s, WIDTH), x) * UNIT
    assert np.abs(found - inside).max() <= 2.0**-18 * abs(inside) + UNIT


def test_the_reciprocal_s_edges():
    x = np.array([1, -1, LARGEST, -LARGEST - 1])
    found = through(lambda party, s: functions.reciprocal(party, s, WIDTH), x)
    assert np.abs(found - [1 << 32, -(1 << 32), 0, 0]).max() <= 1 << 13


def test_reciprocal_roots_of_small_numbers_with_more_bits():
    x = np.unique(np.exp2(np.random.default_rng(0).uniform(0, 20, 20_000)).astype(np.int64))
    found = through(lambda party, s: functions.rsqrt(party, s, 21, 16, 64, 24), x) * 2.0**-24
    exact = 1 / np.sqrt(x * UNIT)
    assert (np.abs(found - exact) <= exact * 2.0**-17 + 2.0**-23).all()


@pytest.mark.parametrize("width", [20, 46, 47])
def test_division_keeps_its_relative_precision(width):
    rng = np.random.default_rng(width)
    x, y = (np.exp2(rng.uniform(0, width - 1, (2, 1_000_000)))).astype(np.int64) * rng.choice([-1, 1], (2, 1_000_000))
    fits = np.abs(x / y) < 2.0**30
    x, y = x[fits], y[fits]
    found = through(lambda party, a, b: functions.divide(party, a, b, width, width), x, y) * UNIT
    bits = min(22, 62 - width)
    assert (np.abs(found - x / y) <= np.abs(x / y) * (2.0 ** (1 - bits) + 2.0**-18) + 1.2 * UNIT).all()


def test_a_quotient_by_zero_is_zero():
    assert not through(
        lambda p, a, b: functions.divide(p, a, b, 47, 47), np.array([5, LARGEST]), np.zeros(2, int)
    ).any()


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize(("n", "spread"), [(1, 1.0), (2, 1.0), (10, 5.0), (10, 2.0**20), (1000, 0.01), (1000, 2.0**20)])
def test_softmax_of_any_logits(n, spread):
    x = np.rint(np.random.default_rng(n).normal(0, spread / 3, (60, n)).clip(-spread, spread) / UNIT).astype(np.int64)
    x[0] = LARGEST
    x[1] = -LARGEST - 1
    x[2], x[2, 0] = -12 << 16, 0
    x[3], x[3, -1] = -LARGEST - 1, LARGEST
    x[4], x[4, 0] = -19 << 16, 0
    found = through(lambda party, s: functions.softmax(party, s, WIDTH), x) * UNIT
    assert np.abs(found - softmax(x * UNIT)).max() <= 1.2 * UNIT
    real = x * UNIT - x.max(-1, keepdims=True) * UNIT
    exact = real - np.log(np.exp(real).sum(-1, keepdims=True))
    found = through(lambda party, s: functions.log_softmax(party, s, WIDTH), x) * UNIT
    assert np.abs(found - exact).max() <= 1.2 * UNIT


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 33])
@pytest.mark.parametrize("bits", [1, 46])
def test_sorting(n, bits):
    x = np.random.default_rng(n).integers(-(1 << bits), 1 << bits, (9, n))

    def half(protocol, index, *args, **options):
        def run(party, s):
            found = yield from protocol(party, s, *args, WIDTH, **options)
            return found[index]

        return through(run, x)

    assert (through(lambda p, s: functions.sort(p, s, WIDTH), x) == np.sort(x)).all()
    assert (through(lambda p, s: functions.sort(p, s, WIDTH, descending=True), x) == np.sort(x)[:, ::-1]).all()
    assert (half(functions.argsort, 1) == np.argsort(x, kind="stable")).all()
    assert (half(functions.argsort, 1, descending=True) == np.argsort(-x, kind="stable")).all()
    for k in {1, (n + 1) // 2, n}:
        first = np.argsort(-x, kind="stable")[:, :k]
        assert (half(functions.topk, 1, k) == first).all()
        assert (half(functions.topk, 0, k) == np.take_along_axis(x, first, -1)).all()


def test_what_cannot_be_done_says_so(three):
    x = three.share(np.zeros((2, 3)))
    for error, protocol, *args in [
        (InputError, functions.sigmoid, 47, 30),
        (InputError, functions.exp_nonpositive, 47, 16, 40),
        (InputError, functions.reciprocal, 63),
        (InputError, functions.reciprocal, 47, 16, 64, 40),
        (InputError, functions.rsqrt, 47, 16, 64, 40),
        (InputError, functions.divide, x, 60, 47),
        (InputError, functions.topk, 4, 47),
        (InputError, functions.topk, 2, 63),
        (ShapeError, functions.sort, 47),
    ]:
        operand = three.share(np.zeros((2, 0))) if error is ShapeError else x
        with pytest.raises(error):
            three.session.call(protocol, operand, *args)
    with pytest.raises(ShapeError):
        three.session.call(functions.softmax, three.share(np.zeros((2, 0))), 47)
