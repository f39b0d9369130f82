import numpy as np
import pytest

from trine.mpc.bits import to_planes
from trine.mpc.known import known_product

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("count", [1, 64, 130])
@pytest.mark.parametrize("width", [1, 3, 21, 64])
@pytest.mark.parametrize("signs", [False, True])
def test_product_of_what_one_knows_with_what_two_know(three, count, width, signs):
    left, right = RNG.integers(0, 2, (2, count))
    planes = [to_planes(bits.view(np.uint64), 0, 1)[0] for bits in (left, right)]

    def product(party):
        return (yield from known_product(party, planes[party.index != 1], (count,), width, signs=signs))

    expected = left * ((1 - 2 * right) if signs else right)
    unused = np.int64(64 - width)
    assert np.array_equal(three.run(product, width=width), expected << unused >> unused)
    assert three.session.cost.rounds == 2
