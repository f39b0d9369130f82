"""Comparison, ReLU, maximum: the sign of a shared number, and products with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine import _core
from trine.errors import InputError, ShapeError
from trine.mpc import bits
from trine.mpc.arithmetic import multiply
from trine.mpc.bits import open_sign, planes_to_values, to_planes, words
from trine.mpc.known import known_product
from trine.mpc.masked import Mask, draw_mask, open_masked
from trine.mpc.party import Party, Replicated, Ring, place, shares_of
from trine.mpc.rounds import Protocol, Round, compiled, dealt, together
from trine.mpc.truncation import TruncationRandomness, draw_truncation, quotient

__all__ = [
    "RectifyRandomness",
    "SignRandomness",
    "argmax",
    "draw_rectify",
    "draw_sign_products",
    "maximum",
    "nonnegative",
    "rectify",
    "relu",
    "select",
    "sign_products",
]


@dataclass(repr=False)
class SharedBit:
    """Random bits beta = m xor v, one an element: m known to party 1 alone, v to parties 0 and 2.

    Shared as bits they need no message at all; shared as numbers, modulo 2^width, they are the daBits (doubly
    authenticated bits without the authentication) of Rotaru & Wood, INDOCRYPT 2019.

    Attributes:
        plane: what this party knows of them, m or v.
        numbers: the sharing as numbers, once it has been dealt.
    """

    plane: Ring
    shape: tuple[int, ...]
    width: int
    numbers: Replicated | None = None

    def part(self, party: Party) -> Ring | None:
        """This party's exclusive-or part of the bits: party 2 leaves it to party 0."""
        return self.plane if party.index < 2 else None

    def deal(self, party: Party) -> Protocol[None]:
        """Share the bits as numbers, m xor v = v + (1 - 2 v) m: 2 rounds, 3 * width / 8 bytes an element."""
        product = yield from known_product(party, self.plane, self.shape, self.width, signs=True)
        if party.index != 1:
            share = product.a if party.index == 0 else product.b
            share += planes_to_values(self.plane, self.shape)
        self.numbers = product


def draw_shared_bits(party: Party, shape: tuple[int, ...], width: int) -> SharedBit:
    """Draw shared random bits, one an element; local."""
    source = party.private if party.index == 1 else party.common(0)
    return SharedBit(source.uint64(words(math.prod(shape))), shape, width)


@dataclass(frozen=True, repr=False)
class SignRandomness:
    """What products with a sign use up: none of it depends on the numbers, so it can be made ahead of them.

    Attributes:
        mask: hides the number whose sign is asked for.
        planes: the bits of the mask that are compared, at parties 0 and 2.
        bit: hides the sign.
        sign: the draws of the comparison.
        zero: a part of a sharing of zero, for the products.
    """

    mask: Mask
    planes: Ring | None
    bit: SharedBit
    sign: bits.SignRandomness
    zero: Ring | None

    def deal(self, party: Party) -> Protocol[None]:
        """What takes messages: :meth:`SharedBit.deal`."""
        yield from self.bit.deal(party)

    @property
    def arrays(self) -> list[Ring | None]:
        """All of it, as ``_core.rectify_program`` takes it."""
        halves = [*self.sign.halves, None, None][:2]
        numbers = [None, None] if self.bit.numbers is None else [self.bit.numbers.a, self.bit.numbers.b]
        known = [self.mask.r, self.mask.pad, self.planes, self.bit.plane]
        return [*known, self.sign.table, *halves, self.zero, *numbers, *self.sign.zeros]


@dataclass(frozen=True, repr=False)
class RectifyRandomness:
    """What one :func:`rectify` uses up: the randomness of a truncation and of products with the quotient's sign."""

    truncation: TruncationRandomness
    sign: SignRandomness

    def deal(self, party: Party) -> Protocol[None]:
        """What takes messages, in two rounds."""
        yield from together(self.truncation.deal(party), self.sign.deal(party))


def draw_sign_products(
    party: Party, shape: tuple[int, ...], width: int, out_width: int, values: int = 1
) -> SignRandomness:
    """Draw the local half of what :func:`sign_products` of ``values`` values uses up."""
    _check_compared(width)
    mask = draw_mask(party, shape, width, additive=False)
    zero = party.zero((values, *shape), out_width) if values else None
    return _draw_sign(party, shape, mask, 0, width, out_width, zero)


def draw_rectify(
    party: Party, shape: tuple[int, ...], shift: int, width: int, out_width: int, *, additive: bool
) -> RectifyRandomness:
    """Draw the local half of what :func:`rectify` uses up; arguments as there."""
    _check_rectified(shift, width)
    truncation = draw_truncation(party, shape, shift, width, out_width, additive=additive)
    zero = party.zero(shape, out_width)
    return RectifyRandomness(truncation, _draw_sign(party, shape, truncation.mask, shift, width, out_width, zero))


