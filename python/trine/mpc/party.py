"""One of the three parties in one computation: its number, its keys, and the shares it holds.

A value x of Z_2^64 is shared as x = x_0 + x_1 + x_2; party i holds x_i and x_{i+1} (indices modulo 3), so
share x_j is known to parties j-1 and j, and any one party lacks exactly one share. PRF keys are held in the same
way: key j is common to parties j-1 and j. (Araki, Furukawa, Lindell, Nof & Ohara, CCS 2016, sections 2 and 3.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trine.errors import InputError
from trine.net import PARTIES
from trine.ring import Prg
from trine.ring.prg import Shape

__all__ = ["Party", "Replicated", "Ring", "place", "shares_of"]

Ring = NDArray[np.uint64]


@dataclass(slots=True, eq=False, repr=False)
class Replicated:
    """What party i holds of a shared array: ``a`` is x_i and ``b`` is x_{i+1}, uint64 of one shape.

    Shares of bits use the same form, with exclusive or in the place of addition.
    """

    a: Ring
    b: Ring

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the shared array."""
        return self.a.shape

    def map(self, linear: Callable[[Ring], Ring]) -> Replicated:
        """Apply a linear function (or a mere rearrangement) to the shared array; local."""
        return Replicated(linear(self.a), linear(self.b))

    def __add__(self, other: Replicated) -> Replicated:
        return Replicated(self.a + other.a, self.b + other.b)

    def __sub__(self, other: Replicated) -> Replicated:
        return Replicated(self.a - other.a, self.b - other.b)

    def __repr__(self) -> str:
        return f"Replicated(shape={self.shape})"


class Party:
    """The state a party keeps for one computation.

    Both holders of a common key must draw from it in the same order. Protocols may run side by side, so each makes
    its draws in the same round at both holders (mostly: before its first round).

    Args:
        index: 0, 1 or 2.
        keys: PRF keys number ``index`` and ``index + 1``, 16 bytes each, used for this computation only.
        private: a PRF key that no other party knows, likewise.
    """

    def __init__(self, index: int, keys: tuple[bytes, bytes], private: bytes) -> None:
        if index not in range(PARTIES):
            raise InputError(f"a party's index is 0, 1 or 2, not {index}")
        self.index = index
        self.next = (index + 1) % PARTIES
        self.previous = (index + 2) % PARTIES
        self.private = Prg(private)
        self._common = {index: Prg(keys[0]), self.next: Prg(keys[1])}

    def common(self, key: int) -> Prg:
        """The generator that this party has in common with one other: number ``index`` or ``index + 1``."""
        return self._common[key]

    @property
    def generators(self) -> tuple[Prg, Prg, Prg]:
        """Those of keys number ``index`` and ``index + 1``, and the private one."""
        return self._common[self.index], self._common[self.next], self.private

    def zero(self, shape: Shape, width: int = 64) -> Ring:
        """This party's part of a fresh sharing of zero: the three parts sum to 0, any two look random modulo 2^width.

        Araki et al. 2016, section 2.2 (correlated randomness without communication).
        """
        part = self._common[self.index].uint64(shape, width)
        self._common[self.next].subtract(part, width)
        return part

    def zero_bits(self, shape: Shape) -> Ring:
        """The same for exclusive or, on 64-bit words."""
        part = self._common[self.index].uint64(shape)
        self._common[self.next].exclusive_or(part)
        return part

    def __repr__(self) -> str:
        return f"Party({self.index})"


def place(party: Party, share: int, value: Ring | None, shape: tuple[int, ...]) -> Replicated:
    """A sharing of a value that both holders of share number ``share`` know: all of it in that share; local.

    Args:
        value: the value, at parties ``share - 1`` and ``share``; ignored at the third, which learns nothing.
    """
    zeros = np.zeros(shape, np.uint64)
    known = zeros if value is None else value
    return Replicated(
        known if party.index == share else zeros,
        known if party.next == share else zeros,
    )


def shares_of(x: Replicated | Ring) -> list[Ring]:
    """What a party holds of a number, contiguous: its two shares, or its additive part."""
    return [np.asarray(share, order="C") for share in ((x.a, x.b) if isinstance(x, Replicated) else (x,))]
