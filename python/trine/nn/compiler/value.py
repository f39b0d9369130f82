"""What the compiler knows of a value on its way through the plan: its number, form, format and bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trine.errors import RangeError

__all__ = ["WIDEST", "Reals", "Value"]

Reals = NDArray[np.float64]
WIDEST = 63


@dataclass(frozen=True)
class Value:
    """A value of the plan; what it stands for is units * 2^-fraction * gain.

    Attributes:
        number: the plan's.
        additive: whether it is in additive parts.
        fraction: fractional bits; below zero for what is large and coarse.
        gain: what it is still to be multiplied by, above 1/2 and up to 1: powers of two go into the fraction.
        low: least units possible, (1, *shape).
        high: greatest units possible.
    """

    number: int
    additive: bool
    fraction: int
    gain: float
    low: Reals
    high: Reals

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape for one input of the model."""
        return self.low.shape[1:]

    @property
    def largest(self) -> float:
        """No value is larger than this in size, in units."""
        return max(-float(self.low.min()), float(self.high.max()))

    def width(self, label: str, shift: int = 0) -> int:
        """Signed bits that hold every possible value, and what truncation by ``shift`` asks for above it.

        Raises:
            RangeError: they are more than 63.
        """
        largest = max(-float(self.low.min()), float(self.high.max()) + (1 << shift))
        if largest < 2.0 ** (WIDEST - 1):
            return int(largest).bit_length() + 1
        raise RangeError(
            f"{label}: its values may need {math.ceil(math.log2(largest)) + 1} bits, {self.fraction} of them "
            f"fractional; {WIDEST} are there. Declare how large values really become by nn.calibrate(model, samples), "
            "or use fewer fractional bits, a smaller input range or smaller weights"
        )

    def times(self, factor: float) -> Value:
        """Multiplied by a positive public number: the units stay as they are, so nothing is lost and nothing costs."""
        mantissa, exponent = math.frexp(self.gain * factor)
        if mantissa == 0.5:
            mantissa, exponent = 1.0, exponent - 1
        return replace(self, gain=mantissa, fraction=self.fraction - exponent)

    def mapped(self, number: int, rearrange: Callable[[Reals], Reals]) -> Value:
        """After a step that moves values about, or sums them."""
        return replace(self, number=number, low=rearrange(self.low), high=rearrange(self.high))

    def within(self, low: float, high: float) -> Value:
        """With the bounds that are declared for it, where those are tighter."""
        scale = 2.0**self.fraction / self.gain
        least, greatest = math.floor(low * scale), math.ceil(high * scale)
        lows, highs = np.clip(self.low, least, greatest), np.clip(self.high, least, greatest)
        return replace(self, low=lows, high=highs)
