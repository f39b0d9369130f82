from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from trine.net.keys import derive_key

KEY = bytes(range(16))


def test_derived_keys_are_hkdf():
    for label in (b"", b"session 7"):
        assert derive_key(KEY, label) == HKDFExpand(hashes.SHA256(), 16, label).derive(KEY)
