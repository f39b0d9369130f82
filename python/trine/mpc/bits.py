"""Comparison of a number that party 1 knows with one that parties 0 and 2 know, on shares of bits.

Bits live in bit planes: 64-bit words of which bit b of word v belongs to element 64 v + b. All work is and,
exclusive or and shifts on whole words, the same whatever the values.
"""

from __future__ import annotations

import numpy as np

from trine import _core
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Round
from trine.ring.pack import pack, unpack

__all__ = ["GROUP", "open_bits", "planes_to_values", "sign_part", "table_rows", "to_planes", "words"]

GROUP = 4  # bits that the first step compares at once: 15 table rows a group, 2 tree levels saved


def words(count: int) -> int:
    """64-bit words of a plane with a bit for each of ``count`` elements."""
    return (count + 63) // 64


def table_rows(bits: int) -> int:
    """Rows of the table that party 1 shares to compare numbers of ``bits`` bits."""
    return 15 * (bits // GROUP) + (1 << bits % GROUP) - 1


def to_planes(values: Ring, bits: int) -> Ring:
    """The low ``bits`` bits of each element as planes (bits, words)."""
    out = np.empty((bits, words(values.size)), np.uint64)
    _core.bits_to_planes(np.ascontiguousarray(values).reshape(-1), out)
    return out


def planes_to_values(plane: Ring, shape: tuple[int, ...]) -> Ring:
    """A single plane (words,) as elements 0 or 1 of the given shape."""
    out = np.empty(shape, np.uint64)
    _core.bits_from_planes(plane.reshape(1, -1), out.reshape(-1))
    return out


def sign_part(party: Party, known: Ring, low: int, high: int) -> Protocol[Ring]:
    """Bit ``high - low`` of (c >> low) - (r >> low), where party 1 knows c and parties 0 and 2 know r.

    Returns:
        this party's part of the bit: the three parts' exclusive or, a plane (words,). The parts are not random.

    With w = high - low bits below the one asked for and g = ceil(w / 4) groups of them: no round if w = 0, else
    1 round if g = 1, else 1 + ceil(log2 g) rounds.

    The bit is that of c, xor that of r, xor the borrow [c' < r'] of the w bits below. First round: party 1 shares, for
    each group of four bits, all products of its bits, from which parties 0 and 2 derive linearly, hence locally, shares
    of "less" and "equal" of the group (a shared truth table of one operand, as in Ishai et al., TCC 2013). Then a tree
    of pairs (less, equal): less = less_high xor equal_high less_low, each level one replicated product of bits (Araki
    et al. 2016, section 2.1).
    """
    width = high - low
    planes = to_planes(known >> np.uint64(low), width + 1)
    if not width:
        lowest: Ring = planes[0]
        return lowest if party.index < 2 else np.zeros_like(lowest)
    less, equal = yield from _compare_groups(party, planes[:width])
    groups, count = less.shape
    if groups == 1:
        part: Ring = less[0]
    else:
        both = yield from _share_bits(party, np.concatenate([less, equal[1:]]), (2 * groups - 1, count))
        part = yield from _merge_groups(party, both.map(lambda s: s[:groups]), both.map(lambda s: s[groups:]))
    return part ^ planes[width] if party.index < 2 else part


def open_bits(party: Party, part: Ring) -> Protocol[Ring]:
    """Open bits, given as exclusive-or parts, to all three parties: 1 round, 6 bits an element.

    Each party sees the other two parts masked by a share of zero, of which it knows the sum alone.
    """
    mine = part ^ party.zero_bits(part.shape)
    message = pack(mine, 64)
    received = yield Round(
        {party.next: [message], party.previous: [message]},
        {party.next: [message.size], party.previous: [message.size]},
    )
    for peer in (party.next, party.previous):
        mine = mine ^ unpack(received[peer][0], part.shape, 64)
    return mine


def _compare_groups(party: Party, planes: Ring) -> Protocol[tuple[Ring, Ring]]:
    """Parts of [c < r] and [c = r] on every group of bits: held by parties 0 and 2, zero at party 1. 1 round."""
    width, count = planes.shape
    rows, groups = table_rows(width), -(-width // GROUP)
    less, equal = np.zeros((groups, count), np.uint64), np.zeros((groups, count), np.uint64)
    if party.index == 1:
        table = np.empty((rows, count), np.uint64)
        _core.compare_monomials(planes, table)
        table ^= party.common(2).uint64((rows, count))
        yield Round({0: [pack(table, 64)]}, {})
        return less, equal
    if party.index == 0:
        received = yield Round({}, {1: [8 * rows * count]})
        table = unpack(received[1][0], (rows, count), 64)
    else:
        table = party.common(2).uint64((rows, count))
        yield Round({}, {})
    _core.compare_leaf(planes, table, party.index == 0, less, equal)
    return less, equal


def _share_bits(party: Party, part: Ring, shape: tuple[int, int]) -> Protocol[Replicated]:
    """Replicated shares of bits of which parties 0 and 2 hold the two parts: 1 round, 2 bits an element."""
    if party.index == 1:
        shares = Replicated(party.common(1).uint64(shape), party.common(2).uint64(shape))
        yield Round({}, {})
        return shares
    pad = party.common(1 if party.index == 0 else 2).uint64(shape)
    mine = part ^ pad
    peer = 2 - party.index
    message = pack(mine, 64)
    received = yield Round({peer: [message]}, {peer: [message.size]})
    total = mine ^ unpack(received[peer][0], shape, 64)
    return Replicated(total, pad) if party.index == 0 else Replicated(pad, total)


def _merge_groups(party: Party, less: Replicated, equal: Replicated) -> Protocol[Ring]:
    """The tree: from "less" of every group, low first, and "equal" of all but the lowest, to a part of "less"."""
    while True:
        groups, count = less.shape
        pairs = groups // 2
        part = np.empty((2 * pairs - 1, count), np.uint64)
        _core.compare_merge(less.a, less.b, equal.a, equal.b, part)
        if groups == 2:
            whole: Ring = part[0]
            return whole
        merged = yield from _reshare_bits(party, part)
        odd, odd_equal = less.map(lambda s: s[2 * pairs :]), equal.map(lambda s: s[2 * pairs - 1 :])  # noqa: B023
        less, equal = merged.map(lambda s: s[:pairs]), merged.map(lambda s: s[pairs:])  # noqa: B023
        if groups % 2:
            less = Replicated(np.concatenate([less.a, odd.a]), np.concatenate([less.b, odd.b]))
            equal = Replicated(np.concatenate([equal.a, odd_equal.a]), np.concatenate([equal.b, odd_equal.b]))


def _reshare_bits(party: Party, part: Ring) -> Protocol[Replicated]:
    """From exclusive-or parts to replicated shares: 1 round, 3 bits an element."""
    mine = part ^ party.zero_bits(part.shape)
    message = pack(mine, 64)
    received = yield Round({party.previous: [message]}, {party.next: [message.size]})
    return Replicated(mine, unpack(received[party.next][0], part.shape, 64))
