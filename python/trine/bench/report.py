"""Shows the rows: as a table in a terminal, in Markdown, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from trine.bench.machine import summary
from trine.bench.rows import Limit, Results, Row, Side, fastest

__all__ = ["lines", "notes", "print_results", "seconds", "to_json"]

COLUMNS = ("row", "what", "trine", "other side", "ratio", "goal", "spread")


def to_json(results: Results) -> str:
    """All rows with all samples, and the machine."""
    return json.dumps(results.to_json(), indent=2) + "\n"


def print_results(results: Results, console: Console | None = None) -> None:
    """The table, and what is to be known about it."""
    console = console or Console()
    title = f"trine {results.version}, {results.mode} benchmark, {results.date[:10]}"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        right = column in ("ratio", "goal", "spread")
        table.add_column(column, justify="right" if right else "left", no_wrap=right)
    for cells, met in lines(results.rows):
        goal = cells[5] if met is None else f"[{'green' if met else 'red'}]{cells[5]}[/]"
        table.add_row(*cells[:5], goal, cells[6])
    console.print(table)
    for identity, note in notes(results.rows):
        console.print(f"{identity}: {note}", highlight=False)
    console.print(summary(results.machine), highlight=False)
    console.print(
        "Times are medians. Ratio: how many times the other side's time is trine's (the median over turns taken in "
        "alternation); above 1, trine takes less. Spread: half of the turns lie within about so much of the median. "
        "The fastest of several peers has a star, and the goal is for it. Goals are green where reached, else red.",
        highlight=False,
    )


def lines(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, ...], bool | None]]:
    """The table's lines: cells for :data:`COLUMNS`, and whether the goal on that line is met."""
    for _, group in groupby(rows, key=lambda row: row.id):
        members = list(group)
        # Of peers only the fastest decides; kernels have a goal of their own for each other side.
        peers = len({row.goal for row in members}) == 1 and len({row.ours.name for row in members}) == 1
        first = fastest(members) if peers and members[0].id.startswith("W") else None
        for row in members:
            decides = first is None or row is first
            yield _comparison(row, star=row is first), row.met if decides else None
        for limit in members[-1].limits:
            yield _limit(members[0], limit), limit.met


def notes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Each note, and which rows it is about."""
    about: dict[str, dict[str, None]] = {}
    for row in rows:
        about.setdefault(row.note, {})[row.id] = None
    return [(", ".join(ids), note) for note, ids in about.items()]


def seconds(value: float) -> str:
    """A time with the unit that suits it.

    >>> seconds(0.0123), seconds(2.5), seconds(4.2e-5)
    ('12.3 ms', '2.50 s', '42.0 us')
    """
    factor, unit = (1.0, "s") if value >= 1 else (1e3, "ms") if value >= 1e-3 else (1e6, "us")
    scaled = value * factor
    return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f} {unit}"


def _comparison(row: Row, star: bool) -> tuple[str, ...]:
    other = _side(row.theirs) + ("*" if star else "") if row.theirs else row.missing
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}" if row.ratio < 100 else f"{row.ratio:.0f}"
    goal = "" if row.goal is None else f">= {row.goal:g}"
    return row.id, row.what, _side(row.ours), other, ratio, goal, f"{row.spread:.1%}"


def _limit(row: Row, limit: Limit) -> tuple[str, ...]:
    value = "not known here" if limit.value is None else f"{limit.value:.3g} {limit.unit}".strip()
    return row.id, limit.what, value, "", "", f"<= {limit.at_most:g} {limit.unit}".strip(), ""


def _side(side: Side) -> str:
    return f"{seconds(side.median)} {side.name}"
