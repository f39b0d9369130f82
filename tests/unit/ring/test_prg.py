import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from trine.errors import InputError
from trine.ring import Prg

KEY = bytes(range(16))


def keystream(stream, count):
    counter = stream.to_bytes(8, "big") + bytes(8)
    encryptor = Cipher(algorithms.AES(KEY), modes.CTR(counter)).encryptor()
    return np.frombuffer(encryptor.update(bytes(8 * count)), "<u8")


def test_draws_are_aes_ctr_with_a_stream_each():
    prg = Prg(KEY)
    for stream, count in enumerate([1, 5, 1000, 3]):
        assert np.array_equal(prg.uint64(count), keystream(stream, count))


def test_field_draws_take_streams_too():
    prg, prime = Prg(KEY), 78090573363827
    masked = [int(w) & ((1 << 47) - 1) for w in keystream(0, 200)]
    expected = [w for w in masked if w < prime][:50]
    assert prg.field(50, prime).tolist() == expected
    assert prg.uint64(2).tolist() == keystream(1, 2).tolist()


def test_fresh_keys_differ():
    assert not (Prg.fresh().uint64(4) == Prg.fresh().uint64(4)).any()


@pytest.mark.parametrize("key", [b"", bytes(15), bytes(17)])
def test_keys_have_16_bytes(key):
    with pytest.raises(InputError, match="16 bytes"):
        Prg(key)
