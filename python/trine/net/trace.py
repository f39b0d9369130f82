"""Counts what a computation costs in communication: rounds and bytes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cost"]


@dataclass(frozen=True)
class Cost:
    """Communication of a computation.

    Args:
        rounds: messages that had to wait for one another.
        bytes: payload bytes sent; by all parties together, unless said otherwise.

    >>> Cost(1, 24) + Cost(2, 30)
    Cost(rounds=3, bytes=54)
    >>> Cost(1, 24) | Cost(2, 30)
    Cost(rounds=2, bytes=54)
    """

    rounds: int = 0
    bytes: int = 0

    def __add__(self, later: Cost) -> Cost:
        """One after the other."""
        return Cost(self.rounds + later.rounds, self.bytes + later.bytes)

    def __or__(self, beside: Cost) -> Cost:
        """Side by side, in the same rounds."""
        return Cost(max(self.rounds, beside.rounds), self.bytes + beside.bytes)
