"""Linear combinations of shared numbers by public tables, and sums of products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trine import _core
from trine.mpc.arithmetic import local_product
from trine.mpc.party import Party, Replicated, Ring

__all__ = ["add_constant", "combine", "dot_part", "ring_table", "stack"]


def ring_table(rows: Sequence[Sequence[int]]) -> Ring:
    """Integers, of any sign and size, modulo 2^64."""
    return np.array([[value % (1 << 64) for value in row] for row in rows], np.uint64)


def combine(table: Ring, numbers: Replicated) -> Replicated:
    """Linear combinations of shared numbers (k, ...) by a table (k, m): (m, ...); local."""
    left, shape = np.ascontiguousarray(table.T), numbers.shape[1:]

    def apply(share: Ring) -> Ring:
        out = np.empty((len(left), share[0].size), np.uint64)
        _core.z2k_matmul(left, np.ascontiguousarray(share).reshape(len(share), -1), out)
        return out.reshape(-1, *shape)

    return numbers.map(apply)


def dot_part(x: Replicated, y: Replicated) -> Ring:
    """This party's additive part of the sum of x y over the first axis; local."""
    return np.asarray(local_product(x, y).sum(axis=0, dtype=np.uint64))


def add_constant(party: Party, part: Ring, constant: int) -> Ring:
    """Additive parts of what ``part`` is part of, plus a constant; works in the place of ``part``."""
    if party.index == 0:
        part += np.uint64(constant % (1 << 64))
    return part


def stack(numbers: Sequence[Replicated]) -> Replicated:
    """Shared arrays of one shape along a new first axis."""
    return Replicated(np.stack([x.a for x in numbers]), np.stack([x.b for x in numbers]))