def _check_compared(width: int) -> None:
    if not 1 <= width <= 64:
        raise InputError(f"numbers of {width} bits cannot be compared: 1 to 64 can")


def _check_rectified(shift: int, width: int) -> None:
    if not 1 <= shift < width - 1 <= 62:
        raise InputError(
            f"cannot rectify numbers of {width} bits cut by {shift}: 1 <= shift < width - 1 <= 62 must hold"
        )


def _draw_sign(
    party: Party, shape: tuple[int, ...], mask: Mask, low: int, high: int, out_width: int, zero: Ring | None
) -> SignRandomness:
    planes = None if mask.r is None else to_planes(mask.r, low, high - low)
    bit = draw_shared_bits(party, shape, out_width)
    return SignRandomness(mask, planes, bit, bits.draw_sign(party, math.prod(shape), high - low - 1), zero)


def nonnegative(party: Party, x: Replicated, width: int = 64, out_width: int = 64) -> Protocol[Replicated]:
    """The bit [x >= 0] as a shared number 0 or 1 modulo 2^out_width, for x in [-2^(width-1), 2^(width-1)).

    3 + ceil(log2 g) rounds for g = ceil((width - 1) / 4) > 0; bytes: :func:`trine.mpc.cost.nonnegative`.
    What is opened: x hidden by a mask that party 1 lacks (to party 1), and the sign hidden by a random bit that no
    party knows (to all).

    Args:
        width: signed bits that x is known to fit in, 1 to 64. Outside, the answer is that of x modulo 2^width.
    """
    random = draw_sign_products(party, x.shape, width, out_width, values=0)

    def online() -> Protocol[Replicated]:
        planes = yield from _open_planes(party, x, random, width)
        flips = yield from open_sign(party, planes, random.bit.part(party), random.sign)
        assert random.bit.numbers is not None
        ones = place(party, 0, np.ones(x.shape, np.uint64), x.shape)
        return _unflip(flips, ones, random.bit.numbers, ones.a.size)

    return (yield from dealt(party, random, online()))


def sign_products(
    party: Party,
    x: Replicated,
    values: Replicated,
    width: int = 64,
    out_width: int = 64,
    random: SignRandomness | None = None,
) -> Protocol[Replicated]:
    """[x >= 0] times each of ``values``, modulo 2^out_width.

    Rounds as :func:`nonnegative` (the products are made while the bits are compared);
    3 * out_width / 8 more bytes for each of the values.

    Args:
        x: any shape, with the bound of :func:`nonnegative`.
        values: shape (k, *x.shape), or that of x.
        random: made ahead of time by :func:`draw_sign_products` and dealt; drawn and dealt here if not given.
    """
    _check_compared(width)

    def stepwise() -> Protocol[Replicated]:
        count = 1 if values.shape == x.shape else values.shape[0]
        used = random or draw_sign_products(party, x.shape, width, out_width, count)

        def products() -> Protocol[Replicated]:
            while used.bit.numbers is None:  # the deal runs beside this
                yield Round({}, {})
            assert used.zero is not None
            return (yield from multiply(party, used.bit.numbers, values, out_width, used.zero.reshape(values.shape)))

        def online() -> Protocol[Replicated]:
            planes = yield from _open_planes(party, x, used, width)
            flips, hidden = yield from together(open_sign(party, planes, used.bit.part(party), used.sign), products())
            return _unflip(flips, values, hidden, math.prod(x.shape))

        return (yield from online() if random else dealt(party, used, online()))

    def program(y: Replicated) -> _core.Program:
        numbers = shares_of(x), shares_of(values)
        arrays = random.arrays if random else None
        keys = party.generators
        return _core.sign_products_program(party.index, keys, *numbers, width, out_width, arrays, y.a, y.b)

    return (yield from compiled(values.shape, program, stepwise()))


def relu(
    party: Party, x: Replicated, width: int = 64, out_width: int = 64, random: SignRandomness | None = None
) -> Protocol[Replicated]:
    """max(x, 0) modulo 2^out_width; cost of :func:`sign_products` with one value."""
    return (yield from sign_products(party, x, x, width, out_width, random))


