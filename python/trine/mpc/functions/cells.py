"""In which cell of a grid a shared number lies, as shared indicators of runs of cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trine import _core
from trine.mpc import bits
from trine.mpc.bits import GROUP, less_part, share_halves, table_rows, to_planes, words
from trine.mpc.functions.planes import Selection, all_of, and_part, input_bits, multiply_bits, reshare_bits, xor
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Round, together

__all__ = ["Grid", "look_up"]


@dataclass(frozen=True)
class Grid:
    """2^index cells of 2^low units each, from 0 up; numbers of ``width`` signed bits.

    Attributes:
        runs: cells [start, stop) that are asked for together.
        exact: whether a number c - r lies in the cell that is named; if not, the cell of the upper bits' difference is
            meant, which is that cell or, where the low bits borrow, the one above it. That takes fewer rounds.
    """

    width: int
    low: int
    index: int
    runs: tuple[tuple[int, int], ...]
    exact: bool = True

    @property
    def upper(self) -> int:
        """Bits above those that number the cells."""
        return self.width - self.low - self.index


def look_up(party: Party, known: Ring, grid: Grid, selection: Selection, table: Ring) -> Protocol[Replicated]:
    """The row of a table (runs, m) for the run in which the number lies, as shared numbers (m, n); 0 outside the grid.

    ``known`` is c at party 1 and r at the others, from a masked opening of the number c - r of ``grid.width`` bits.

    The upper and the middle bits of c and r differ by D = D_upper 2^index + D_middle. Party 1 shares which of the
    2^index values its middle bits have; parties 0 and 2 shift that by theirs, so that, without talking,
    they hold bits [D_middle = d] for all d, and add up those of a run. The number is inside the grid if D_upper, less
    a borrow of the middle, is 0: two equality tests of upper bits, for D_middle of either sign. A borrow of the
    low bits, found by a comparison that runs beside, chooses between a run and its neighbour one cell up.

    4 + ceil(log2 h) rounds for h groups of upper bits, or more if the borrow takes longer
    (:mod:`trine.mpc.functions.cost`).
    """
    count, size = words(known.size), 1 << grid.index
    rows = table_rows(grid.upper)
    groups = -(-grid.upper // GROUP)
    runs = (4 if grid.exact else 2) * len(grid.runs)
    comparison = bits.draw_sign(party, known.size, grid.low) if grid.exact else None
    keys = {0: (1,), 1: (1, 2), 2: (2,)}[party.index]
    pads = tuple(party.common(key).uint64((runs + 2 * groups, count)) for key in keys)
    borrowed: list[Replicated] = []

    def borrow(random: bits.SignRandomness) -> Protocol[None]:
        less = yield from less_part(party, to_planes(known, 0, grid.low), random)
        part = np.zeros((1, count), np.uint64) if less is None else less
        borrowed.append((yield from reshare_bits(party, part, random.zeros[-1])))

    def chosen(both: Replicated) -> Protocol[Replicated]:
        if comparison is None:
            return both
        here, change = _halves(both)
        while not borrowed:
            yield Round({}, {})
        return xor(here, (yield from multiply_bits(party, borrowed[0], change)))

    def cells() -> Protocol[Ring]:
        sent = np.empty((size + rows, count), np.uint64)
        if party.index == 1:
            sent[:size] = _one_hot(to_planes(known, grid.low, grid.index))
            _core.compare_monomials(to_planes(known, grid.low + grid.index, grid.upper), sent[size:])
        halves = yield from input_bits(party, sent)
        part = None
        if party.index != 1:
            half = halves.b if party.index == 0 else halves.a
            differences = _differences(half[:size], to_planes(known, grid.low, grid.index))
            part = np.concatenate([_runs(differences, grid), _equalities(party, half[size:], known, grid)])
        shared = yield from share_halves(party, part, pads)
        equal = shared.map(lambda s: s[runs:].reshape(2, groups, count).swapaxes(0, 1))
        upper, found = yield from together(all_of(party, equal), chosen(shared.map(lambda s: s[:runs])))
        return and_part(upper.map(lambda s: s[:, None]), found.map(lambda s: s.reshape(2, -1, count)))

    # the borrow goes first, so that what waits for it sees it in the round in which it comes
    *_, part = yield from together(*([borrow(comparison)] if comparison else []), cells())
    return (yield from selection.open(party, np.bitwise_xor.reduce(part, axis=0), table))


def _one_hot(planes: Ring) -> Ring:
    """Planes of [number = v] for all v, from the number's own planes, low first."""
    hot = np.full((1, planes.shape[1]), ~np.uint64(0))
    for plane in planes:
        high = hot & plane
        hot = np.concatenate([hot ^ high, high])
    return hot


def _differences(hot: Ring, planes: Ring) -> Ring:
    """Planes of [number - r = d - size], d = 0 .. 2 size - 1, from a share of [number = v] and r in the clear."""
    out = np.concatenate([np.zeros_like(hot), hot])
    for bit, plane in enumerate(planes):
        moved = out[1 << bit :] ^ out[: -(1 << bit)]
        moved &= plane
        out[: -(1 << bit)] ^= moved  # what lies below the lowest is zero, so nothing is lost there
        top = out[-(1 << bit) :]
        top &= ~plane
    return out


def _runs(differences: Ring, grid: Grid) -> Ring:
    """For each run, planes of [D_middle in it] for D_upper = 0 and 1; then what a borrow changes of them."""
    size = 1 << grid.index
    sums = np.concatenate([np.zeros_like(differences[:1]), np.bitwise_xor.accumulate(differences, axis=0)])

    def shifted(by: int) -> Ring:
        start, stop = (np.minimum(edge + by, 2 * size) for edge in np.array(grid.runs).T)
        return np.asarray(sums[stop] ^ sums[start])

    here = np.concatenate([shifted(size), shifted(0)])
    if not grid.exact:
        return here
    return np.concatenate([here, here ^ np.concatenate([shifted(size + 1), shifted(1)])])


def _equalities(party: Party, table: Ring, known: Ring, grid: Grid) -> Ring:
    """For each group, a share of [C = R], then of [C = R + 1], of the upper bits."""
    low = grid.low + grid.index
    upper = (known >> np.uint64(low)) + np.uint64(1)
    groups = -(-grid.upper // GROUP)
    out = np.empty((2, groups, table.shape[1]), np.uint64)
    less = np.empty((groups, table.shape[1]), np.uint64)
    for equal, planes in zip(out, (to_planes(known, low, grid.upper), to_planes(upper, 0, grid.upper)), strict=True):
        _core.compare_leaf(planes, table, party.index == 0, less, equal)
    return out.reshape(2 * groups, -1)


def _halves(x: Replicated) -> tuple[Replicated, Replicated]:
    half = x.shape[0] // 2
    return x.map(lambda s: s[:half]), x.map(lambda s: s[half:])
