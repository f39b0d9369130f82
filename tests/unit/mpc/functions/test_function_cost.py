"""Every function's declared rounds and bytes are those that the channel counts."""

import numpy as np
import pytest

from trine.mpc import functions
from trine.mpc.functions import cost

COUNTS = [1, 64, 100]
WIDTHS = [12, 21, 30, 47]
SPLINES = ["sigmoid", "tanh", "gelu", "gelu_tanh", "silu", "softplus", "elu"]


def counted(three, protocol, *args):
    before = three.session.cost
    three.session.call(protocol, *args)
    after = three.session.cost
    return after.rounds - before.rounds, after.bytes - before.bytes


def declared(cost):
    return cost.rounds, cost.bytes


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [*SPLINES, "exp", "exp_nonpositive", "reciprocal", "rsqrt", "sqrt", "log"])
def test_elementwise(three, name, width, n):
    x = three.share(np.zeros(n))
    for fraction in (12, 16):
        found = counted(three, getattr(functions, name), x, width, fraction)
        assert found == declared(getattr(cost, name)(n, width, fraction))


@pytest.mark.parametrize("name", ["sigmoid", "gelu", "exp", "reciprocal", "log"])
def test_results_of_fewer_bits(three, name):
    x = three.share(np.zeros(65))
    assert counted(three, getattr(functions, name), x, 40, 16, 40) == declared(getattr(cost, name)(65, 40, 16, 40))


def test_results_with_more_fractional_bits(three):
    x = three.share(np.zeros(65))
    for name in ("rsqrt", "reciprocal"):
        found = counted(three, getattr(functions, name), x, 24, 16, 64, 20)
        assert found == declared(getattr(cost, name)(65, 24, 16, 64, 20))


@pytest.mark.parametrize(("width", "y_width"), [(47, 47), (46, 20), (20, 9), (20, 40)])
def test_division(three, width, y_width):
    x = three.share(np.zeros(70))
    assert counted(three, functions.divide, x, x, width, y_width) == declared(cost.divide(70, width, y_width))


@pytest.mark.parametrize(("rows", "n"), [(1, 1), (3, 2), (5, 10), (2, 300)])
def test_rows(three, rows, n):
    x = three.share(np.zeros((rows, n)))
    assert counted(three, functions.softmax, x, 30, 16) == declared(cost.softmax(rows, n, 30, 16))
    assert counted(three, functions.log_softmax, x, 30, 16) == declared(cost.log_softmax(rows, n, 30, 16))
    if n < 20:
        assert counted(three, functions.sort, x, 30) == declared(cost.sort(rows, n, 30))
        assert counted(three, functions.argsort, x, 30) == declared(cost.argsort(rows, n, 30))
    assert counted(three, functions.topk, x, 1, 30) == declared(cost.topk(rows, n, 1, 30))
