"""Shared bits in planes: products, openings, and bits turned into numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trine import _core
from trine.mpc.bits import planes_to_values, to_planes, words
from trine.mpc.compare import SharedBit
from trine.mpc.party import Party, Replicated, Ring, place
from trine.mpc.rounds import Protocol, Round

__all__ = [
    "Injection",
    "all_of",
    "and_part",
    "draw_injection",
    "input_bits",
    "multiply_bits",
    "open_bits",
    "reshare_bits",
    "xor",
]


def and_part(x: Replicated, y: Replicated) -> Ring:
    """This party's part of x and y, bit by bit, not masked; shapes broadcast; local."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    xa, xb, ya, yb = (np.ascontiguousarray(np.broadcast_to(s, shape)) for s in (x.a, x.b, y.a, y.b))
    out = np.empty(shape, np.uint64)
    _core.rss_and(xa, xb, ya, yb, out)
    return out


def xor(x: Replicated, y: Replicated) -> Replicated:
    """x xor y, bit by bit; local."""
    return Replicated(x.a ^ y.a, x.b ^ y.b)


def reshare_bits(party: Party, part: Ring, zero: Ring | None = None) -> Protocol[Replicated]:
    """From exclusive-or parts to replicated shares: 1 round, 3 bits each; works in the place of ``part``."""
    part ^= party.zero_bits(part.shape) if zero is None else zero
    message = part.reshape(-1).view(np.uint8)
    received = yield Round({party.previous: [message]}, {party.next: [message.size]})
    return Replicated(part, received[party.next][0].view(np.uint64).reshape(part.shape))


def multiply_bits(party: Party, x: Replicated, y: Replicated) -> Protocol[Replicated]:
    """x and y, bit by bit: 1 round, 3 bits each [Araki et al. 2016, section 2.1]."""
    return (yield from reshare_bits(party, and_part(x, y)))


def all_of(party: Party, x: Replicated) -> Protocol[Replicated]:
    """The product of all planes along the first axis: ceil(log2 k) rounds, 3 (k - 1) bits."""
    while x.shape[0] > 1:
        pairs = x.shape[0] // 2
        low, high, rest = (x.map(lambda s, c=c: s[c]) for c in _thirds(pairs))  # type: ignore[misc]
        merged = yield from multiply_bits(party, low, high)
        x = Replicated(np.concatenate([merged.a, rest.a]), np.concatenate([merged.b, rest.b]))
    return x.map(lambda s: s[0])


def open_bits(party: Party, part: Ring) -> Protocol[Ring]:
    """Opens bits of which each party holds an exclusive-or part: 1 round, 6 bits each.

    The parts are masked by a share of zero, so that the result alone is seen.
    """
    part ^= party.zero_bits(part.shape)
    message = part.reshape(-1).view(np.uint8)
    sizes = [message.size]
    received = yield Round(
        {party.next: [message], party.previous: [message]}, {party.next: sizes, party.previous: sizes}
    )
    opened: Ring = part ^ received[party.next][0].view(np.uint64).reshape(part.shape)
    opened ^= received[party.previous][0].view(np.uint64).reshape(part.shape)
    return opened


def input_bits(party: Party, known: Ring) -> Protocol[Replicated]:
    """Party 1 shares bits that it knows: 1 round, 1 bit each; party 2's come from key 2, which hides them from party 0.

    Share 0 is zero, so that the shares of parties 0 and 2 that are not are two halves of the bits.

    Args:
        known: the planes, at party 1; an array of their shape elsewhere.
    """
    zeros = np.zeros_like(known)
    if party.index == 0:
        received = yield Round({}, {1: [known.nbytes]})
        return Replicated(zeros, received[1][0].view(np.uint64).reshape(known.shape))
    pad: Ring = party.common(2).uint64(known.shape)
    if party.index == 2:
        yield Round({}, {})
        return Replicated(pad, zeros)
    rest = known ^ pad
    yield Round({0: [rest.reshape(-1).view(np.uint8)]}, {})
    return Replicated(rest, pad)


@dataclass(repr=False)
class Injection:
    """Random bits that no party knows, as planes and as numbers: what turns shared bits into shared numbers.

    Attributes:
        planes: what this party knows of the bits, (k, words).
        bits: the same as :class:`trine.mpc.compare.SharedBit`, whose numbers have shape (k, ...).
    """

    planes: Ring
    bits: SharedBit

    def deal(self, party: Party) -> Protocol[None]:
        """Share the bits as numbers: 2 rounds, 3 * width / 8 bytes each."""
        yield from self.bits.deal(party)

    def hiding(self, party: Party) -> Ring | None:
        """This party's exclusive-or part of the planes; party 2 leaves it to party 0."""
        return self.planes if party.index < 2 else None

    def open(self, party: Party, part: Ring) -> Protocol[Replicated]:
        """Numbers 0 or 1, shape (k, ...), from the exclusive-or parts of k planes: 1 round, 6 bits each."""
        hiding = self.hiding(party)
        if hiding is not None:
            part ^= hiding[: len(part)]
        opened = yield from open_bits(party, part)
        return self.numbers(party, opened)

    def numbers(self, party: Party, opened: Ring) -> Replicated:
        """bit = e + (1 - 2 e) beta for each of the opened planes e = bit xor beta; local."""
        found = self.bits.numbers
        assert found is not None
        ones = place(party, 0, np.ones(found.shape[1:], np.uint64), found.shape[1:])
        for one, beta in ((ones.a, found.a), (ones.b, found.b)) if found.a.size else ():
            for flip, number in zip(opened, beta, strict=True):
                _core.round_unflip(flip, one, number, number)
        return found


