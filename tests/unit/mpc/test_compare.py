import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import InputError, ShapeError
from trine.mpc import PerParty
from trine.mpc.compare import argmax, maximum, nonnegative, rectify, relu, select, sign_products

RNG = np.random.default_rng(3)


def edges(width, count=130):
    """Every corner of the signed ``width``-bit numbers, and some of what lies between."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    corners = {low, low + 1, -1, 0, 1, high - 1, high} & set(
        range(low, high + 1) if width < 4 else [low, low + 1, -1, 0, 1, high - 1, high]
    )
    random = RNG.integers(low, high, count, endpoint=True)
    return np.concatenate([np.array(sorted(corners), np.int64), random])


@pytest.mark.parametrize("width", range(1, 65))
def test_signs_at_every_width(new_three, width):
    three = new_three(width)
    x = edges(width)
    assert np.array_equal(three.run(nonnegative, three.share(x), width), x >= 0)
    out = max(width, 2)
    assert np.array_equal(three.run(relu, three.share(x), width, out, width=out), np.maximum(x, 0))


@given(st.data())
def test_rectify_is_relu_after_truncation(new_three, data):
    width = data.draw(st.integers(3, 63))
    shift = data.draw(st.integers(1, width - 2))
    out_width = data.draw(st.integers(width - shift + 1, 64))
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - (1 << shift) - 1
    x = np.array([low, low + 1, -1, 0, 1, high - 1, high, *RNG.integers(low, high, 60)], np.int64).clip(low, high)
    three = new_three(data.draw(st.integers(0, 1000)))
    shares = three.share(x)
    for given_as in (shares, three.session.each(lambda party, s: s.a, shares)):
        result = three.run(rectify, given_as, shift, width, out_width, width=out_width)
        error = result - np.maximum(x >> shift, 0)
        assert np.isin(error, [0, 1]).all()
        assert not result[x < -(1 << shift)].any()


def test_sign_products_take_several_values(three):
    x = RNG.integers(-1000, 1000, (3, 5))
    values = RNG.integers(-(2**62), 2**62, (4, 3, 5))
    result = three.run(sign_products, three.share(x), three.share(values), 11)
    assert np.array_equal(result, (x >= 0) * values)


def test_select(three):
    bit, a, b = RNG.integers(0, 2, 50), RNG.integers(-9, 9, 50), RNG.integers(-9, 9, 50)
    assert np.array_equal(three.run(select, *map(three.share, (bit, a, b))), np.where(bit, a, b))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 13])
def test_maximum_and_argmax(three, count):
    x = RNG.integers(-4, 4, (20, count))  # many ties
    assert np.array_equal(three.run(maximum, three.share(x), 5), x.max(-1))
    index, value = zip(*three.session.call(argmax, three.share(x), 5), strict=True)
    assert np.array_equal(three.open(PerParty(index)), x.argmax(-1))
    assert np.array_equal(three.open(PerParty(value)), x.max(-1))


def test_empty_arrays(three):
    assert three.run(relu, three.share(np.zeros((0, 3)))).shape == (0, 3)
    with pytest.raises(ShapeError, match="largest"):
        three.run(maximum, three.share(np.zeros((3, 0))))


def test_impossible_widths(three):
    with pytest.raises(InputError, match="1 to 64"):
        three.run(nonnegative, three.share([1]), 65)
    with pytest.raises(InputError, match="shift < width - 1"):
        three.run(rectify, three.share([1]), 20, 21)
