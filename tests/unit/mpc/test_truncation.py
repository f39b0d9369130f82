from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import InputError
from trine.mpc.truncation import truncate


def additive(party, x):
    """The same value as unmasked additive parts, as a product leaves them."""
    return x.a


@given(st.data())
def test_off_by_less_than_one_unit_and_never_wrapped(new_three, data):
    width = data.draw(st.integers(2, 63))
    shift = data.draw(st.integers(1, width - 1))
    out_width = data.draw(st.integers(max(2, width - shift + 1), 64))
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - (1 << shift) - 1
    edges = st.sampled_from([low, low + 1, -1, 0, 1, max(low, -(1 << shift)), high - 1, high])
    values = data.draw(st.lists(st.one_of(edges, st.integers(low, max(low, high))), min_size=1, max_size=30))
    values = [v for v in values if low <= v <= high] or [low]
    three = new_three(data.draw(st.integers(0, 1000)))
    x = three.share(values)
    for shares in (x, three.session.each(additive, x)):
        for value, result in zip(
            values, three.run(truncate, shares, shift, width, out_width, width=out_width), strict=True
        ):
            assert int(result) - (value >> shift) in (0, 1)
            assert abs(Fraction(value, 1 << shift) - int(result)) < 1


def test_exact_multiples_are_exact(three):
    values = np.arange(-500, 500) << 20
    assert np.array_equal(three.run(truncate, three.share(values), 20, 40), values >> 20)


def test_the_mean_error_is_zero(three):
    # the fraction cut off is 0.3, so the result is the larger with chance 0.3: 5 sigma of 10^5 draws is 0.0073
    values = np.full(100_000, 7 * 1000 + 300)
    scaled = (values * 65536) // 1000
    result = three.run(truncate, three.share(scaled), 16, 40)
    assert set(result.tolist()) == {7, 8}
    assert abs((result == 8).mean() - 0.3) < 0.0073


@pytest.mark.parametrize(("shift", "width"), [(0, 40), (40, 40), (41, 40), (1, 64), (-1, 20)])
def test_impossible_truncations(three, shift, width):
    with pytest.raises(InputError, match="shift < width <= 63"):
        three.run(truncate, three.share([1]), shift, width)