@dataclass(repr=False)
class Selection:
    """Random bits that party 1 knows, split as numbers between parties 0 and 2: what turns bits into a table's entry.

    It takes a third of the bytes of an :class:`Injection`, where only linear combinations of the bits are asked for.

    Attributes:
        planes: party 1's bits, (k, words); at the others an array of that shape.
        half: at parties 0 and 2 their half of the numbers, (k, n), once dealt.
    """

    planes: Ring
    n: int
    half: Ring | None = None

    def deal(self, party: Party) -> Protocol[None]:
        """Party 1 splits its bits; party 2's halves come from key 2: 1 round, 8 bytes each."""
        k, count = self.planes.shape
        if party.index == 0:
            received = yield Round({}, {1: [8 * k * self.n]})
            self.half = received[1][0].view(np.uint64).reshape(k, self.n)
            return
        half = party.common(2).uint64((k, self.n))
        if party.index == 2:
            self.half = half
            yield Round({}, {})
            return
        values = planes_to_values(self.planes.reshape(-1), (k, 64 * count))[:, : self.n]
        yield Round({0: [np.subtract(values, half).reshape(-1).view(np.uint8)]}, {})

    def open(self, party: Party, part: Ring, table: Ring) -> Protocol[Replicated]:
        """The combinations of k shared bits by the columns of a table (k, m): numbers (m, n), modulo 2^64.

        2 rounds; 4 bits for each bit and 16 bytes for each number. The bits, hidden by those of party 1, are opened to
        parties 0 and 2, which then hold additive parts of every combination; these they exchange, masked.
        """
        part ^= party.zero_bits(part.shape)
        if party.index == 1:
            part ^= self.planes
            message = part.reshape(-1).view(np.uint8)
            shares = Replicated(*(party.common(key).uint64((table.shape[1], self.n)) for key in (1, 2)))
            yield Round({0: [message], 2: [message]}, {})
            yield Round({}, {})
            return shares
        assert self.half is not None
        # Drawn in the round in which party 1 draws it, not in that in which it is used.
        pad = party.common(1 if party.index == 0 else 2).uint64((table.shape[1], self.n))
        message, peer = part.reshape(-1).view(np.uint8), 2 - party.index
        received = yield Round({peer: [message]}, {peer: [message.size], 1: [message.size]})
        opened = part ^ received[peer][0].view(np.uint64).reshape(part.shape)
        opened ^= received[1][0].view(np.uint64).reshape(part.shape)
        one = np.full(self.n, party.index == 0, np.uint64)
        for flip, number in zip(opened, self.half, strict=True) if self.n else ():
            _core.round_unflip(flip, one, number, number)
        mine = np.empty((table.shape[1], self.n), np.uint64)
        _core.z2k_matmul(np.ascontiguousarray(table.T), self.half, mine)
        mine -= pad
        message = mine.reshape(-1).view(np.uint8)
        received = yield Round({peer: [message]}, {peer: [message.size]})
        total = mine + received[peer][0].view(np.uint64).reshape(mine.shape)
        return Replicated(total, pad) if party.index == 0 else Replicated(pad, total)


def draw_selection(party: Party, count: int, n: int) -> Selection:
    """Draw what one selection among ``count`` planes of n bits uses up; local."""
    shape = (count, words(n))
    return Selection(party.private.uint64(shape) if party.index == 1 else np.empty(shape, np.uint64), n)


def draw_injection(party: Party, count: int, shape: tuple[int, ...], width: int = 64) -> Injection:
    """Draw what the injection of ``count`` planes of bits, one for each element of ``shape``, uses up; local."""
    n = math.prod(shape)
    source = party.private if party.index == 1 else party.common(0)
    planes = source.uint64((count, words(n)))
    packed = planes.reshape(-1)
    if n % 64:  # the numbers' bits lie without gaps
        packed = to_planes(planes_to_values(packed, (count, 64 * words(n)))[:, :n], 0, 1)[0]
    return Injection(planes, SharedBit(packed, (count, *shape), width))


def _thirds(pairs: int) -> tuple[slice, slice, slice]:
    return slice(pairs), slice(pairs, 2 * pairs), slice(2 * pairs, None)
