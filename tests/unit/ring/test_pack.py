import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trine.ring.pack import low_bits, pack, packed_size, unpack


@given(st.integers(1, 64), st.lists(st.integers(0, 2**64 - 1), max_size=70))
def test_low_bits_travel_back_to_back(width, values):
    x = np.array(values, np.uint64)
    data = pack(x, width)
    assert data.size == packed_size(x.size, width)
    bits = sum((v & ((1 << width) - 1)) << (i * width) for i, v in enumerate(values))
    assert int.from_bytes(data.tobytes(), "little") == bits
    assert np.array_equal(unpack(data, x.shape, width), low_bits(x, width))


def test_shapes_and_strides():
    x = np.arange(24, dtype=np.uint64).reshape(4, 6)[:, ::2]
    assert np.array_equal(unpack(pack(x, 64), (4, 3), 64), x)
    assert np.array_equal(unpack(pack(x, 5), (4, 3), 5), x)
