"""Arrays that nobody can read, with NumPy's operators."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trine.errors import DtypeError, InputError, RangeError, ShapeError
from trine.mpc import compare, functions
from trine.mpc.arithmetic import add_public, local_conv2d, local_matmul, local_product, reshare
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol
from trine.mpc.share import reveal, reveal_to
from trine.mpc.truncation import truncate
from trine.ring import FixedPoint
from trine.ring.fixed import real_array

if TYPE_CHECKING:
    from trine.mpc.session import Session

__all__ = ["Plain", "Secret"]

LARGEST = (1 << 62) - 1  # numbers before truncation stay below this: see FixedPoint
Local = Callable[..., Ring]


@dataclass(frozen=True)
class Plain:
    """Public or owned numbers as ring elements: with their fractional bits and a bound on their absolute value."""

    elements: Ring | None
    shape: tuple[int, ...]
    fraction: int
    bound: int

    @staticmethod
    def encode(x: ArrayLike | None, shape: tuple[int, ...] | None, fraction: int | None, bound: float | None) -> Plain:
        """Integers stay integers unless ``fraction`` says otherwise; where x is None, its shape must be given."""
        if x is None:
            form = FixedPoint(16 if fraction is None else fraction)
            elements, found = None, shape
        else:
            whole = fraction is None and np.asarray(x).dtype.kind in "iub"
            form = FixedPoint(0 if whole else 16 if fraction is None else fraction)
            elements = form.encode(x, bound)
            found = elements.shape
        if found is None:
            raise InputError("either the numbers or their shape must be given")
        if shape is not None and found != shape:
            raise ShapeError(f"numbers of shape {found} were given where shape {shape} was announced")
        limit = form.limit if bound is None else bound
        return Plain(elements, found, form.fraction, math.ceil(math.ldexp(limit, form.fraction)))

    @staticmethod
    def public(x: ArrayLike, fraction: int) -> Plain:
        """A constant that everybody knows, with the tightest bound; integers stay integers."""
        values = real_array(x)
        whole = bool((values == np.rint(values)).all())
        form = FixedPoint(0 if whole else fraction)
        elements = form.encode(values)
        largest = int(np.abs(elements.view(np.int64)).max()) if values.size else 0
        return Plain(elements, values.shape, form.fraction, largest)


class Secret:
    """A shared array of fixed-point numbers; its operators run protocols among the three parties.

    A Secret is made by :meth:`trine.mpc.Session.share` and read by :meth:`reveal`. Everything about it is hidden
    but its shape, its fractional bits and a public bound on its size, which is derived from the bounds of what it was
    made of, never from the values: it says how many bits a comparison has to look at. Where the bounds no longer
    prove anything, trine takes the full width and relies on the format's own promise: absolute
    values below 2^(62 - 2 * fraction), 2^30 for 16 fractional bits.

    >>> import trine
    >>> parties = trine.local()
    >>> x, y = parties.share([1.5, -2.0, 3.0]), parties.share([2.0, 4.0, -1.0])
    >>> (x * y + 1).reveal().round(3)
    array([ 4., -7., -2.])
    >>> (x > y).reveal()
    array([0, 0, 1])
    >>> x.relu().sum().reveal()
    array(4.5)
    """

    __array_ufunc__ = None  # numpy leaves mixed operators to this class
    __hash__ = None  # type: ignore[assignment]  # == would be a comparison

    def __init__(self, session: Session, value: Any, fraction: int, bound: int) -> None:
        self._session = session
        self._value = value
        self.fraction = fraction
        self.bound = min(bound, LARGEST)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array (public)."""
        held = self._value if isinstance(self._value, Replicated) else self._value[0]
        shape: tuple[int, ...] = held.shape
        return shape

    @property
    def width(self) -> int:
        """Signed bits that the encoded numbers are known to fit in (public)."""
        return self.bound.bit_length() + 1

    def reveal(self, to: int | None = None) -> NDArray[Any] | None:
        """Open the array to all parties, or to one of them.

        1 round; 24 bytes an element, or 8 to one party.

        Args:
            to: the party that learns the numbers; the others get None.

        Returns:
            float64, or int64 where there are no fractional bits.
        """
        opened = (
            self._session.call(reveal, self._value) if to is None else self._session.call(reveal_to, self._value, to)
        )
        if isinstance(opened, tuple):
            opened = opened[0 if to is None else to]
        if opened is None:
            return None
        return FixedPoint(self.fraction).decode(opened) if self.fraction else np.asarray(opened.view(np.int64))

    # Linear operations: local, no communication.

    def __add__(self, other: Secret | ArrayLike) -> Secret:
        if not isinstance(other, Secret):
            return self._add_public(other)
        _joint_shape(self.shape, other.shape)
        fraction = max(self.fraction, other.fraction)
        a, b = self._scaled(fraction), other._scaled(fraction)
        return a._with(self._session.each(_add, a._value, b._value), bound=a.bound + b.bound)

    __radd__ = __add__

    def __neg__(self) -> Secret:
        return self._map(np.negative)

    def __sub__(self, other: Secret | ArrayLike) -> Secret:
        return self + (-other if isinstance(other, Secret) else np.negative(real_array(other)))

    def __rsub__(self, other: ArrayLike) -> Secret:
        return -self + other

    def __getitem__(self, index: Any) -> Secret:
        """Elements at a public index, as NumPy's."""
        return self._map(lambda s: np.ascontiguousarray(s[index]))

    def reshape(self, *shape: int) -> Secret:
        """The same elements in another shape."""
        return self._map(lambda s: s.reshape(*shape))

    @property
    def T(self) -> Secret:  # noqa: N802
        """The transposed array."""
        return self._map(lambda s: np.ascontiguousarray(s.T))

    def sum(self, axis: int | tuple[int, ...] | None = None) -> Secret:
        """Sum over an axis, some or all; local."""
        count = _reduced(self.shape, axis)
        return self._map(lambda s: s.sum(axis=axis, dtype=np.uint64).reshape(np.sum(s, axis).shape), self.bound * count)

    def mean(self, axis: int | tuple[int, ...] | None = None) -> Secret:
        """Mean over an axis, some or all; cost of a product by a public number."""
        return self.sum(axis) * (1.0 / _reduced(self.shape, axis))

    # Products: one reshare, and a truncation if both factors have fractional bits.

    def __mul__(self, other: Secret | ArrayLike) -> Secret:
        """Element-wise product; shapes broadcast.

        By a public integer: local. By a public real number: truncation, 2 rounds, 22.25 bytes an element. Of two
        secrets: 1 round and 24 bytes if one has no fractional bits, else 2 rounds and 30.25 bytes. Error of a
        truncation: below one unit in the last place.
        """
        if isinstance(other, Secret):
            _joint_shape(self.shape, other.shape)
            return self._product(other, local_product, self.bound * other.bound)
        plain = Plain.public(other, self.fraction or 16)
        _joint_shape(self.shape, plain.shape)
        bound = self.bound * plain.bound
        scaled = Secret(
            self._session,
            self._session.each(_scale, self._value, plain.elements),
            self.fraction + plain.fraction,
            bound,
        )
        return scaled._truncated(min(self.fraction, plain.fraction))

    __rmul__ = __mul__

    def __truediv__(self, other: Secret | ArrayLike) -> Secret:
        """Quotient by public numbers, the product by their reciprocals; or by secret ones.

        By a secret: :func:`trine.mpc.functions.divide`, whose quotient must fit the format; x / 0 is 0.
        """
        if isinstance(other, Secret):
            _joint_shape(self.shape, other.shape)
            fraction = max(self.fraction, other.fraction) or 16
            a, b = self._scaled(fraction), other._scaled(fraction)
            value = a._session.call(functions.divide, a._value, b._value, a._format_width, b._format_width, fraction)
            return Secret(a._session, value, fraction, min(a.bound << fraction, 1 << (a._limit - 1)))
        divisor = real_array(other)
        if not divisor.all():
            raise RangeError("division by zero")
        return self * (1.0 / divisor)

    def __rtruediv__(self, other: ArrayLike) -> Secret:
        """Public numbers divided by secret ones: their product with :meth:`reciprocal`."""
        return self.reciprocal() * other

    def __matmul__(self, other: Secret) -> Secret:
        """Matrix product of two secret matrices; cost that of an element-wise product of the result's size."""
        if not isinstance(other, Secret):
            raise DtypeError("both factors of @ must be secret; share the public one first")
        depth = self.shape[-1] if self.shape else 0
        return self._product(other, local_matmul, self.bound * other.bound * depth)

    def conv2d(
        self, kernels: Secret, stride: tuple[int, int] = (1, 1), padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    ) -> Secret:
        """Convolution of images (N, H, W, C) with kernels (KH, KW, C, O); cost as a product of the result's size."""
        depth = math.prod(kernels.shape[:3])
        return self._product(kernels, local_conv2d, self.bound * kernels.bound * depth, stride, padding)

    # Comparisons: results are numbers 0 or 1 without fractional bits.

    def __ge__(self, other: Secret | ArrayLike) -> Secret:
        """[self >= other] as a secret 0 or 1; at most 7 rounds: see :func:`trine.mpc.compare.nonnegative`."""
        difference = self - other
        return Secret(self._session, self._session.call(compare.nonnegative, difference._value, difference.width), 0, 1)

    def __lt__(self, other: Secret | ArrayLike) -> Secret:
        return (self >= other)._complement()

    def __le__(self, other: Secret | ArrayLike) -> Secret:
        return -self >= (-other if isinstance(other, Secret) else np.negative(real_array(other)))

    def __gt__(self, other: Secret | ArrayLike) -> Secret:
        return (self <= other)._complement()

    def select(self, a: Secret, b: Secret) -> Secret:
        """a where this 0-or-1 secret is 1, b where it is 0: one product. 1 round, 24 bytes an element."""
        if self.bound != 1 or self.fraction:
            raise InputError("select is for the result of a comparison")
        difference = a - b
        chosen = self._product(difference, local_product, difference.bound) + b
        return chosen._with(chosen._value, bound=max(a.bound, b.bound))

    def relu(self) -> Secret:
        """max(x, 0), exactly. Cost: :func:`trine.mpc.cost.relu`."""
        return self._with(self._session.call(compare.relu, self._value, self.width))

    def max(self) -> Secret:
        """The largest value along the last axis, exactly. Cost: :func:`trine.mpc.cost.maximum`."""
        return self._with(self._session.call(compare.maximum, self._value, self.width + 1))

    def argmax(self) -> Secret:
        """Index of the (first) largest value along the last axis. Cost: :func:`trine.mpc.cost.argmax`."""
        found = self._session.call(compare.argmax, self._value, self.width + 1)
        return Secret(self._session, _half(found, 0), 0, self.shape[-1])

    # Functions: each for every number of the format; errors and costs are those of trine.mpc.functions.

    def exp(self) -> Secret:
        """e^x, saturated just below 2^30: :func:`trine.mpc.functions.exp`."""
        fraction = self._fractional().fraction
        return self._function(functions.exp, 1 << (fraction + min(30, 62 - 2 * fraction)))

    def log(self) -> Secret:
        """Natural logarithm; that of one unit for x <= 0: :func:`trine.mpc.functions.log`."""
        return self._function(functions.log, self._fractional()._unit * 40)

    def reciprocal(self) -> Secret:
        """1 / x; 1 / 0 is 2^fraction: :func:`trine.mpc.functions.reciprocal`."""
        return self._function(functions.reciprocal, 2 * self._fractional()._unit ** 2)

    def sqrt(self) -> Secret:
        """Square root; 0 for x <= 0: :func:`trine.mpc.functions.sqrt`."""
        x = self._fractional()
        return self._function(functions.sqrt, math.isqrt(x.bound * x._unit) + 2 + (math.isqrt(x.bound * x._unit) >> 16))

    def rsqrt(self) -> Secret:
        """1 / sqrt(x); 2^(fraction / 2) for x <= 0: :func:`trine.mpc.functions.rsqrt`."""
        unit = self._fractional()._unit
        return self._function(functions.rsqrt, 2 * unit * math.isqrt(unit))

    def sigmoid(self) -> Secret:
        """1 / (1 + e^-x): :func:`trine.mpc.functions.sigmoid`."""
        return self._function(functions.sigmoid, self._fractional()._unit + 4)

    def tanh(self) -> Secret:
        """Hyperbolic tangent: :func:`trine.mpc.functions.tanh`."""
        return self._function(functions.tanh, self._fractional()._unit + 4)

    def gelu(self, *, approximate: bool = False) -> Secret:
        """x (1 + erf(x / sqrt 2)) / 2, or its form with tanh: :func:`trine.mpc.functions.gelu`."""
        x = self._fractional()
        return self._function(functions.gelu_tanh if approximate else functions.gelu, x.bound + x._unit)

    def silu(self) -> Secret:
        """x sigmoid(x): :func:`trine.mpc.functions.silu`."""
        x = self._fractional()
        return self._function(functions.silu, x.bound + x._unit)

    def softplus(self) -> Secret:
        """log(1 + e^x): :func:`trine.mpc.functions.softplus`."""
        x = self._fractional()
        return self._function(functions.softplus, x.bound + x._unit)

    def elu(self) -> Secret:
        """x where it is positive, else e^x - 1: :func:`trine.mpc.functions.elu`."""
        x = self._fractional()
        return self._function(functions.elu, x.bound + x._unit)

    def softmax(self) -> Secret:
        """Softmax along the last axis: :func:`trine.mpc.functions.softmax`."""
        return self._function(functions.softmax, self._fractional()._unit + 4)

    def log_softmax(self) -> Secret:
        """Its logarithm: :func:`trine.mpc.functions.log_softmax`."""
        x = self._fractional()
        return self._function(functions.log_softmax, 2 * x.bound + 15 * x._unit)

    def sort(self, *, descending: bool = False) -> Secret:
        """The values along the last axis in order, exactly: :func:`trine.mpc.functions.sort`."""
        order = functools.partial(functions.sort, descending=descending)
        return self._with(self._session.call(order, self._value, self._format_width))

    def argsort(self, *, descending: bool = False) -> Secret:
        """Where the values were before :meth:`sort`; equal ones stay in order: :func:`trine.mpc.functions.argsort`."""
        order = functools.partial(functions.argsort, descending=descending)
        found = self._session.call(order, self._value, self._format_width)
        return Secret(self._session, _half(found, 1), 0, self.shape[-1])

    def topk(self, k: int) -> tuple[Secret, Secret]:
        """The k largest values along the last axis, and where they were: :func:`trine.mpc.functions.topk`."""
        found = self._session.call(functions.topk, self._value, k, self._format_width)
        return self._with(_half(found, 0)), Secret(self._session, _half(found, 1), 0, self.shape[-1])

    def __bool__(self) -> NoReturn:
        raise TypeError("a secret cannot decide an if: use select, or reveal it first")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are compared by <, <=, > and >=")

    def __reduce__(self) -> NoReturn:
        raise TypeError("shares are not picklable; reveal the secret, or share it again where it is needed")

    def __repr__(self) -> str:
        return f"Secret(shape={self.shape}, fraction={self.fraction}, width={self.width})"

    @property
    def _unit(self) -> int:
        """The integer that stands for 1."""
        return 1 << self.fraction

    @property
    def _limit(self) -> int:
        """Signed bits that every number of this format fits in."""
        return 62 - self.fraction + 1

    @property
    def _format_width(self) -> int:
        """The width, or what the format promises if that is less."""
        return min(self.width, self._limit)

    def _fractional(self) -> Secret:
        """Itself, whole numbers with 16 fractional bits."""
        return self if self.fraction else self._scaled(16)

    def _function(self, protocol: Callable[..., Protocol[Replicated]], bound: int) -> Secret:
        x = self._fractional()
        return Secret(x._session, x._session.call(protocol, x._value, x._format_width, x.fraction), x.fraction, bound)

    def _complement(self) -> Secret:
        """1 for 0 and 0 for 1."""
        flipped = 1 - self
        return flipped._with(flipped._value, bound=1)

    def _with(self, value: Any, bound: int | None = None) -> Secret:
        return Secret(self._session, value, self.fraction, self.bound if bound is None else bound)

    def _map(self, linear: Local, bound: int | None = None) -> Secret:
        return self._with(self._session.each(_apply, self._value, linear), bound)

    def _add_public(self, other: ArrayLike) -> Secret:
        fraction = self.fraction or (0 if Plain.public(other, 16).fraction == 0 else 16)
        elements = FixedPoint(fraction).encode(other)
        a = self._scaled(fraction)._broadcast(_joint_shape(self.shape, elements.shape))
        largest = int(np.abs(elements.view(np.int64)).max()) if elements.size else 0
        return a._with(self._session.each(add_public, a._value, elements), a.bound + largest)

    def _broadcast(self, shape: tuple[int, ...]) -> Secret:
        return self if shape == self.shape else self._map(lambda s: np.ascontiguousarray(np.broadcast_to(s, shape)))

    def _scaled(self, fraction: int) -> Secret:
        shift = fraction - self.fraction
        if not shift:
            return self
        raised = self._map(lambda s: s << np.uint64(shift))
        return Secret(self._session, raised._value, fraction, self.bound << shift)

    def _product(self, other: Secret, part: Callable[..., Ring], bound: int, *args: Any) -> Secret:
        shift = min(self.fraction, other.fraction)
        fraction = max(self.fraction, other.fraction)
        width = min(bound, LARGEST).bit_length() + 1
        value = self._session.call(_multiply_truncate, part, self._value, other._value, shift, width, *args)
        return Secret(self._session, value, fraction, _after(bound, shift))

    def _truncated(self, shift: int) -> Secret:
        if not shift:
            return self
        value = self._session.call(truncate, self._value, shift, max(self.width, shift + 1))
        return Secret(self._session, value, self.fraction - shift, _after(self.bound, shift))


