"""Every operation's declared rounds and bytes are those that the channel counts."""

import numpy as np
import pytest

from trine.mpc import compare, cost
from trine.mpc.arithmetic import multiply
from trine.mpc.share import input_from, reveal, reveal_to
from trine.mpc.truncation import truncate


def counted(three, protocol, *args):
    before = three.session.cost
    three.session.call(protocol, *args)
    after = three.session.cost
    return after.rounds - before.rounds, after.bytes - before.bytes


def declared(cost):
    return cost.rounds, cost.bytes


COUNTS = [1, 63, 64, 65, 1000]
WIDTHS = [1, 2, 5, 6, 16, 17, 32, 33, 40, 63, 64]


@pytest.mark.parametrize("n", COUNTS)
def test_sharing_and_products(three, n):
    x = three.share(np.ones(n))
    assert counted(three, input_from, 1, np.zeros(n, np.uint64), (n,)) == declared(cost.input_from(n))
    for width in (1, 13, 64):
        assert counted(three, reveal, x, width) == declared(cost.reveal(n, width))
        assert counted(three, reveal_to, x, 2, width) == declared(cost.reveal_to(n, width))
        assert counted(three, multiply, x, x, width) == declared(cost.reshare(n, width))
    assert counted(three, compare.select, x, x, x) == declared(cost.reshare(n))


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("width", WIDTHS)
def test_comparisons(three, n, width):
    x = three.share(np.zeros(n))
    for out in (8, 64):
        assert counted(three, compare.nonnegative, x, width, out) == declared(cost.nonnegative(n, width, out))
        assert counted(three, compare.relu, x, width, out) == declared(cost.relu(n, width, out))
    twice = three.share(np.zeros((2, n)))
    assert counted(three, compare.sign_products, x, twice, width) == declared(cost.sign_products(n, 2, width))


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize(("shift", "width"), [(1, 3), (16, 18), (16, 40), (18, 63), (30, 50)])
@pytest.mark.parametrize("out", [20, 44, 64])
def test_truncations(three, n, shift, width, out):
    x = three.share(np.zeros(n))
    part = three.session.each(lambda party, s: s.a, x)
    for shares, additive in ((x, False), (part, True)):
        assert counted(three, truncate, shares, shift, width, out) == declared(
            cost.truncate(n, shift, width, out, additive)
        )
        assert counted(three, compare.rectify, shares, shift, width, out) == declared(
            cost.rectify(n, shift, width, out, additive)
        )


@pytest.mark.parametrize(("rows", "n"), [(1, 1), (3, 2), (10, 10), (7, 33)])
def test_tournaments(three, rows, n):
    x = three.share(np.zeros((rows, n)))
    assert counted(three, compare.maximum, x, 20) == declared(cost.maximum(rows, n, 20))
    assert counted(three, compare.argmax, x, 20) == declared(cost.argmax(rows, n, 20))


def test_what_the_readme_says():
    """Figures quoted in text: bytes an element, exactly."""
    assert declared(cost.truncate(64_000, 16)) == (2, 64_000 * 30.25)
    assert declared(cost.truncate(64_000, 16, additive=False)) == (2, 64_000 * 22.25)
    assert declared(cost.relu(10**6, 32))[1] / 10**6 < 90
