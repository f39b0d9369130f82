"""Numbers split among any number of parties, who can add and average them but only all together read them.

The owner of x draws n - 1 uniform residues and sets the last so that x = x_0 + ... + x_{n-1} modulo a prime.
What is linear in the secrets each party does on its own shares, without talking: sums and differences,
products with public integers and matrices, weighted sums. (Products of two secrets need the three-party
protocols of :mod:`trine.mpc`.) Source: "secure addition" in Cramer, Damgard and Nielsen, *Secure Multiparty
Computation and Secret Sharing* (2015), chapter 1.

Three people share 77777, and only all three together can read it:

>>> alice, bob, carol = share(77777)
>>> alice
AdditiveShare(index=0, parties=3, shape=(), prime=78090573363827, bound=6248622)
>>> reconstruct([alice, bob, carol])
77777

11 and 122 are shared; every party adds its own two shares, which tell it nothing about either number:

>>> reconstruct([a + b for a, b in zip(share(11), share(122))])
133

**What holds.** Any n - 1 shares are uniform and independent of the secret (perfect secrecy), as far as
AES-128-CTR is a pseudo-random function: every sharing draws under a key of its own, taken from the operating
system and dropped afterwards. The parties follow the protocol: one that alters its share alters the result.
*Each party sees* its own share and what is public: shape, prime, number of parties, bound, fractional bits.
*Opening* a linear result tells that result and nothing else about the secrets behind it; it needs no masking.

**No silent wrap.** A share carries a public *bound*: the largest absolute value its secret can have. The
owner declares it, operations propagate it, and one whose result might leave the field's symmetric range
raises RangeError at every party before anything is opened. By default it is the square root of half the
prime, which leaves as much room for growth as for values.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trine.errors import InputError, ProtocolError, RangeError, ShapeError
from trine.ring.field import SEED_PRIME, PrimeField, Residues
from trine.ring.fixed import FixedPoint
from trine.ring.pack import pack, packed_size, unpack
from trine.ring.prg import Prg

__all__ = [
    "AdditiveShare",
    "reconstruct",
    "reconstruct_mean",
    "reconstruct_real",
    "share",
    "share_real",
    "weighted_sum",
]

_SEED_FIELD = PrimeField(SEED_PRIME)
_MAGIC, _VERSION = b"trAS", 1
_HEADER = struct.Struct("<4sBBHIIQQ")  # magic, version, fraction, dimensions, index, parties, prime, bound
_MAX_DIMENSIONS = 32  # NumPy 1.26 has no more


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class AdditiveShare:
    """One party's share of an array; made by :func:`share` and :meth:`from_bytes`, not by hand.

    Operators act on the secret behind the shares, and every party applies the same ones: ``+`` and ``-`` with
    this party's share of another value or with a public one (real numbers for shared reals, else integers);
    ``*`` with public integers; ``@`` with a public matrix of integers on either side; ``sum``. Shapes
    broadcast as in NumPy. All are local: 0 rounds, 0 bytes. They raise RangeError if the result might leave
    the field's range and InputError (ShapeError, DtypeError) for operands that do not fit.

    Attributes:
        residues: this party's part, uint64 below the prime, read-only; uniform by itself.
        index: which party this is, 0 to parties - 1.
        parties: among how many the value is shared.
        field: the prime field that the parts are summed in.
        bound: public: no element of the secret is larger in absolute value, in units of 2^-fraction.
        fraction: public: fractional bits of shared reals; 0 for integers.
    """

    residues: Residues
    index: int
    parties: int
    field: PrimeField
    bound: int
    fraction: int = 0

    # NumPy then leaves ``array @ share`` and its like to the methods below.
    __array_ufunc__: ClassVar[None] = None

    def __post_init__(self) -> None:
        self.residues.setflags(write=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the secret, and of this share."""
        return self.residues.shape

    def __repr__(self) -> str:
        fraction = f", fraction={self.fraction}" if self.fraction else ""
        return (
            f"AdditiveShare(index={self.index}, parties={self.parties}, shape={self.shape}, "
            f"prime={self.field.prime}, bound={self.bound}{fraction})"
        )

    def __neg__(self) -> AdditiveShare:
        return self._derive(self.field.negate(self.residues), self.bound)

    def __add__(self, other: AdditiveShare | ArrayLike) -> AdditiveShare:
        return self._combine(self.field.add, other)

    __radd__ = __add__

    def __sub__(self, other: AdditiveShare | ArrayLike) -> AdditiveShare:
        return self._combine(self.field.subtract, other)

    def __rsub__(self, other: ArrayLike) -> AdditiveShare:
        return -self + other

    def __mul__(self, factor: ArrayLike) -> AdditiveShare:
        public = self._factor(factor)
        bound = self.bound * int(self._magnitudes(public).max(initial=0))
        return self._derive(self.field.multiply(self.residues, public), bound)

    __rmul__ = __mul__

    def __matmul__(self, matrix: ArrayLike) -> AdditiveShare:
        public = self._factor(matrix)
        product = self.field.matmul(self.residues, public)
        return self._derive(product, self.bound * self._gain(public, axis=0))

    def __rmatmul__(self, matrix: ArrayLike) -> AdditiveShare:
        public = self._factor(matrix)
        product = self.field.matmul(public, self.residues)
        return self._derive(product, self.bound * self._gain(public, axis=-1))

    def sum(self, axis: int | None = None) -> AdditiveShare:
        """The sum along one axis, or of all elements."""
        total = self.field.sum(self.residues, axis)
        terms = self.residues.size if axis is None else self.shape[axis]
        return self._derive(total, self.bound * terms)

    def to_bytes(self) -> bytes:
        """This share as a message: 32 bytes, 8 for each dimension, then the residues' bits back to back.

        Send it over an encrypted channel: whoever reads the messages to all n parties knows the secret.
        """
        shape, prime = self.shape, self.field.prime
        header = _HEADER.pack(_MAGIC, _VERSION, self.fraction, len(shape), self.index, self.parties, prime, self.bound)
        residues = pack(self.residues, prime.bit_length())
        return header + struct.pack(f"<{len(shape)}Q", *shape) + residues.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> AdditiveShare:
        """The share that :meth:`to_bytes` wrote.

        Raises:
            ProtocolError: ``data`` is anything else: cut, padded, of another version or inconsistent.
        """
        if bytes(data[:5]) != _MAGIC + bytes([_VERSION]):
            raise ProtocolError(f"{len(data)} bytes that are not an additive share of version {_VERSION}")
        try:
            _, _, fraction, dimensions, index, parties, prime, bound = _HEADER.unpack_from(data)
            shape = struct.unpack_from(f"<{dimensions}Q", data, _HEADER.size)
            field, _ = PrimeField(prime), FixedPoint(fraction)
        except (struct.error, InputError) as error:
            raise ProtocolError(f"the header of a share is wrong: {error}") from None
        width, start = prime.bit_length(), _HEADER.size + 8 * dimensions
        if not (
            parties >= 2
            and index < parties
            and bound <= field.half
            and dimensions <= _MAX_DIMENSIONS
            # Beside an empty axis the others take no bytes, but NumPy wants them to be possible all the same.
            and math.prod(max(n, 1) for n in shape) < 1 << 60
            and packed_size(math.prod(shape), width) == len(data) - start
        ):
            raise ProtocolError(
                f"the header of a share does not fit its {len(data)} bytes: {dimensions} dimensions, "
                f"index {index} of {parties} parties, prime {prime}, bound {bound}"
            )
        residues = unpack(np.frombuffer(data, np.uint8)[start:], shape, width)
        try:
            field.check(residues)
        except RangeError as error:
            raise ProtocolError(f"the words of a share are wrong: {error}") from None
        return cls(residues, index, parties, field, bound, fraction)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a share is not pickled or copied, lest it stray; send to_bytes() to its party")

    @property
    def _format(self) -> tuple[int, PrimeField, int]:
        return self.parties, self.field, self.fraction

    def _derive(self, residues: Residues, bound: int) -> AdditiveShare:
        if bound > self.field.half:
            raise RangeError(
                f"the result may reach {bound} in absolute value, and modulo {self.field.prime} "
                f"nothing beyond {self.field.half} can be told from something smaller; "
                "declare a smaller bound when sharing, or choose a larger prime"
            )
        return replace(self, residues=residues, bound=bound)

    def _combine(
        self, operation: Callable[[Residues, Residues], Residues], other: AdditiveShare | ArrayLike
    ) -> AdditiveShare:
        if isinstance(other, AdditiveShare):
            if self.index != other.index or self._format != other._format:
                raise InputError(f"not shares that one party holds in one format: {self!r} and {other!r}")
            residues, bound = other.residues, other.bound
        else:
            public = self.field.encode(_units(other, self.fraction) if self.fraction else other)
            # A public value is its own sharing: all of it at party 0, nothing at the others.
            residues = public if self.index == 0 else np.zeros_like(public)
            bound = int(self._magnitudes(public).max(initial=0))
        return self._derive(operation(self.residues, residues), self.bound + bound)

    def _factor(self, factor: ArrayLike) -> Residues:
        if isinstance(factor, AdditiveShare):
            raise InputError("the product of two secrets is not linear: use the three-party trine.mpc")
        return self.field.encode(factor)

    def _magnitudes(self, public: Residues) -> NDArray[np.int64]:
        return np.abs(self.field.decode(public))

    def _gain(self, matrix: Residues, axis: int) -> int:
        """The most that a product with ``matrix`` can exceed its inputs: its largest sum of magnitudes."""
        sizes = self._magnitudes(matrix)
        # Python integers where 64 bits might not hold the sums.
        exact = np.int64 if int(sizes.max(initial=0)) * sizes.shape[axis] < 1 << 63 else np.object_
        return int(sizes.sum(axis=axis, dtype=exact).max(initial=0))


