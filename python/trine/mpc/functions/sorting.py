"""Sorting, and the k largest, along the last axis: Batcher's network of compare-exchanges."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from trine.errors import InputError, ShapeError
from trine.mpc.compare import relu, sign_products
from trine.mpc.functions.linear import stack
from trine.mpc.party import Party, Replicated, place
from trine.mpc.rounds import Protocol

__all__ = ["argsort", "network", "sort", "topk"]

Stage = tuple[tuple[int, int], ...]


def sort(party: Party, x: Replicated, width: int, *, descending: bool = False) -> Protocol[Replicated]:
    """The values along the last axis in order, exactly.

    Each stage of the :func:`network` is one ReLU of the differences: :func:`trine.mpc.functions.cost.sort`.

    Args:
        width: signed bits that the values fit in.
    """
    values = x.map(np.copy)
    for stage in network(_length(x), _length(x)):
        first, second = _ends(values, stage)
        change = second - first if descending else first - second
        gain = yield from relu(party, change, width + 1)
        _move(values, stage, gain if descending else gain.map(np.negative))
    return values


def argsort(
    party: Party, x: Replicated, width: int, *, descending: bool = False
) -> Protocol[tuple[Replicated, Replicated]]:
    """The values along the last axis in order, and where they were; equal values stay in their order."""
    return (yield from _with_positions(party, x, width, _length(x), descending))


def topk(party: Party, x: Replicated, k: int, width: int) -> Protocol[tuple[Replicated, Replicated]]:
    """The k largest values along the last axis, largest first, and where they were; of equals the first ones.

    The part of the network that the first k outputs depend on. Rounds and bytes: :func:`trine.mpc.functions.cost.topk`.
    """
    return (yield from _with_positions(party, x, width, k, descending=True))


def _with_positions(
    party: Party, x: Replicated, width: int, k: int, descending: bool
) -> Protocol[tuple[Replicated, Replicated]]:
    """Values and positions travel together; a value's position breaks ties, so that no two are equal."""
    n = _length(x)
    if not 0 < k <= n:
        raise InputError(f"cannot take the {k} largest of {n} values")
    bits = n.bit_length()
    if width + bits + 1 > 64:
        raise InputError(f"{n} values of {width} bits cannot be sorted with their positions, {bits} bits more")
    places = np.broadcast_to(np.arange(n, dtype=np.uint64), x.shape)
    both = stack([x, place(party, 0, places, x.shape)])
    for stage in network(n, k):
        first, second = _ends(both, stage)
        change = second - first
        # positive, and never zero, where the second belongs before the first
        key = change.map(lambda s: ((s[0] if descending else np.negative(s[0])) << np.uint64(bits)) - s[1])
        _move(both, stage, (yield from sign_products(party, key, change, width + bits + 1)))
    return both.map(lambda s: s[0, ..., :k]), both.map(lambda s: s[1, ..., :k])


@functools.cache
def network(n: int, k: int) -> tuple[Stage, ...]:
    """Stages of pairs (i, j), i < j, that put n values in order, as far as outputs 0 .. k - 1 depend on them.

    Batcher's merge exchange (Knuth, The Art of Computer Programming 3, section 5.2.2, algorithm M), for any n:
    t (t + 1) / 2 stages for t = ceil(log2 n).
    """
    needed = set(range(k))
    kept = []
    for stage in reversed(list(_merge_exchange(n))):
        pairs = tuple(pair for pair in stage if needed.intersection(pair))
        needed.update(wire for pair in pairs for wire in pair)
        if pairs:
            kept.append(pairs)
    return tuple(reversed(kept))


def _merge_exchange(n: int) -> Iterator[Stage]:
    """Knuth's algorithm M, a stage for each round of its inner loop."""
    p = top = (1 << (n - 1).bit_length()) >> 1
    while p > 0:
        q, r, d = top, 0, p
        while True:
            yield tuple((i, i + d) for i in range(n - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1


def _length(x: Replicated) -> int:
    if not x.shape or not x.shape[-1]:
        raise ShapeError(f"there is nothing to sort along the last axis of shape {x.shape}")
    return x.shape[-1]


def _ends(values: Replicated, stage: Stage) -> tuple[Replicated, Replicated]:
    """The values at the first and at the second places of all pairs."""
    first, second = zip(*stage, strict=True)
    return values.map(lambda s: np.take(s, first, axis=-1)), values.map(lambda s: np.take(s, second, axis=-1))


def _move(values: Replicated, stage: Stage, change: Replicated) -> None:
    """Adds what each pair exchanges to its first place, and takes it from its second."""
    first, second = (list(wires) for wires in zip(*stage, strict=True))
    for share, moved in ((values.a, change.a), (values.b, change.b)):
        share[..., first] += moved
        share[..., second] -= moved
