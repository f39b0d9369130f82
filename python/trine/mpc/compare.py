"""Comparison, ReLU, maximum: the sign of a shared number, and products with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine.errors import InputError, ShapeError
from trine.mpc.arithmetic import local_product, multiply, reshare, split_known, times_known
from trine.mpc.bits import open_bits, planes_to_values, sign_part, words
from trine.mpc.masked import draw_mask, open_masked
from trine.mpc.party import Party, Replicated, Ring, place
from trine.mpc.rounds import Protocol, together
from trine.mpc.truncation import draw_private_bits, quotient

__all__ = ["argmax", "maximum", "nonnegative", "rectify", "relu", "select", "sign_products"]

ONE = np.uint64(1)


@dataclass(frozen=True)
class SharedBit:
    """A random bit beta = m xor v: m known to party 1 alone, v to parties 0 and 2; what this party knows of it.

    Shared as bits it needs no message at all (``plane``); shared as a number it is the daBit (doubly authenticated
    bit without the authentication) of Rotaru & Wood, INDOCRYPT 2019.
    """

    plane: Ring
    values: Ring

    def part(self, party: Party) -> Ring:
        """This party's exclusive-or part of the bit: party 2 leaves it to party 0."""
        return self.plane if party.index < 2 else np.zeros_like(self.plane)


def draw_shared_bits(party: Party, shape: tuple[int, ...]) -> SharedBit:
    """Draw shared random bits, one an element; local."""
    count = words(math.prod(shape))
    plane = party.private.uint64(count) if party.index == 1 else party.common(0).uint64(count)
    return SharedBit(plane, planes_to_values(plane, shape))


def split_bits(party: Party, bits: SharedBit, width: int) -> Protocol[Ring | None]:
    """First of two rounds that share the bits as numbers modulo 2^width: width / 8 bytes an element."""
    return (yield from split_known(party, bits.values if party.index == 1 else None, bits.values.shape, width))


def bits_as_numbers(party: Party, bits: SharedBit, half: Ring | None, width: int) -> Protocol[Replicated]:
    """Second round: m xor v = v + (1 - 2 v) m. 2 * width / 8 bytes an element."""
    v = bits.values
    shape = v.shape
    product = yield from times_known(party, half, None if party.index == 1 else ONE - (v << ONE), shape, width)
    return product + place(party, 0, v, shape)


def nonnegative(party: Party, x: Replicated, width: int = 64, out_width: int = 64) -> Protocol[Replicated]:
    """The bit [x >= 0] as a shared number 0 or 1 modulo 2^out_width, for x in [-2^(width-1), 2^(width-1)).

    3 + ceil(log2 g) rounds for g = ceil((width - 1) / 4) > 0; bytes: :func:`trine.mpc.cost.nonnegative`.
    What is opened: x hidden by a mask that party 1 lacks (to party 1), and the sign hidden by a random bit that no
    party knows (to all).

    Args:
        width: signed bits that x is known to fit in, 1 to 64. Outside, the answer is that of x modulo 2^width.
    """
    bits = draw_shared_bits(party, x.shape)
    known, half = yield from _open_sign(party, x, bits, width, out_width)
    flips, beta = yield from together(
        _opened_sign(party, known, bits, 0, width - 1), bits_as_numbers(party, bits, half, out_width)
    )
    ones = place(party, 0, np.ones(x.shape, np.uint64), x.shape)
    return _unflip(flips, ones, beta)


def sign_products(
    party: Party, x: Replicated, values: Replicated, width: int = 64, out_width: int = 64
) -> Protocol[Replicated]:
    """[x >= 0] times each of ``values``, modulo 2^out_width.

    Rounds as :func:`nonnegative` (the products are made while the bits are compared);
    3 * out_width / 8 more bytes for each of the values.

    Args:
        x: any shape, with the bound of :func:`nonnegative`.
        values: shape (k, *x.shape), or that of x.
    """
    bits = draw_shared_bits(party, x.shape)
    known, half = yield from _open_sign(party, x, bits, width, out_width)

    def products() -> Protocol[Replicated]:
        beta = yield from bits_as_numbers(party, bits, half, out_width)
        return (yield from multiply(party, beta, values, out_width))

    flips, hidden = yield from together(_opened_sign(party, known, bits, 0, width - 1), products())
    return _unflip(flips, values, hidden)