def share(
    value: ArrayLike, parties: int = 3, field: PrimeField = _SEED_FIELD, *, bound: int | None = None
) -> list[AdditiveShare]:
    """Split integers into one share for each party; any ``parties - 1`` of them are uniform noise.

    Args:
        value: an integer or an array of integers, any shape.
        parties: how many, at least 2.
        field: the prime field; its half range limits every result computed from the shares.
        bound: public: the largest absolute value that ``value`` can have, from what it measures (an age:
            150), never computed from the data. A smaller one leaves room for more operations.
            Default: the square root of ``field.half``, which is 6,248,622 in the default field.

    Returns:
        The shares of parties 0, 1, ... in order.

    Raises:
        DtypeError: ``value`` is not made of integers (for real numbers see :func:`share_real`).
        RangeError: an integer is larger than the bound, or the bound than the field's half range.
        InputError: fewer than two parties.
    """
    return _split(value, parties, field, math.isqrt(field.half) if bound is None else bound, 0)


def share_real(
    value: ArrayLike,
    parties: int = 3,
    field: PrimeField = _SEED_FIELD,
    *,
    fraction: int = 16,
    bound: float | None = None,
) -> list[AdditiveShare]:
    """Split real numbers, rounded to ``fraction`` binary places, as :func:`share` does integers.

    >>> temperatures = [share_real(x, bound=100) for x in (36.5, 38.25, 37.0)]
    >>> total = [sum(own) for own in zip(*temperatures)]
    >>> reconstruct_real(total), reconstruct_mean(total, 3)
    (111.75, 37.25)

    Args:
        value: a real number or an array of them, any shape.
        parties: how many, at least 2.
        field: the prime field; results reach ``field.half / 2^fraction`` (6e8 in the default field).
        fraction: binary places, 0 to 30; each value is off by at most 2^-(fraction + 1).
        bound: public, as in :func:`share` but in the units of ``value``; 95.3 if both defaults are kept.

    Returns:
        The shares of parties 0, 1, ... in order.

    Raises:
        DtypeError, NotFiniteError: ``value`` is not made of finite real numbers.
        RangeError: a number is larger than the bound, or the bound than the format or the field allows.
        InputError: fewer than two parties, or ``fraction`` out of range.
    """
    limit = math.ldexp(math.isqrt(field.half), -fraction) if bound is None else bound
    units = int(_units(limit, fraction))
    return _split(_units(value, fraction, limit), parties, field, units, fraction)


