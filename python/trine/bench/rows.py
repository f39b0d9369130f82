"""What a benchmark found: rows of two sides with all samples, and everything needed to read them elsewhere."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from trine.bench import turns

__all__ = ["Limit", "Results", "Row", "Side", "fastest"]


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: what it is.
        seconds: of each turn; empty if it could not be measured.
        bytes: sent by all its processes together in one run, None where it cannot tell or nothing is sent.
        rounds: messages that wait for one another, likewise.
        max_error: largest difference between a result and the exact one, likewise.
    """

    name: str
    seconds: Sequence[float]
    bytes: int | None = None
    rounds: int | None = None
    max_error: float | None = None

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Limit:
    """Something that must stay below a limit, whatever others reach: rounds, bytes, memory.

    Attributes:
        value: None if it cannot be measured here.
    """

    what: str
    value: float | None
    at_most: float
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it stays below; None if unknown."""
        return None if self.value is None else self.value <= self.at_most


@dataclass(frozen=True)
class Row:
    """A comparison, or trine's own figures if there is nobody to compare with.

    Attributes:
        id: K1 to K7, W1, W2 or W4 to W7.
        what: what was done, in a few words.
        note: how, and what the other side is, for whoever wants to judge the comparison.
        ours: trine's side.
        theirs: the other side, or None.
        goal: what the ratio should be at least, if a goal was set.
        missing: why there is no other side, and what to do about it.
        limits: what else must hold.
    """

    id: str
    what: str
    note: str
    ours: Side
    theirs: Side | None = None
    goal: float | None = None
    missing: str = ""
    limits: Sequence[Limit] = ()

    @property
    def ratios(self) -> list[float]:
        """Their time over ours, turn by turn."""
        return turns.ratios(self.ours.seconds, self.theirs.seconds) if self.theirs else []

    @property
    def ratio(self) -> float | None:
        """Median of the ratios."""
        return statistics.median(self.ratios) if self.theirs else None

    @property
    def spread(self) -> float:
        """Spread of the ratios, or of our own times if there are none: :func:`trine.bench.turns.spread`."""
        return turns.spread(self.ratios or self.ours.seconds)

    @property
    def met(self) -> bool | None:
        """Whether the ratio reaches the goal; None if there is no ratio or no goal."""
        ratio = self.ratio
        return None if ratio is None or self.goal is None else ratio >= self.goal

    def to_json(self) -> dict[str, Any]:
        """Everything, the derived figures too; bytes and rounds are trine's own."""
        return {
            "what": self.what,
            "note": self.note,
            "ratio": self.ratio,
            "ratios": self.ratios,
            "spread": self.spread,
            "goal": self.goal,
            "met": self.met,
            "bytes": self.ours.bytes,
            "rounds": self.ours.rounds,
            "ours": {**asdict(self.ours), "median": self.ours.median},
            "theirs": None if self.theirs is None else {**asdict(self.theirs), "median": self.theirs.median},
            "missing": self.missing,
            "limits": [{**asdict(limit), "met": limit.met} for limit in self.limits],
        }

    @classmethod
    def from_json(cls, identity: str, content: Mapping[str, Any]) -> Row:
        """The inverse of :meth:`to_json`."""
        sides = {name: _side(content[name]) for name in ("ours", "theirs") if content[name] is not None}
        limits = [Limit(limit["what"], limit["value"], limit["at_most"], limit["unit"]) for limit in content["limits"]]
        return cls(
            identity,
            content["what"],
            content["note"],
            sides["ours"],
            sides.get("theirs"),
            content["goal"],
            content["missing"],
            limits,
        )


@dataclass
class Results:
    """All rows of one run, and where and when it was.

    Attributes:
        machine: see :func:`trine.bench.machine.describe`.
        mode: "quick" or "full".
        date: when it began, ISO 8601.
        version: trine's.
        rows: in the order of the suite.
    """

    machine: dict[str, Any]
    mode: str
    date: str
    version: str
    rows: list[Row] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The rows by their id."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows:
            rows.setdefault(row.id, []).append(row.to_json())
        return {"trine": self.version, "date": self.date, "mode": self.mode, "machine": self.machine, "rows": rows}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Results:
        """The inverse of :meth:`to_json`."""
        rows = [Row.from_json(identity, row) for identity, group in content["rows"].items() for row in group]
        return cls(content["machine"], content["mode"], content["date"], content["trine"], rows)


def fastest(rows: Sequence[Row]) -> Row | None:
    """Of rows that compare the same with several others, the one with the smallest ratio: it decides about the goal."""
    return min((row for row in rows if row.theirs), key=lambda row: row.ratio or 0.0, default=None)


def _side(content: Mapping[str, Any]) -> Side:
    return Side(**{name: value for name, value in content.items() if name != "median"})
