"""Comparison of a number that party 1 knows with one that parties 0 and 2 know, on shares of bits.

Bits live in bit planes: 64-bit words of which bit b of word v belongs to element 64 v + b. All work is and,
exclusive or and shifts on whole words, the same whatever the values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trine import _core
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Round

__all__ = [
    "GROUP",
    "SignRandomness",
    "draw_sign",
    "less_part",
    "open_sign",
    "planes_to_values",
    "share_halves",
    "table_rows",
    "to_planes",
    "words",
]

GROUP = 4  # bits that the first step compares at once: 15 table rows a group, 2 tree levels saved


def words(count: int) -> int:
    """64-bit words of a plane with a bit for each of ``count`` elements."""
    return (count + 63) // 64


def table_rows(bits: int) -> int:
    """Rows of the table that party 1 shares to compare numbers of ``bits`` bits."""
    return 15 * (bits // GROUP) + (1 << bits % GROUP) - 1


def to_planes(values: Ring, low: int, bits: int) -> Ring:
    """The ``bits`` bits of each element from bit ``low`` up, as planes (bits, words)."""
    out = np.empty((bits, words(values.size)), np.uint64)
    _core.bits_to_planes(np.asarray(values, order="C"), out, low=low)
    return out


def planes_to_values(plane: Ring, shape: tuple[int, ...]) -> Ring:
    """A single plane (words,) as elements 0 or 1 of the given shape."""
    out = np.empty(shape, np.uint64)
    _core.bits_from_planes(plane.reshape(1, -1), out.reshape(-1))
    return out


@dataclass(frozen=True, repr=False)
class SignRandomness:
    """The draws that one comparison uses up.

    Attributes:
        table: what hides party 1's table from party 0, at parties 1 and 2.
        halves: what hides the halves of parties 0 and 2 from each other: key 1 at party 0, key 2 at party 2, both at
            party 1, whose shares they are.
        zeros: a part of a sharing of zero for each level of the tree, the last for the opening.
    """

    table: Ring | None
    halves: tuple[Ring, ...]
    zeros: list[Ring]


def draw_sign(party: Party, count: int, width: int) -> SignRandomness:
    """Draw what a comparison of ``width`` bits of ``count`` elements uses up; local."""
    size, groups = words(count), -(-width // GROUP)
    table = party.common(2).uint64((table_rows(width), size)) if groups and party.index else None
    keys = {0: (1,), 1: (1, 2), 2: (2,)}[party.index] if groups > 1 else ()
    halves = tuple(party.common(key).uint64((2 * groups - 1, size)) for key in keys)
    zeros = []
    while groups > 2:
        pairs = groups // 2
        zeros.append(party.zero_bits((2 * pairs - 1, size)))
        groups -= pairs
    zeros.append(party.zero_bits((1, size)))
    return SignRandomness(table, halves, zeros)


def open_sign(party: Party, planes: Ring, hiding: Ring | None, random: SignRandomness) -> Protocol[Ring]:
    """The top bit of c - r, hidden by a shared random bit and opened to all three parties.

    With w bits below the top one and g = ceil(w / 4) groups of them: 1 round if w = 0, 2 if g = 1, else
    2 + ceil(log2 g) rounds. Bytes: :func:`trine.mpc.cost.nonnegative`.

    The bit is that of c, xor that of r, xor the borrow [c' < r'] of the w bits below. First round: party 1 shares, for
    each group of four bits, all products of its bits, from which parties 0 and 2 derive linearly, hence locally, shares
    of "less" and "equal" of the group (a shared truth table of one operand, as in Ishai et al., TCC 2013). Then a tree
    of pairs (less, equal): less = less_high xor equal_high less_low, each level one replicated product of bits (Araki
    et al. 2016, section 2.1). The last product is not reshared but opened: each party sees the other two parts masked
    by a share of zero, of which it knows the sum alone.

    Args:
        planes: the w + 1 bits of c (at party 1) or r (at parties 0 and 2), low first.
        hiding: this party's exclusive-or part of the shared bit; None if it has none.

    Returns:
        the hidden bit, a plane (words,).
    """
    width = len(planes) - 1
    part = random.zeros[-1]
    if party.index < 2:
        part ^= planes[width]
    if hiding is not None:
        part ^= hiding
    if width:
        less = yield from less_part(party, planes[:width], random)
        if less is not None:
            part ^= less
    message = part.reshape(-1).view(np.uint8)
    received = yield Round(
        {party.next: [message], party.previous: [message]},
        {party.next: [message.size], party.previous: [message.size]},
    )
    opened: Ring = part[0] ^ received[party.next][0].view(np.uint64)
    opened ^= received[party.previous][0].view(np.uint64)
    return opened


def less_part(party: Party, planes: Ring, random: SignRandomness) -> Protocol[Ring | None]:
    """This party's part of [c' < r'], not masked: a plane, or None where the part is zero."""
    width, count = planes.shape
    groups = -(-width // GROUP)
    both: Ring | None = None  # "equal" of every group, then "less" of every group
    if party.index == 1:
        table = np.empty((table_rows(width), count), np.uint64)
        assert random.table is not None
        _core.compare_monomials(planes, table)
        table ^= random.table
        yield Round({0: [table.reshape(-1).view(np.uint8)]}, {})
    else:
        if party.index == 0:
            received = yield Round({}, {1: [8 * table_rows(width) * count]})
            table = received[1][0].view(np.uint64).reshape(table_rows(width), count)
        else:
            yield Round({}, {})
            assert random.table is not None
            table = random.table
        both = np.empty((2 * groups, count), np.uint64)
        _core.compare_leaf(planes, table, party.index == 0, both[groups:], both[:groups])
    if groups == 1:
        return None if both is None else both[1:]
    shares = yield from share_halves(party, None if both is None else both[1:], random.halves)
    return (yield from _merge_groups(party, shares, groups, random.zeros))


def share_halves(party: Party, part: Ring | None, halves: tuple[Ring, ...]) -> Protocol[Replicated]:
    """Replicated shares of bits of which parties 0 and 2 hold the two parts: 1 round, 2 bits an element."""
    if part is None:
        yield Round({}, {})
        return Replicated(halves[0], halves[1])
    pad = halves[0]
    part ^= pad
    peer = 2 - party.index
    message = part.reshape(-1).view(np.uint8)
    received = yield Round({peer: [message]}, {peer: [message.size]})
    total = part ^ received[peer][0].view(np.uint64).reshape(part.shape)
    return Replicated(total, pad) if party.index == 0 else Replicated(pad, total)


def _merge_groups(party: Party, both: Replicated, groups: int, zeros: list[Ring]) -> Protocol[Ring]:
    """The tree: from "equal" of all groups but the lowest and "less" of all, low first, to a part of "less"."""
    for zero in zeros:
        pairs = groups // 2
        part = np.empty((2 * pairs - 1, both.shape[1]), np.uint64)
        equal, less = slice(groups - 1), slice(groups - 1, None)
        _core.compare_merge(both.a[less], both.b[less], both.a[equal], both.b[equal], part)
        if groups == 2:
            break
        part ^= zero
        message = part.reshape(-1).view(np.uint8)
        received = yield Round({party.previous: [message]}, {party.next: [message.size]})
        merged = Replicated(part, received[party.next][0].view(np.uint64).reshape(part.shape))
        if groups % 2:
            merged = Replicated(*(_with_odd(m, old, groups) for m, old in ((merged.a, both.a), (merged.b, both.b))))
        both, groups = merged, groups - pairs
    return part


def _with_odd(merged: Ring, both: Ring, groups: int) -> Ring:
    """Put the odd group at the high end, which had no partner, behind the merged ones."""
    pairs = groups // 2
    return np.concatenate([merged[: pairs - 1], both[groups - 2 : groups - 1], merged[pairs - 1 :], both[-1:]])