def reconstruct(shares: Iterable[AdditiveShare]) -> int | NDArray[np.int64]:
    """The integers behind all n shares, given in any order.

    Returns:
        An int for shares of shape ``()``, else an int64 array.

    Raises:
        InputError: a share is missing or there twice, or the shares are not of one computation (ShapeError if
            their shapes differ). Shares of different secrets show by a sum beyond the bound: a probable sign
            for one element, a practically certain one for many.
    """
    total, fraction = _open(shares)
    if fraction:
        raise InputError("these are shares of real numbers: use reconstruct_real or reconstruct_mean")
    return total if total.ndim else int(total)


def reconstruct_real(shares: Iterable[AdditiveShare]) -> float | NDArray[np.float64]:
    """The real numbers behind all n shares, given in any order; exact below 2^53 units of 2^-fraction.

    Returns:
        A float for shares of shape ``()``, else a float64 array.

    Raises:
        InputError: as :func:`reconstruct`.
    """
    total, fraction = _open(shares)
    values = FixedPoint(fraction).decode(total.view(np.uint64))
    return values if values.ndim else float(values)


def reconstruct_mean(shares: Iterable[AdditiveShare], total_weight: float) -> float | NDArray[np.float64]:
    """The mean of values whose sum, plain or weighted, the parties hold: opened, then divided in the clear.

    A quotient in the field is no mean, so the division comes last; whoever opens the mean knows the sum.

    >>> ages = [share(x, bound=150) for x in (30, 40, 62)]
    >>> reconstruct_mean([weighted_sum(own, [1, 2, 1]) for own in zip(*ages)], total_weight=4)
    43.0

    Args:
        shares: all n shares of the sum.
        total_weight: the number of terms or the sum of their weights, positive and public.

    Returns:
        A float for shares of shape ``()``, else a float64 array, as precise as :func:`reconstruct_real`.

    Raises:
        InputError: ``total_weight`` is not positive and finite; else as :func:`reconstruct`.
    """
    if not 0 < total_weight < math.inf:
        raise InputError(f"total_weight must be positive and finite, not {total_weight}")
    return reconstruct_real(shares) / total_weight


