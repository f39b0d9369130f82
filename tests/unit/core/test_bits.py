"""Packing and bit-planes, against one long Python integer and numpy.unpackbits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine import _core

WIDTHS = range(1, 65)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("threads", [1, 3])
def test_pack_is_one_little_endian_integer(words, width, threads):
    for n in (0, 1, 2, 7, 8, 63, 64, 65, 131):
        x, packed = words(n, n), np.full((n * width + 7) // 8, 0xAA, np.uint8)
        _core.bits_pack(x, width, packed, threads=threads)
        string = sum((int(e) % 2**width) << (i * width) for i, e in enumerate(x))
        assert packed.tobytes() == string.to_bytes(len(packed), "little")
        back = _core.bits_unpack(packed, n, width, threads=threads)
        np.testing.assert_array_equal(back, x & np.uint64(2**width - 1))


@given(st.binary(min_size=1, max_size=100), st.integers(1, 64))
def test_unpack_ignores_the_bits_left_over(data, width):
    n = len(data) * 8 // width
    data = np.frombuffer(data, np.uint8)[: (n * width + 7) // 8].copy()
    repacked = np.empty_like(data)
    out = _core.bits_unpack(data, n, width)
    assert [int(e) for e in out] == [
        int.from_bytes(data.tobytes(), "little") >> (i * width) & (2**width - 1) for i in range(n)
    ]
    _core.bits_pack(out, width, repacked)
    if n * width % 8:
        data[-1] &= (1 << n * width % 8) - 1
    np.testing.assert_array_equal(repacked, data)


@pytest.mark.parametrize("width", [1, 7, 8, 31, 32, 33, 63, 64])
def test_threads_change_nothing(words, width):
    x = words(1, 100_003)
    results = []
    for threads in (1, 2, 5):
        packed = np.empty((len(x) * width + 7) // 8, np.uint8)
        planes = np.empty((width, -(-len(x) // 64)), np.uint64)
        joined = np.empty_like(x)
        _core.bits_pack(x, width, packed, threads=threads)
        unpacked = _core.bits_unpack(packed, x.shape, width, threads=threads)
        _core.bits_to_planes(x, planes, threads=threads)
        _core.bits_from_planes(planes, joined, threads=threads)
        np.testing.assert_array_equal(unpacked, x & np.uint64(2**width - 1))
        np.testing.assert_array_equal(joined, unpacked)
        results.append(packed.tobytes() + planes.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 517, 1100])
@pytest.mark.parametrize("width", [1, 5, 32, 64])
def test_planes(words, n, width):
    x, planes, back = words(n, n), words(1, width, -(-n // 64)), words(2, n)
    _core.bits_to_planes(x, planes)
    bits = np.unpackbits(planes.view(np.uint8), axis=1, bitorder="little")
    expected = (x[None, :] >> np.arange(width, dtype=np.uint64)[:, None]) & np.uint64(1)
    np.testing.assert_array_equal(bits[:, :n], expected)
    assert not bits[:, n:].any()
    _core.bits_from_planes(planes, back)
    np.testing.assert_array_equal(back, x & np.uint64(2**width - 1))


@pytest.mark.parametrize("shape", [(), 6, (6,), (2, 3), (0, 4), (1, 2, 3)])
def test_unpacked_arrays_have_any_shape(shape):
    n = int(np.prod(shape))
    out = _core.bits_unpack(np.arange(5 * n, dtype=np.uint8), shape, 40)
    assert out.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert out.size == n


@pytest.mark.parametrize(
    ("shape", "error"),
    [(-1, ValueError), ((2, -3), ValueError), ((2**40, 2**40), ValueError), ("6", TypeError), (6.0, TypeError)],
)
def test_impossible_shapes(shape, error):
    with pytest.raises(error, match="shape"):
        _core.bits_unpack(np.zeros(30, np.uint8), shape, 40)
