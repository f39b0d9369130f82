"""Exact arithmetic modulo a prime, on NumPy arrays.

A *residue* is a uint64 in [0, prime). The integers that a field can tell apart are those of its symmetric
range, -(prime - 1)/2 to (prime - 1)/2; :meth:`PrimeField.encode` and :meth:`PrimeField.decode` convert.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trine import _core
from trine.errors import DtypeError, InputError, RangeError, ShapeError

__all__ = ["SEED_PRIME", "PrimeField", "Residues"]

Residues: TypeAlias = NDArray[np.uint64]

SEED_PRIME = 78090573363827
"""The 47-bit prime of trine's first examples: it tells apart the integers up to about 3.9e13 in magnitude."""


@dataclass(frozen=True)
class PrimeField:
    """The integers modulo a prime, element by element on arrays; two fields are equal if their primes are.

    Operands are uint64 arrays of residues and broadcast as in NumPy; results are new arrays. Every method
    raises DtypeError for operands that are not uint64, RangeError for words that are not below the prime and
    ShapeError for shapes that do not fit together.

    Args:
        prime: a prime with 2 < prime < 2^62.

    Raises:
        InputError: ``prime`` is not an integer, out of range or composite.

    >>> field = PrimeField(SEED_PRIME)
    >>> product = field.multiply(field.encode([3, -4]), field.encode(5))
    >>> field.decode(product)
    array([ 15, -20])
    """

    prime: int

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "prime", operator.index(self.prime))
        except TypeError:
            raise InputError(f"a field needs an integer prime, not {type(self.prime).__name__}") from None
        if not (2 < self.prime < 1 << 62 and _is_prime(self.prime)):
            raise InputError(f"{self.prime} is not a prime between 2 and 2^62; choose one, 2^61 - 1 for example")

    @property
    def half(self) -> int:
        """(prime - 1)/2, the largest integer that :meth:`decode` can return."""
        return self.prime >> 1

    def encode(self, values: ArrayLike, bound: int | None = None) -> Residues:
        """The residues of signed integers.

        Args:
            values: an integer or an array of integers, any shape, any integer dtype or Python integers.
            bound: largest absolute value allowed; :attr:`half` unless it is given.

        Returns:
            uint64 array of the same shape.

        Raises:
            DtypeError: ``values`` are not integers; booleans are not taken for integers.
            RangeError: an integer lies outside -bound .. bound. The message does not tell which.
        """
        limit = self.half if bound is None else min(bound, self.half)
        integers = _integer_array(values)
        if integers.size and not (-limit <= int(integers.min()) and int(integers.max()) <= limit):
            raise RangeError(
                f"an integer in an array of shape {integers.shape} lies outside -{limit} .. {limit}; "
                "scale the data, allow a larger bound or choose a larger prime"
            )
        signed = integers.astype(np.int64)
        # The arithmetic shift gives -1 for negative values, else 0: no branch on what may be secret.
        return np.asarray(signed + (self.prime & (signed >> 63))).astype(np.uint64)

    def decode(self, x: Residues) -> NDArray[np.int64]:
        """The integers of the symmetric range that residues stand for: the inverse of :meth:`encode`."""
        self.check(x)
        signed = np.asarray(x).astype(np.int64)
        return np.asarray(signed - (self.prime & ((self.half - signed) >> 63)))

    def check(self, x: Residues) -> None:
        """Raise DtypeError or RangeError unless ``x`` is an array of residues."""
        residues = _uint64_array(x)
        if residues.size and int(residues.max()) >= self.prime:
            raise self._not_residues()

    def add(self, x: Residues, y: Residues) -> Residues:
        """x + y."""
        return self._elementwise(_core.field_add, x, y)

    def subtract(self, x: Residues, y: Residues) -> Residues:
        """x - y."""
        return self._elementwise(_core.field_sub, x, y)

    def negate(self, x: Residues) -> Residues:
        """-x."""
        return self._elementwise(_core.field_neg, x)

    def multiply(self, x: Residues, y: Residues) -> Residues:
        """x * y, element by element."""
        return self._elementwise(_core.field_mul, x, y)

    def inverse(self, x: Residues) -> Residues:
        """1 / x, as x^(prime - 2) (Fermat): the same products whatever x is, fewer than 2 log2(prime).

        Raises:
            InputError: an element is zero, which has no inverse.
        """
        power = _uint64_array(x)
        if not power.all():
            raise InputError(f"zero has no inverse modulo {self.prime}; remove the zeros first")
        result = np.ones_like(power)
        for bit in reversed(f"{self.prime - 2:b}"):
            if bit == "1":
                result = self.multiply(result, power)
            power = self.multiply(power, power)
        return result

    def sum(self, x: Residues, axis: int | None = None) -> Residues:
        """The sum along one axis, which disappears, or of all elements; an empty sum is zero."""
        array = _uint64_array(x)
        if axis is None:
            array, axis = array.reshape(-1), 0
        if not -array.ndim <= axis < array.ndim:
            raise ShapeError(f"an array of shape {array.shape} has no axis {axis}")
        axis %= array.ndim
        before, after = array.shape[:axis], array.shape[axis + 1 :]
        outer, inner = math.prod(before), math.prod(after)
        total = self._call(_core.field_sum, (outer, inner), array.reshape(outer, array.shape[axis], inner))
        return total.reshape(before + after)

    def matmul(self, x: Residues, y: Residues) -> Residues:
        """The matrix product (M, K) @ (K, N); a vector may stand on either side, as in NumPy."""
        a, b = _uint64_array(x), _uint64_array(y)
        if a.ndim not in (1, 2) or b.ndim not in (1, 2) or a.shape[-1] != b.shape[0]:
            raise ShapeError(f"cannot multiply matrices of shapes {a.shape} and {b.shape}")
        rows, columns, depth = a.shape[:-1], b.shape[1:], b.shape[0]
        m, n = math.prod(rows), math.prod(columns)
        product = self._call(_core.field_matmul, (m, n), a.reshape(m, depth), b.reshape(depth, n))
        return product.reshape(rows + columns)

    def _elementwise(self, kernel: Callable[..., None], *operands: Residues) -> Residues:
        arrays = [_uint64_array(x) for x in operands]
        try:
            shape = np.broadcast_shapes(*(x.shape for x in arrays))
        except ValueError:
            raise ShapeError(f"arrays of shapes {[x.shape for x in arrays]} do not broadcast") from None
        # np.ascontiguousarray would turn a scalar into a vector.
        return self._call(kernel, shape, *(np.asarray(np.broadcast_to(x, shape), order="C") for x in arrays))

    def _call(self, kernel: Callable[..., None], shape: tuple[int, ...], *operands: Residues) -> Residues:
        out = np.empty(shape, np.uint64)
        try:
            kernel(*operands, out=out, prime=self.prime)
        except ValueError:
            # Shapes, dtypes and layout are right by now: what a kernel can still refuse is a word >= prime.
            raise self._not_residues() from None
        return out

    def _not_residues(self) -> RangeError:
        return RangeError(f"expected residues below the prime {self.prime}, as PrimeField.encode makes them")


def _uint64_array(x: Residues) -> Residues:
    array = np.require(x, requirements=["C", "ALIGNED"])
    if array.dtype != np.uint64:
        raise DtypeError(f"expected residues, uint64 as PrimeField.encode makes them, not {array.dtype}")
    return array


def _integer_array(values: ArrayLike) -> NDArray[np.integer] | NDArray[np.object_]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"expected an array of integers: {error}") from None
    # Python integers beyond 64 bits come as objects: they are integers, and out of range.
    big = array.dtype == object and all(isinstance(v, numbers.Integral) for v in array.flat)
    if array.dtype.kind not in "iu" and not big:
        raise DtypeError(f"expected integers, not dtype {array.dtype}; .astype(np.int64) converts them")
    return array


def _is_prime(n: int) -> bool:
    """Miller-Rabin with the first twelve primes as bases: exact below 3.1e23 (Sorenson and Webster 2017)."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    if any(n % q == 0 for q in bases):
        return n in bases
    twos = ((n - 1) & (1 - n)).bit_length() - 1
    odd = (n - 1) >> twos
    return all(pow(a, odd, n) == 1 or any(pow(a, odd << i, n) == n - 1 for i in range(twos)) for a in bases)
