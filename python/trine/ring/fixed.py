"""Real numbers as integers of the ring Z_2^64: the only place where trine encodes and decodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trine.errors import DtypeError, InputError, NotFiniteError, RangeError

__all__ = ["FixedPoint", "real_array"]


@dataclass(frozen=True)
class FixedPoint:
    """Fixed-point format: a real x is the ring element round(x * 2^fraction), negative ones in two's complement.

    The format leaves room for one product before it is truncated: a product carries 2 * fraction
    fractional bits, and truncation needs it below 2^62, so values are limited to
    ``abs(x) < 2^(62 - 2 * fraction)`` (2^30 at the default 16 fractional bits).

    Args:
        fraction: number of fractional bits, 0 to 30.

    Raises:
        InputError: ``fraction`` is out of range.

    >>> form = FixedPoint()
    >>> form.encode([1.5, -0.25])
    array([               98304, 18446744073709535232], dtype=uint64)
    >>> form.decode(form.encode([1.5, -0.25]))
    array([ 1.5 , -0.25])
    """

    fraction: int = 16

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 30:
            raise InputError(f"fraction must be between 0 and 30 bits, not {self.fraction}")

    @property
    def limit(self) -> float:
        """Values must be smaller than this in absolute value."""
        return 2.0 ** (62 - 2 * self.fraction)

    @property
    def width(self) -> int:
        """Signed bits that every encoded value fits in, ``62 - fraction + 1``."""
        return 62 - self.fraction + 1

    def encode(self, x: ArrayLike, bound: float | None = None) -> NDArray[np.uint64]:
        """Encode real numbers, rounding to nearest; the error is at most half a unit in the last place.

        Args:
            x: finite real numbers (floats, integers or booleans), any shape.
            bound: largest absolute value allowed, if it shall be tighter than :attr:`limit`.

        Returns:
            uint64 array of the same shape.

        Raises:
            DtypeError: ``x`` is not made of real numbers.
            NotFiniteError: ``x`` has a NaN or an infinity.
            RangeError: a value is too large.
        """
        values = real_array(x)
        limit = np.nextafter(self.limit, 0) if bound is None else min(bound, np.nextafter(self.limit, 0))
        if values.size and np.abs(values).max() > limit:
            raise RangeError(
                f"a value does not fit: magnitudes up to {limit:g} are allowed ({self.fraction} fractional bits); "
                "scale the data, raise the bound or use fewer fractional bits"
            )
        return np.rint(np.ldexp(values, self.fraction)).astype(np.int64).view(np.uint64)

    def decode(self, elements: NDArray[np.uint64]) -> NDArray[np.float64]:
        """The real numbers behind ring elements: exact below 2^53 units, else rounded to a float64's precision."""
        return np.asarray(np.ldexp(elements.view(np.int64).astype(np.float64), -self.fraction))


def real_array(x: ArrayLike) -> NDArray[np.float64]:
    """``x`` as a contiguous float64 array that is known to be finite.

    Raises:
        DtypeError: ``x`` is not made of real numbers.
        NotFiniteError: ``x`` has a NaN or an infinity.
    """
    try:
        array = np.asarray(x)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DtypeError(f"expected an array of real numbers: {error}") from None
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"expected real numbers, not dtype {array.dtype}")
    values = np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape)
    if not np.isfinite(values).all():
        raise NotFiniteError(f"NaN or infinity in an array of shape {values.shape}; remove or replace it first")
    return values
