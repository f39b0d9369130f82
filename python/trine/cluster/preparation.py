"""Randomness made ahead of queries, in idle moments: bounded, used once, thrown away when its model is stopped.

A preparation is a session of its own, opened by all three parties at party 0's word; the query that uses it is
computed in that session, so its keys serve that query and no other.
"""

from __future__ import annotations

from dataclasses import dataclass

from trine.errors import TrineError
from trine.mpc import PartySession
from trine.net.session import MeshChannel
from trine.nn.infer import Prepared

__all__ = ["Preparation", "Stock"]

# Preparations for one batch size of one model, for all its batch sizes, and inputs of all of them together.
SAME_BATCH = 4
ALL_BATCHES = 16
INPUTS = 256


@dataclass(repr=False)
class Preparation:
    """The randomness of one inference, and the session that it belongs to.

    Attributes:
        batch: number of inputs it is good for.
        random: None until it has been made.
    """

    batch: int
    channel: MeshChannel
    session: PartySession
    random: Prepared | None = None

    @property
    def usable(self) -> bool:
        """Whether it has been made, and no link of its session has broken since."""
        try:
            self.channel.finish()
        except TrineError:
            return False
        return self.random is not None


class Stock:
    """One party's preparations for one model, by session number."""

    def __init__(self) -> None:
        self._kept: dict[int, Preparation] = {}

    def wants(self, batch: int) -> bool:
        """Whether there is room for one more of this batch size."""
        batches = [preparation.batch for preparation in self._kept.values()]
        fits = len(batches) < ALL_BATCHES and sum(batches) + batch <= INPUTS
        return fits and batches.count(batch) < SAME_BATCH

    def add(self, preparation: Preparation) -> None:
        """Keep a preparation, made or about to be made."""
        self._kept[preparation.channel.number] = preparation

    def find(self, batch: int) -> int | None:
        """The oldest one that can be used for this batch size: its session; it stays."""
        return next((number for number, kept in self._kept.items() if kept.batch == batch and kept.usable), None)

    def take(self, session: int) -> Preparation | None:
        """Take out that session's, for its only use or because it is of no use any more."""
        return self._kept.pop(session, None)

    def drain(self) -> list[int]:
        """Throw everything away; the sessions that are now to be closed."""
        sessions = list(self._kept)
        self._kept.clear()
        return sessions
