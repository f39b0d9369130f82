"""Which power of two a shared number reaches, as shared indicators: the start of every function that normalises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from trine.errors import InputError
from trine.mpc.arithmetic import multiply
from trine.mpc.bits import to_planes
from trine.mpc.functions.linear import combine, ring_table
from trine.mpc.functions.planes import (
    and_part,
    draw_injection,
    input_bits,
    multiply_bits,
    reshare_bits,
    xor,
)
from trine.mpc.masked import draw_mask, open_masked
from trine.mpc.party import Party, Replicated, Ring, place
from trine.mpc.rounds import Protocol, dealt, together

__all__ = ["DIGIT", "Leading", "Octaves", "find_leading"]

Merge = Callable[[Replicated, Replicated], Ring]
DIGIT = 8  # an octave's number is written with two digits, the lower one below DIGIT


@dataclass(frozen=True)
class Octaves:
    """The octaves [2^j, 2^(j+1)) for j = low .. high - 1 in which a number of ``width`` signed bits may lie.

    Attributes:
        low: 0, or the number is known to be 2^low at least.
        signed: whether the number may be negative, so that its absolute value counts (then up to 2^(j+1) inclusive).
    """

    width: int
    low: int
    high: int
    signed: bool

    @property
    def lower(self) -> int:
        """Values of the lower digit."""
        return min(DIGIT, self.high - self.low)

    @property
    def upper(self) -> int:
        """Values of the upper digit."""
        return -(-(self.high - self.low) // DIGIT)

    @property
    def planes(self) -> int:
        """Bits that are turned into numbers."""
        return self.lower + (self.upper if self.upper > 1 else 0) + (not self.low) + self.signed


@dataclass(frozen=True, repr=False)
class Leading:
    """Shared numbers 0 or 1, (k, n): the digits of an octave's number j - low, of which one each is 1.

    Attributes:
        lower: [(j - low) modulo DIGIT = i].
        upper: [(j - low) // DIGIT = i]; None if there is just one value.
        void: whether there is no octave: the number is 0 (or negative, unless that counts), and all digits are 0;
            None if it is known to be 2^low at least.
        negative: whether the number is negative; None unless that counts.
    """

    lower: Replicated
    upper: Replicated | None
    void: Replicated | None
    negative: Replicated | None

    def power(
        self, party: Party, lower: Sequence[int], upper: Sequence[int], *factors: Replicated
    ) -> Protocol[Replicated]:
        """lower[j' modulo DIGIT] upper[j' // DIGIT] for j' = j - low, times shared factors; a round for each product.

        It is 0 where there is no octave. Of one upper value only there is no product to be made.
        """
        scale = upper[0] if self.upper is None else 1
        value = combine(ring_table([[scale * v] for v in lower]), self.lower).map(lambda s: s[0])
        others = [*factors]
        if self.upper is not None:
            others.insert(0, combine(ring_table([[v] for v in upper]), self.upper).map(lambda s: s[0]))
        for other in others:
            value = yield from multiply(party, value, other)
        return value

    def sign(self, party: Party) -> Replicated:
        """1 - 2 negative; local."""
        assert self.negative is not None
        ones = place(party, 0, np.ones(self.negative.shape, np.uint64), self.negative.shape)
        return ones - self.negative.map(lambda s: s << np.uint64(1))


def find_leading(party: Party, x: Replicated, octaves: Octaves) -> Protocol[Leading]:
    """The octave of each x (n,).

    4 + ceil(log2 width) rounds (:func:`trine.mpc.functions.cost.leading`).

    With x = c - r, "the bits of x from j up are all 0" says of the bits of c and r from j up that they are
    equal, if the bits below do not borrow, or that c's are r's plus 1, if they do; "are all 1": c's are r's less 1,
    or equal. Both kinds of statement about a block of bits follow from those about its two halves, so one parallel
    prefix tree over the bits finds the borrows into all j, another (from the top) those statements for all j; a last
    product of bits chooses by the borrow. (Parallel prefix: Sklansky 1960; with shared bits, Damgard,
    Fitzi, Kiltz, Nielsen & Toft, TCC 2006, section 5.)
    """
    if not 0 <= octaves.low < octaves.high < octaves.width <= 62:
        raise InputError(f"no octaves {octaves.low} to {octaves.high} in numbers of {octaves.width} bits")
    (n,), width = x.shape, octaves.width
    mask = draw_mask(party, (n,), width, additive=False)
    injection = draw_injection(party, octaves.planes, (n,))

    def online() -> Protocol[Replicated]:
        known = yield from open_masked(party, x, mask, width, 0)
        planes = to_planes(known, 0, width)
        r = place(party, 0, None if party.index == 1 else planes, planes.shape)
        c = yield from input_bits(party, planes)
        both = yield from multiply_bits(party, c, r)
        equal = not_bits(party, xor(c, r))
        more, less = xor(c, both), xor(r, both)
        upper = [equal, more, less, *([less, more] if octaves.signed else [])]
        top = [s.map(lambda p: p[octaves.low :][::-1]) for s in upper]
        borrows, tops = yield from together(
            _scan(party, _stacked([s.map(lambda p: p[:-1]) for s in (less, equal)]), _borrow),
            _scan(party, _stacked(top), _signed_top if octaves.signed else _top),
        )
        borrow = borrows.map(lambda s: np.concatenate([np.zeros_like(s[0, :1]), s[0]])[octaves.low :])
        part = _indicators(party, borrow, tops.map(lambda s: s[:, ::-1]), c, r, octaves)
        return (yield from injection.open(party, part))

    found = yield from dealt(party, injection, online())
    return _named(found, octaves)


def _indicators(
    party: Party, borrow: Replicated, tops: Replicated, c: Replicated, r: Replicated, octaves: Octaves
) -> Ring:
    """This party's part of the planes that are to be opened."""
    equal, *rest = (tops.map(lambda s, i=i: s[i]) for i in range(tops.shape[0]))  # type: ignore[misc]
    plain, change = equal, xor(equal, xor(rest[0], rest[1]))
    if octaves.signed:
        ones = xor(rest[2], rest[3])
        plain, change = xor(equal, ones), xor(xor(rest[0], rest[1]), ones)
    small = and_part(borrow, change) ^ plain.a  # "no bit counts from j up", for j = low .. width - 1
    sign = c.a[-1] ^ r.a[-1] ^ borrow.a[-1]
    void = equal.a[0] if octaves.signed else small[0] ^ sign
    if octaves.low:
        small[0] = 0
    elif octaves.signed:
        small[0] = void  # -1 counts as 1
    count = octaves.high - octaves.low
    leads = small[1 : count + 1] ^ small[:count]
    padded = np.zeros((octaves.upper * octaves.lower, leads.shape[1]), np.uint64)
    padded[:count] = leads
    digits = padded.reshape(octaves.upper, octaves.lower, -1)
    planes = [np.bitwise_xor.reduce(digits, axis=0)]
    if octaves.upper > 1:
        planes.append(np.bitwise_xor.reduce(digits, axis=1))
    planes += [] if octaves.low else [void[None]]
    planes += [sign[None]] if octaves.signed else []
    return np.concatenate(planes)


def _named(found: Replicated, octaves: Octaves) -> Leading:
    ends = [octaves.lower, octaves.upper if octaves.upper > 1 else 0, not octaves.low, octaves.signed]
    begin, parts = 0, []
    for count in ends:
        parts.append(found.map(lambda s, b=begin, e=begin + count: s[b:e]) if count else None)  # type: ignore[misc]
        begin += count
    lower, upper, void, negative = parts
    assert lower is not None
    flat = [None if p is None else p.map(lambda s: s[0]) for p in (void, negative)]
    return Leading(lower, upper, *flat)


def not_bits(party: Party, x: Replicated) -> Replicated:
    """The complement of shared bits; local."""
    return xor(x, place(party, 0, np.full(x.shape, ~np.uint64(0)), x.shape))


def _stacked(states: Sequence[Replicated]) -> Replicated:
    return Replicated(np.stack([s.a for s in states]), np.stack([s.b for s in states]))


def _scan(party: Party, state: Replicated, merge: Merge) -> Protocol[Replicated]:
    """All prefixes of blocks (k, m, words) along the second axis, by ceil(log2 m) levels of products.

    ``merge`` of (first blocks, the blocks behind them) gives this party's part of the joint blocks.
    """
    count, step = state.shape[1], 1
    index = np.arange(count)
    while step < count:
        second = index[index & step > 0]
        first = (second // step) * step - 1
        part = merge(state.map(lambda s, f=first: s[:, f]), state.map(lambda s, b=second: s[:, b]))  # type: ignore[misc]
        joint = yield from reshare_bits(party, part)
        for share, new in ((state.a, joint.a), (state.b, joint.b)):
            share[:, second] = new
        step *= 2
    return state


def _borrow(low: Replicated, high: Replicated) -> Ring:
    """From (less, equal) of two blocks of bits to those of both: less = less_high xor equal_high less_low."""
    part = and_part(high.map(lambda s: s[1]), low)
    part[0] ^= high.a[0]
    return part


def _top(high: Replicated, low: Replicated) -> Ring:
    """From three statements about two blocks to those about both.

    E: c = r. V: c = r + 1 and no carry leaves the block. W: c = r + 1 and one does (c is all 0, r all 1).
    E = E_low E_high, V = V_low E_high xor W_low V_high, W = W_low W_high.
    """
    equal = high.map(lambda s: s[0])
    part = np.zeros((3, *low.shape[1:]), np.uint64)
    part[:2] = and_part(equal, low.map(lambda s: s[:2]))
    part[1:] ^= and_part(low.map(lambda s: s[2]), high.map(lambda s: s[1:3]))
    return part


def _signed_top(high: Replicated, low: Replicated) -> Ring:
    """The same, and c = r - 1: A if a borrow leaves the block, G if none does (c is all 1, r all 0).

    A = A_low E_high xor G_low A_high, G = G_low G_high.
    """
    part = np.concatenate([_top(high, low), np.zeros((2, *low.shape[1:]), np.uint64)])
    part[3] = and_part(high.map(lambda s: s[0]), low.map(lambda s: s[3]))
    part[3:] ^= and_part(low.map(lambda s: s[4]), high.map(lambda s: s[3:5]))
    return part