def weighted_sum(shares: Sequence[AdditiveShare], weights: Sequence[int]) -> AdditiveShare:
    """One party's share of the sum of ``weights[i] * secret[i]``, from its shares of the secrets; local.

    Raises:
        InputError: no shares, or not as many as weights; else as the operators of :class:`AdditiveShare`.
    """
    if len(shares) != len(weights) or len(shares) == 0:
        raise InputError(f"every share needs one weight: got {len(shares)} shares and {len(weights)} weights")
    first, *rest = (own * weight for own, weight in zip(shares, weights, strict=True))
    return sum(rest, start=first)


def _split(integers: ArrayLike, parties: int, field: PrimeField, bound: int, fraction: int) -> list[AdditiveShare]:
    parties, bound = _integer("parties", parties), _integer("bound", bound)
    if parties < 2:
        raise InputError(f"a value is shared among at least 2 parties, not {parties}")
    if not 0 <= bound <= field.half:
        raise RangeError(
            f"a bound of {bound} units is not between 0 and {field.half}, half the prime {field.prime}; "
            "choose a smaller bound or a larger prime"
        )
    last = field.encode(integers, bound)
    prg = Prg.fresh()
    parts = [prg.field(last.shape, field.prime) for _ in range(parties - 1)]
    for part in parts:
        last = field.subtract(last, part)
    return [AdditiveShare(part, i, parties, field, bound, fraction) for i, part in enumerate([*parts, last])]


def _open(shares: Iterable[AdditiveShare]) -> tuple[NDArray[np.int64], int]:
    """The secret in units of 2^-fraction, and the fraction, from shares that fit together."""
    given = list(shares)
    if not given or not all(isinstance(s, AdditiveShare) for s in given):
        raise InputError("expected the shares of one value, an AdditiveShare from each party")
    first, indices = given[0], sorted(s.index for s in given)
    if indices != list(range(first.parties)):
        raise InputError(f"expected a share of each of the {first.parties} parties, got those of {indices}")
    total = np.zeros_like(first.residues)
    for s in given:
        if s.shape != first.shape:
            raise ShapeError(f"shares of shapes {first.shape} and {s.shape} are not of one value")
        if s._format != first._format or s.bound != first.bound:
            raise InputError(f"these shares are not of one computation: {first!r} and {s!r}")
        total = first.field.add(total, s.residues)
    integers = first.field.decode(total)
    if int(np.abs(integers).max(initial=0)) > first.bound:
        raise InputError(
            f"the shares give a value beyond their public bound {first.bound}: "
            "they are not of one value, or a party has changed its share or computed something else"
        )
    return integers, first.fraction


def _units(value: ArrayLike, fraction: int, bound: float | None = None) -> NDArray[np.int64]:
    return FixedPoint(fraction).encode(value, bound).view(np.int64)


def _integer(name: str, number: int) -> int:
    try:
        return operator.index(number)
    except TypeError:
        raise InputError(f"{name} must be an integer, not {type(number).__name__}") from None
