"""The generator, against AES in another library's ECB mode."""

import copy
import pickle

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from trine import _core

KEY = bytes(range(16))


def keystream(key, stream, size, block=0):
    """The definition: AES-ECB of the counters, one block after the other."""
    counters = b"".join(stream.to_bytes(8, "big") + (block + i).to_bytes(8, "big") for i in range(-(-size // 16)))
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(counters)[:size]


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1), st.integers(0, 300), st.integers(0, 2**63))
def test_bytes(key, stream, size, block):
    out = np.empty(size, np.uint8)
    _core.Keystream(key).bytes(stream, out, block=block)
    assert out.tobytes() == keystream(key, stream, size, block)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_long_fills_on_any_number_of_threads(threads):
    out = np.empty((3, 350_003), np.uint8)
    _core.Keystream(KEY).bytes(2**64 - 1, out, threads=threads)
    assert out.tobytes() == keystream(KEY, 2**64 - 1, out.size)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5, 7)])
def test_uint64_reads_the_bytes_little_endian(shape):
    out = np.empty(shape, np.uint64)
    _core.Keystream(KEY).uint64(3, out, block=5)
    expected = np.frombuffer(keystream(KEY, 3, out.nbytes, 5), "<u8").reshape(shape)
    np.testing.assert_array_equal(out, expected)


def field_reference(key, stream, prime, count):
    mask = (1 << prime.bit_length()) - 1
    data = keystream(key, stream, 8 * (4 * count + 100))
    candidates = [int.from_bytes(data[i : i + 8], "little") & mask for i in range(0, len(data), 8)]
    return [value for value in candidates if value < prime][:count]


@pytest.mark.parametrize("prime", [3, 5, 257, 65537, 78090573363827, 2**61 - 1, 2**62 - 57])
@pytest.mark.parametrize("count", [0, 1, 600, 2000])
def test_field_keeps_the_words_below_the_prime_in_order(prime, count):
    out = np.empty(count, np.uint64)
    _core.Keystream(KEY).field(11, prime, out)
    assert out.tolist() == field_reference(KEY, 11, prime, count)


@pytest.mark.parametrize("prime", [3, 5, 78090573363827, 2**62 - 57])
def test_field_is_uniform(prime):
    """Chi-squared over at most 16 bins, with a fixed key: the bound is passed by chance once in 10^9 keys."""
    count, bins = 160_000, min(prime, 16)
    out = np.empty(count, np.uint64)
    _core.Keystream(KEY).field(1, prime, out)
    assert out.max() < prime
    observed = np.bincount([int(value) * bins // prime for value in out], minlength=bins)
    chi_squared = ((observed - count / bins) ** 2 / (count / bins)).sum()
    assert chi_squared < 74


def test_a_stream_ends_before_the_next_begins():
    out = np.empty(32, np.uint8)
    _core.Keystream(KEY).bytes(0, out, block=2**64 - 2)
    assert out.tobytes() == keystream(KEY, 0, 32, 2**64 - 2)
    with pytest.raises(ValueError, match="past the last block"):
        _core.Keystream(KEY).bytes(0, out, block=2**64 - 1)
    with pytest.raises(ValueError, match="past the last block"):
        _core.Keystream(KEY).field(0, 3, np.empty(10_000, np.uint64), block=2**64 - 1000)


def test_a_key_serves_many_fills():
    prg, out = _core.Keystream(KEY), np.empty(100, np.uint8)
    for stream, block in [(5, 0), (6, 9), (5, 0), (0, 2**64 - 7)]:
        prg.bytes(stream, out, block=block)
        assert out.tobytes() == keystream(KEY, stream, 100, block)
        prg.field(stream, 257, np.empty(33, np.uint64))


def test_it_shows_nothing_and_cannot_be_copied():
    prg = _core.Keystream(KEY)
    assert repr(prg) == "Keystream(<secret>)"
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickle"):
            copied(prg)


@pytest.mark.parametrize("key", [b"", KEY[:15], KEY + b"x"])
def test_a_key_is_sixteen_bytes(key):
    with pytest.raises(ValueError, match="key must be 16 bytes, not"):
        _core.Keystream(key)


@pytest.mark.parametrize("key", [None, "0123456789abcdef", bytearray(16), np.zeros(16, np.uint8)])
def test_a_key_is_bytes(key):
    with pytest.raises(TypeError, match=r"^key must be bytes$"):
        _core.Keystream(key)


@pytest.mark.parametrize(("name", "low"), [("stream", -1), ("stream", 2**64), ("block", -1), ("block", 2**64)])
def test_counters_are_words(name, low):
    counters = {"stream": 0, "block": 0, name: low}
    with pytest.raises(ValueError, match=f"^{name} must be from 0 to {2**64 - 1}$"):
        _core.Keystream(KEY).bytes(counters["stream"], np.empty(1, np.uint8), block=counters["block"])


def test_an_error_does_not_show_the_key():
    with pytest.raises(ValueError, match="key") as error:
        _core.Keystream(b"secret")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("width", [1, 8, 9, 16, 17, 32, 33, 63, 64])
def test_draws_are_the_low_bits_of_numbers_of_the_least_size(width):
    generator, count = _core.Generator(KEY), 1000
    size = next(size for size in (1, 2, 4, 8) if width <= 8 * size)
    for stream in range(3):
        assert generator.draws == stream
        out = np.empty(count, np.uint64)
        generator.draw(out, width)
        numbers = np.frombuffer(keystream(KEY, stream, count * size), f"<u{size}").astype(np.uint64)
        np.testing.assert_array_equal(out, numbers & np.uint64(2**width - 1))


def test_draws_onto_what_is_there(words):
    generator, base = _core.Generator(KEY), words(1, 600)
    first, second = (np.frombuffer(keystream(KEY, stream, 4800), "<u8") for stream in (0, 1))
    less, mixed = base.copy(), base.copy()
    generator.subtract(less)
    generator.exclusive_or(mixed)
    np.testing.assert_array_equal(less, base - first)
    np.testing.assert_array_equal(mixed, base ^ second)


def test_a_generator_is_not_copied_or_pickled():
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(_core.Generator(KEY))
    with pytest.raises(TypeError, match="pickle"):
        copy.copy(_core.Generator(KEY))