def _multiply_truncate(
    party: Party, part: Callable[..., Ring], x: Replicated, y: Replicated, shift: int, width: int, *args: Any
) -> Protocol[Replicated]:
    mine = part(x, y, *args)
    if not shift:
        return (yield from reshare(party, mine))
    return (yield from truncate(party, mine, shift, max(width, shift + 1)))


def _half(found: Any, index: int) -> Any:
    """One of the two results of a protocol, at one party or at three."""
    return found[index] if isinstance(found[0], Replicated) else type(found)(pair[index] for pair in found)


def _after(bound: int, shift: int) -> int:
    """Bound after truncation."""
    return (min(bound, LARGEST) >> shift) + 1 if shift else bound


def _apply(party: Party, x: Replicated, linear: Local) -> Replicated:
    return x.map(linear)


def _add(party: Party, x: Replicated, y: Replicated) -> Replicated:
    return x + y


def _scale(party: Party, x: Replicated, factor: Ring) -> Replicated:
    return x.map(lambda s: s * factor)


def _joint_shape(x: tuple[int, ...], y: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(x, y)
    except ValueError:
        raise ShapeError(f"shapes {x} and {y} do not go together") from None


def _reduced(shape: tuple[int, ...], axis: int | tuple[int, ...] | None) -> int:
    """Number of elements that a reduction over ``axis`` puts into one."""
    if axis is None:
        return math.prod(shape)
    axes = (axis,) if isinstance(axis, int) else axis
    return math.prod(shape[a] for a in axes)
