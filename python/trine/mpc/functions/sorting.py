"""Sorting, and the k largest, along the last axis: Batcher's network of compare-exchanges."""

from __future__ import annotations

import numpy as np

from trine.mpc.party import Party, Replicated
from trine.mpc.rounds import Protocol

__all__ = ["argsort", "network", "sort", "topk"]

Stage = tuple[tuple[int, int], ...]


def sort(party: Party, x: Replicated, width: int, *, descending: bool = False) -> Protocol[Replicated]:
    """The values along the last axis in order, exactly.

    Each stage of the :func:`network` is one ReLU of the differences. Rounds and bytes: :func:`trine.mpc.cost.sort`.

    Args:
        width: signed bits that the values fit in.
    """
    values = x.map(np.copy)
    for stage in network(_length(x), _length(x)):
        first, second = _ends(stage)
        upper, lower = _taken(values, first), _taken(values, second)
