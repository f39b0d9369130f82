import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import DtypeError, InputError, NotFiniteError, RangeError
from trine.ring import FixedPoint


@given(st.integers(0, 30), st.data())
def test_rounding_is_to_half_a_unit(fraction, data):
    form = FixedPoint(fraction)
    limit = np.nextafter(form.limit, 0)
    values = data.draw(st.lists(st.floats(-limit, limit), max_size=20))
    decoded = form.decode(form.encode(values))
    assert (np.abs(decoded - values) <= 2.0 ** -(fraction + 1)).all()


@given(st.integers(0, 30), st.lists(st.integers(-(2**50), 2**50)))
def test_elements_there_and_back(fraction, units):
    form = FixedPoint(fraction)
    values = [u * 2.0**-fraction for u in units if abs(u) < form.limit * 2.0**fraction]
    encoded = form.encode(values)
    assert encoded.view(np.int64).tolist() == [int(v * 2**fraction) for v in values]
    assert form.decode(encoded).tolist() == values


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (1, 0, 4)])
def test_shapes_are_kept(shape):
    form = FixedPoint()
    assert form.encode(np.ones(shape)).shape == shape
    assert form.decode(form.encode(np.ones(shape))).shape == shape


def test_strided_and_small_dtypes():
    form = FixedPoint()
    assert form.encode(np.arange(10, dtype=np.int8)[::3]).tolist() == [0, 3 << 16, 6 << 16, 9 << 16]
    assert form.encode(np.asfortranarray(np.eye(2, dtype=np.float32))).tolist() == [[65536, 0], [0, 65536]]
    assert form.encode([True, False]).tolist() == [65536, 0]


@pytest.mark.parametrize(
    ("x", "bound", "error"),
    [
        ([np.nan], None, NotFiniteError),
        ([1.0, np.inf], None, NotFiniteError),
        ([2.0**30], None, RangeError),
        ([-(2.0**30)], None, RangeError),
        ([1.5], 1.0, RangeError),
        ([2.0**31], 2.0**40, RangeError),
        ("seven", None, DtypeError),
        ([1 + 1j], None, DtypeError),
        ([[1], [1, 2]], None, DtypeError),
        ([None], None, DtypeError),
    ],
)
def test_what_does_not_fit_is_refused(x, bound, error):
    with pytest.raises(error):
        FixedPoint().encode(x, bound)


def test_refusals_do_not_say_the_value():
    with pytest.raises(RangeError) as refused:
        FixedPoint().encode([123456789012.0])
    assert "1234" not in str(refused.value)


@pytest.mark.parametrize("fraction", [-1, 31])
def test_impossible_formats(fraction):
    with pytest.raises(InputError, match="0 and 30"):
        FixedPoint(fraction)


def test_every_encoded_value_fits_the_width():
    for fraction in range(31):
        form = FixedPoint(fraction)
        largest = form.encode([np.nextafter(form.limit, 0)]).view(np.int64)[0]
        assert abs(int(largest)) <= 1 << (form.width - 1)
