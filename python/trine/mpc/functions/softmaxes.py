"""Softmax and its logarithm along the last axis."""

from __future__ import annotations

import numpy as np

from trine.errors import ShapeError
from trine.mpc.arithmetic import local_product
from trine.mpc.compare import maximum
from trine.mpc.functions.exponential import exp_nonpositive
from trine.mpc.functions.leading import Octaves
from trine.mpc.functions.roots import log_of, reciprocal_of
from trine.mpc.party import Party, Replicated
from trine.mpc.rounds import Protocol
from trine.mpc.truncation import truncate

__all__ = ["log_softmax", "octaves", "softmax"]

TERM = 28  # fractional bits of a term and of their sum
INVERSE = 30  # fractional bits of the sum's reciprocal


def softmax(party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64) -> Protocol[Replicated]:
    """e^x_i / sum_j e^x_j along the last axis, of n < 2^20 values; modulo 2^out_width.

    The largest value is taken off first, so no logits are too large. Error: below 1.2 units and 2^-18.
    Rounds and bytes: :func:`trine.mpc.functions.cost.softmax`.
    """
    _, terms, total, bounds = yield from _terms(party, x, width, fraction)
    inverse = yield from reciprocal_of(party, total, bounds, TERM, INVERSE)
    inverse = inverse.map(lambda s: s[..., None])
    part = local_product(terms, inverse)
    return (yield from truncate(party, part, TERM + INVERSE - fraction, TERM + INVERSE + 2, out_width))


def log_softmax(
    party: Party, x: Replicated, width: int, fraction: int = 16, out_width: int = 64
) -> Protocol[Replicated]:
    """x_i - log sum_j e^x_j along the last axis, of n < 2^20 values; modulo 2^out_width.

    Error: below 1.2 units.
    """
    below, _, total, bounds = yield from _terms(party, x, width, fraction)
    normaliser = yield from log_of(party, total, bounds, TERM, fraction, out_width)
    return below - normaliser.map(lambda s: s[..., None])


def _terms(
    party: Party, x: Replicated, width: int, fraction: int
) -> Protocol[tuple[Replicated, Replicated, Replicated, Octaves]]:
    """x less its row's largest value, e to that power, the sum of these, and where that sum lies."""
    if not x.shape or not 0 < x.shape[-1] < 1 << 20:
        raise ShapeError(f"softmax is along the last axis, of 1 to 2^20 - 1 values; the shape is {x.shape}")
    largest = yield from maximum(party, x, width + 1)
    below = x - largest.map(lambda s: s[..., None])
    terms = yield from exp_nonpositive(party, below, width + 1, fraction, TERM)
    total = terms.map(lambda s: s.sum(axis=-1, dtype=np.uint64))
    return below, terms, total, octaves(x.shape[-1])


def octaves(n: int) -> Octaves:
    """Where the sum of n terms lies of which the largest is 1, which may have been rounded down."""
    high = TERM + n.bit_length()
    return Octaves(high + 1, TERM - 1, high, signed=False)