def relu(party: Party, x: Replicated, width: int = 64, out_width: int = 64) -> Protocol[Replicated]:
    """max(x, 0) modulo 2^out_width; cost of :func:`sign_products` with one value."""
    return (yield from sign_products(party, x, x, width, out_width))


def rectify(
    party: Party, x: Replicated | Ring, shift: int, width: int = 63, out_width: int = 64
) -> Protocol[Replicated]:
    """max(x / 2^shift, 0): truncation and ReLU from one masked opening, for what follows a product.

    Rounds: those of a comparison of width - shift bits alone. The comparison sees the truncated number, so the result
    is exactly the ReLU of what truncation would have given (:func:`trine.mpc.truncation.truncate`), with its error.

    Args:
        x: a replicated sharing, or this party's additive part, in [-2^(width-1), 2^(width-1) - 2^shift).
        shift: bits to cut off, 1 to width - 2.
        width: signed bits that x is known to fit in, at most 63.
        out_width: the result is shared modulo 2^out_width.

    Raises:
        InputError: shift or width is out of range.
    """
    if not 1 <= shift < width - 1 <= 62:
        raise InputError(
            f"cannot rectify numbers of {width} bits cut by {shift}: 1 <= shift < width - 1 <= 62 must hold"
        )
    shape = x.shape
    excess = max(0, out_width - (width + 1 - shift))
    mask = draw_mask(party, shape, width + 1)
    hidden = draw_private_bits(party, shape)
    bits = draw_shared_bits(party, shape)
    first: list[Protocol[Ring | None]] = [
        open_masked(party, x, mask, width + 1, 1 << (width - 1)),
        split_bits(party, bits, out_width),
    ]
    if excess:
        first.append(split_known(party, hidden, shape, excess))
    known, half, *rest = yield from together(*first)

    def value() -> Protocol[tuple[Replicated, Replicated]]:
        y, beta = yield from together(
            quotient(party, known, hidden, rest[0] if rest else None, shift, width, out_width),
            bits_as_numbers(party, bits, half, out_width),
        )
        return y, (yield from reshare(party, local_product(beta, y), out_width))

    flips, (y, product) = yield from together(_opened_sign(party, known, bits, shift, width - 1), value())
    return _unflip(flips, y, product)


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


def _open_sign(
    party: Party, x: Replicated, bits: SharedBit, width: int, out_width: int
) -> Protocol[tuple[Ring, Ring | None]]:
    if not 1 <= width <= 64:
        raise InputError(f"numbers of {width} bits cannot be compared: 1 to 64 can")
    mask = draw_mask(party, x.shape, width)
    known, half = yield from together(
        open_masked(party, x, mask, width, 1 << (width - 1)), split_bits(party, bits, out_width)
    )
    return known, half


def _opened_sign(party: Party, known: Ring, bits: SharedBit, low: int, high: int) -> Protocol[Ring]:
    """The sign bit hidden by the shared bit, opened: 0 or 1 for each element, uniform."""
    part = yield from sign_part(party, known, low, high)
    plane = yield from open_bits(party, part ^ bits.part(party))
    return planes_to_values(plane, known.shape)


def _unflip(flips: Ring, values: Replicated, products: Replicated) -> Replicated:
    """sign * value from beta * value, where sign = beta xor flip: beta * value, or value less that."""
    take = np.negative(flips)
    return Replicated(
        (take & (values.a - (products.a << ONE))) + products.a,
        (take & (values.b - (products.b << ONE))) + products.b,
    )


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
