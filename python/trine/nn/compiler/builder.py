"""Writes a plan step by step, and brings values into the form and format that the next step takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from trine.errors import RangeError
from trine.mpc.party import Ring
from trine.nn.compiler.value import WIDEST, Reals, Value
from trine.nn.steps import AddStep, FactorStep, ReshapeStep, Step, TruncateStep
from trine.ring import FixedPoint

__all__ = ["Builder"]

# A value may carry so many more fractional bits than the format has (what pools and pixels of 0 to 255 leave) before it
# is truncated.
EXCESS = 8
# Precision of public factors, in bits, where there is room for it.
FACTOR_BITS = 24


class Builder:
    """The steps and tensors so far.

    Args:
        fraction: the format's fractional bits: of inputs, weights, and values between openings.
    """

    def __init__(self, fraction: int) -> None:
        self.form = FixedPoint(fraction)
        self.fraction = fraction
        self.steps: list[Step] = []
        self.tensors: dict[int, list[Ring]] = {}
        self.sole = True  # whether what the layer at hand takes is taken by nothing else
        self._truncated: dict[tuple[int, int], Value] = {}

    def emit(self, step: Step, tensors: Iterable[Ring] = ()) -> int:
        """Append a step with its secret tensors; returns the number of its value."""
        self.tensors[len(self.steps)] = list(tensors)
        self.steps.append(step)
        return len(self.steps)

    def encode(self, label: str, what: str, values: Reals, fraction: int) -> Ring:
        """Real numbers of the model as ring elements.

        Raises:
            RangeError: they are too large.
        """
        units = np.ldexp(values, fraction)
        if np.abs(units).max(initial=0) >= 2.0**WIDEST:
            raise RangeError(
                f"{label}: {what} do not fit {WIDEST} bits with {fraction} fractional ones; "
                "scale the model or use fewer fractional bits"
            )
        return np.ascontiguousarray(np.rint(units).astype(np.int64).view(np.uint64))

    def truncated(self, label: str, x: Value, fraction: int | None = None) -> Value:
        """With ``fraction`` fractional bits (the format's, if not given) or fewer; replicated."""
        shift = x.fraction - (self.fraction if fraction is None else fraction)
        if shift < 1:
            return self.whole(label, x)
        known = self._truncated.get((x.number, shift))
        if known is None:
            step = TruncateStep((x.number,), shift, x.width(label, shift), 64)
            known = self._truncated[x.number, shift] = self.shifted(x, self.emit(step), shift)
        return replace(known, gain=x.gain)

    def shifted(self, x: Value, number: int, shift: int) -> Value:
        """What an opening that cuts off ``shift`` bits makes of a value."""
        low, high = np.floor(np.ldexp(x.low, -shift)), np.floor(np.ldexp(x.high, -shift)) + 1
        return replace(x, number=number, additive=False, fraction=x.fraction - shift, low=low, high=high)

    def whole(self, label: str, x: Value) -> Value:
        """As a replicated sharing, which products take; with few more fractional bits than the format has."""
        if x.additive and x.fraction <= self.fraction:  # sums of what needs no truncation are brought up to one
            x = self.raised(x, self.fraction + 1 - x.fraction)
        return self.truncated(label, x) if x.additive or x.fraction > self.fraction + EXCESS else x

    def plain(self, label: str, x: Value) -> Value:
        """Replicated, in the format, with nothing left to multiply by: what functions take."""
        x = self.settled(label, x)
        return self.truncated(label, x) if x.additive or x.fraction > self.fraction else x

    def settled(self, label: str, x: Value) -> Value:
        """With its gain multiplied in, as a public integer, and no fewer fractional bits than the format has."""
        if x.gain != 1.0:
            room = WIDEST - 2 - int(max(x.largest, 1.0)).bit_length()
            if room < FACTOR_BITS // 2:
                x = self.truncated(label, x)
                room = WIDEST - 2 - int(max(x.largest, 1.0)).bit_length()
            bits = min(FACTOR_BITS, room)
            scaled = self.multiplied(x, round(math.ldexp(x.gain, bits)))
            x = replace(scaled, gain=1.0, fraction=x.fraction + bits)
        return self.fine(x)

    def fine(self, x: Value) -> Value:
        """With no fewer fractional bits than the format has."""
        return x if x.fraction >= self.fraction else self.raised(x, self.fraction - x.fraction)

    def weight_fraction(self, x: Value) -> int:
        """Fractional bits of what a value is multiplied by: so many that the product has twice the format's."""
        return self.fraction + max(0, self.fraction - x.fraction)

    def multiplied(self, x: Value, factor: int) -> Value:
        """Units times a public integer; local."""
        number = self.emit(FactorStep((x.number,), 0, (factor,)))
        ends = x.low * factor, x.high * factor
        return replace(x, number=number, low=np.minimum(*ends), high=np.maximum(*ends))

    def raised(self, x: Value, bits: int) -> Value:
        """The same value in finer units."""
        number = self.emit(AddStep((x.number,), (bits,)))
        return replace(
            x, number=number, fraction=x.fraction + bits, low=np.ldexp(x.low, bits), high=np.ldexp(x.high, bits)
        )

    def aligned(self, label: str, values: list[Value]) -> tuple[list[Value], tuple[int, ...], int]:
        """Values with one gain, the shifts that bring them to one fraction, and that fraction."""
        if len({x.gain for x in values}) > 1:
            values = [self.settled(label, x) for x in values]
        finest = max(x.fraction for x in values)
        widest = max(x.largest * 2.0 ** (finest - x.fraction) for x in values) * len(values)
        if widest >= 2.0 ** (WIDEST - 2):  # no room to bring the coarse to the fine: the other way round
            values = [self.truncated(label, x) for x in values]
            finest = max(x.fraction for x in values)
        return values, tuple(finest - x.fraction for x in values), finest

    def reshaped(self, x: Value, shape: tuple[int, ...]) -> Value:
        """The same values in another shape."""
        if x.shape == shape:
            return x
        return x.mapped(self.emit(ReshapeStep((x.number,), shape)), lambda bound: bound.reshape(1, *shape))
