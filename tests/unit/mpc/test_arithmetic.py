import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import ShapeError
from trine.mpc.arithmetic import local_conv2d, local_matmul, multiply, pack_operand, reshare

RNG = np.random.default_rng(2)


def words(*shape):
    return RNG.integers(0, 2**64, shape, dtype=np.uint64).view(np.int64)


@given(st.data())
def test_products_modulo_two_to_the_64(new_three, data):
    shape_x, shape_y = data.draw(
        st.sampled_from([((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 4)), ((), (5,)), ((0,), (1,))])
    )
    elements = st.integers(-(2**63), 2**63 - 1)
    x, y = (
        np.array(data.draw(st.lists(elements, min_size=n, max_size=n)), np.int64).reshape(shape)
        for shape in (shape_x, shape_y)
        for n in [int(np.prod(shape))]
    )
    three = new_three()
    with np.errstate(over="ignore"):
        expected = x * y
    assert np.array_equal(three.run(multiply, three.share(x), three.share(y)), expected)


@pytest.mark.parametrize("width", [1, 7, 32, 63, 64])
def test_reshare_keeps_the_value_modulo_its_width(three, width):
    x, y = words(50), words(50)
    with np.errstate(over="ignore"):
        expected = (x * y) << np.int64(64 - width) >> np.int64(64 - width)
    assert np.array_equal(three.run(multiply, three.share(x), three.share(y), width, width=width), expected)


operands = pytest.mark.parametrize("operand", [lambda y: y, pack_operand], ids=["plain", "packed"])


@operands
def test_matmul(three, operand):
    x, y = words(5, 7), words(7, 3)
    part = three.session.each(lambda party, a, b: local_matmul(a, operand(b)), three.share(x), three.share(y))
    assert np.array_equal(three.run(reshare, part), x @ y)
    with pytest.raises(ShapeError, match=r"\(5, 7\) and \(5, 7\)"):
        three.session.each(lambda party, a, b: local_matmul(a, operand(b)), three.share(x), three.share(x))


@operands
@pytest.mark.parametrize(("stride", "padding"), [((1, 1), (0, 0, 0, 0)), ((2, 3), (1, 0, 2, 1))])
def test_conv2d(three, operand, stride, padding):
    x, w = words(2, 6, 7, 3), words(3, 2, 3, 4)
    part = three.session.each(
        lambda party, a, b: local_conv2d(a, operand(b), stride, padding), three.share(x), three.share(w)
    )
    top, bottom, left, right = padding
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 2), (1, 2))[:, :: stride[0], :: stride[1]]
    expected = np.einsum("nijckl,klco->nijo", windows, w)
    assert np.array_equal(three.run(reshare, part), expected)


@pytest.mark.parametrize(
    ("x", "w", "stride", "padding"),
    [
        ((1, 4, 4, 2), (3, 3, 3, 1), (1, 1), (0, 0, 0, 0)),
        ((1, 2, 4, 1), (3, 3, 1, 1), (1, 1), (0, 0, 0, 0)),
        ((1, 4, 4, 1), (3, 3, 1, 1), (0, 1), (0, 0, 0, 0)),
        ((1, 4, 4, 1), (3, 3, 1, 1), (1, 1), (-1, 0, 0, 0)),
        ((4, 4, 1), (3, 3, 1, 1), (1, 1), (0, 0, 0, 0)),
    ],
)
@operands
def test_impossible_convolutions(three, operand, x, w, stride, padding):
    with pytest.raises(ShapeError):
        three.session.each(
            lambda party, a, b: local_conv2d(a, operand(b), stride, padding),
            three.share(np.zeros(x)),
            three.share(np.zeros(w)),
        )
