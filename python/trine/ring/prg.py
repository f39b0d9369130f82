"""A keyed stream of pseudo-random numbers (AES-128 in counter mode) in which no position is ever used twice."""

from __future__ import annotations

import secrets
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from trine import _core
from trine.errors import InputError

__all__ = ["KEY_BYTES", "Prg", "Shape"]

KEY_BYTES = 16
Shape = int | tuple[int, ...]


class Prg(_core.Generator):
    """Pseudo-random arrays from a 16-byte key; whoever holds the key draws the same ones in the same order.

    Every draw opens a new 64-bit stream number under the key, and the AES counter block is
    ``stream || block index``, so two draws never share a block. Two parties that hold one key stay
    in step as long as they make the same draws, which a protocol guarantees by construction.

    The output is indistinguishable from uniform as long as AES-128 is a pseudo-random permutation and
    fewer than about 2^60 blocks are drawn under one key (NIST SP 800-38A, section 6.5; the
    bound is the PRP/PRF switching lemma). ``uint64(shape, width)`` gives uniform numbers in [0, 2^width).

    Args:
        key: 16 secret bytes.

    Raises:
        InputError: the key does not have 16 bytes.

    >>> a, b = Prg(bytes(16)), Prg(bytes(16))
    >>> bool((a.uint64(4) == b.uint64(4)).all()), bool((a.uint64(4) == a.uint64(4)).all())
    (True, False)
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise InputError(f"a PRG key has {KEY_BYTES} bytes, not {len(key)}")
        super().__init__(bytes(key))

    @classmethod
    def fresh(cls) -> Prg:
        """A generator with a new key from the operating system's entropy."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def field(self, shape: Shape, prime: int) -> NDArray[np.uint64]:
        """Uniform residues in [0, prime), by rejection, shape as given."""
        out = np.empty(shape, np.uint64)
        self.draw_field(prime, out)
        return out

    def __repr__(self) -> str:
        return f"Prg(<secret>, draws={self.draws})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Prg holds a secret key and is not picklable")