def rectify(
    party: Party,
    x: Replicated | Ring,
    shift: int,
    width: int = 63,
    out_width: int = 64,
    random: RectifyRandomness | None = None,
) -> Protocol[Replicated]:
    """max(x / 2^shift, 0): truncation and ReLU from one masked opening, for what follows a product.

    Rounds: those of a comparison of width - shift bits alone. The comparison sees the truncated number, so the result
    is exactly the ReLU of what truncation would have given (:func:`trine.mpc.truncation.truncate`), with its error.

    Args:
        x: a replicated sharing, or this party's additive part, in [-2^(width-1), 2^(width-1) - 2^shift).
        shift: bits to cut off, 1 to width - 2.
        width: signed bits that x is known to fit in, at most 63.
        out_width: the result is shared modulo 2^out_width.
        random: made ahead of time by :func:`draw_rectify` and dealt; drawn and dealt here if not given.

    Raises:
        InputError: shift or width is out of range.
    """
    _check_rectified(shift, width)

    def stepwise() -> Protocol[Replicated]:
        additive = not isinstance(x, Replicated)
        used = random or draw_rectify(party, x.shape, shift, width, out_width, additive=additive)
        truncation, sign = used.truncation, used.sign

        def online() -> Protocol[Replicated]:
            known = yield from open_masked(party, x, truncation.mask, width + 1, 1 << (width - 1))
            planes, top = sign.planes, truncation.bit
            if planes is None:
                planes = to_planes(known, shift, width + 1 - shift)
                planes, top = planes[:-1], planes[-1]

            def value() -> Protocol[tuple[Replicated, Replicated]]:
                y = yield from quotient(party, known, top, truncation, shift, width, out_width)
                assert sign.bit.numbers is not None
                return y, (yield from multiply(party, sign.bit.numbers, y, out_width, sign.zero))

            flips, (y, product) = yield from together(
                open_sign(party, planes, sign.bit.part(party), sign.sign), value()
            )
            return _unflip(flips, y, product, math.prod(x.shape))

        return (yield from online() if random else dealt(party, used, online()))

    def program(y: Replicated) -> _core.Program:
        formats = shift, width, out_width
        first, second = (random.truncation.arrays, random.sign.arrays) if random else (None, None)
        return _core.rectify_program(party.index, party.generators, shares_of(x), *formats, first, second, y.a, y.b)

    return (yield from compiled(x.shape, program, stepwise()))


def select(party: Party, bit: Replicated, a: Replicated, b: Replicated, width: int = 64) -> Protocol[Replicated]:
    """a where the shared number ``bit`` is 1, b where it is 0: one product, 1 round, 3 * width / 8 bytes an element."""
    return b + (yield from multiply(party, bit, a - b, width))


def maximum(party: Party, x: Replicated, width: int = 64) -> Protocol[Replicated]:
    """The largest value along the last axis (n values): ceil(log2 n) comparisons deep, n - 1 in all.

    Args:
        width: signed bits that the *difference* of any two values fits in.
    """
    _refuse_empty(x)
    while x.shape[-1] > 1:
        left, right, rest = _halves(x)
        x = _concatenate(right + (yield from relu(party, left - right, width)), rest)
    return x.map(lambda s: s[..., 0])


def argmax(party: Party, x: Replicated, width: int = 64) -> Protocol[tuple[Replicated, Replicated]]:
    """Index of the largest value along the last axis, the first of equals, and the value itself.

    Depth and count as :func:`maximum`; every comparison multiplies two values instead of one.
    """
    _refuse_empty(x)
    positions = np.broadcast_to(np.arange(x.shape[-1], dtype=np.uint64), x.shape)
    both = Replicated(*(np.stack([v, p]) for v, p in zip((x.a, x.b), _pair(party, positions), strict=True)))
    while both.shape[-1] > 1:
        left, right, rest = _halves(both)
        difference = left - right
        chosen = yield from sign_products(party, difference.map(lambda s: s[0]), difference, width)
        both = _concatenate(right + chosen, rest)
    return both.map(lambda s: s[1, ..., 0]), both.map(lambda s: s[0, ..., 0])


def _open_planes(party: Party, x: Replicated, random: SignRandomness, width: int) -> Protocol[Ring]:
    known = yield from open_masked(party, x, random.mask, width, 1 << (width - 1))
    return to_planes(known, 0, width) if random.planes is None else random.planes


def _unflip(flips: Ring, values: Replicated, products: Replicated, count: int) -> Replicated:
    """sign * value from beta * value, where sign = beta xor flip: beta * value, or value less that.

    Works in the place of the products; ``count`` elements share the signs of one plane.
    """
    for value, product in ((values.a, products.a), (values.b, products.b)) if count else ():
        wholes, parts = np.asarray(value, order="C").reshape(-1, count), product.reshape(-1, count)
        for whole, part in zip(wholes, parts, strict=True):
            _core.round_unflip(flips, whole, part, part)
    return products


def _pair(party: Party, public: Ring) -> tuple[Ring, Ring]:
    shared = place(party, 0, public, public.shape)
    return shared.a, shared.b


def _halves(x: Replicated) -> tuple[Replicated, Replicated, Replicated]:
    """Neighbours along the last axis, and the one left over if their number is odd."""
    even = x.shape[-1] // 2 * 2
    return (
        x.map(lambda s: s[..., 0:even:2]),
        x.map(lambda s: s[..., 1:even:2]),
        x.map(lambda s: s[..., even:]),
    )


def _concatenate(x: Replicated, y: Replicated) -> Replicated:
    return Replicated(np.concatenate([x.a, y.a], -1), np.concatenate([x.b, y.b], -1))


def _refuse_empty(x: Replicated) -> None:
    if not x.shape or not x.shape[-1]:
        raise ShapeError(f"there is no largest value along the last axis of shape {x.shape}")
