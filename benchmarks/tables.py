"""The tables of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from trine.bench.report import COLUMNS, lines, seconds
from trine.bench.rows import Row

__all__ = ["goals", "kernels", "machine", "markdown", "models", "networks", "operations", "peers"]

Cells = Sequence[str]


def markdown(headings: Cells, rows: Iterable[Cells], right: Iterable[int] = ()) -> str:
    """A table in Markdown; the columns in ``right`` are aligned to the right."""
    places = set(right)
    rule = [("---:" if i in places else "---") for i in range(len(headings))]
    return "\n".join(f"| {' | '.join(_escaped(row))} |" for row in (headings, rule, *rows)) + "\n"


def machine(described: dict[str, Any]) -> str:
    """The machine, a line each."""
    memory = described["memory_bytes"]
    rows = [
        ("processor", f"{described['processor']}, {described['usable_cores']} of {described['cores']} cores"),
        ("caches of a core", ", ".join(described["caches"]) or "?"),
        ("memory", f"{memory / 2**30:.0f} GiB" if memory else "?"),
        ("trine's kernels for", ", ".join(described["isas"])),
        ("system", described["system"]),
        ("Python, NumPy", f"{described['python']}, {described['numpy']} with {described['blas']}"),
        ("TLS", described["openssl"]),
        ("load before", ", ".join(f"{load:.1f}" for load in described["load"])),
    ]
    return markdown(("", ""), rows)


def goals(rows: Sequence[Row]) -> str:
    """Every row, and whether its goal is reached."""
    marks = {None: "", True: "yes", False: "**no**"}
    cells = [(*line[:6], marks[met], line[6]) for line, met in lines(rows)]
    return markdown((*COLUMNS[:6], "reached", COLUMNS[6]), cells, right=(4, 5, 7))


def peers(rows: Sequence[Row]) -> str:
    """Both sides of every comparison with a peer."""
    cells = []
    for row in rows:
        for side in (row.ours, row.theirs):
            if row.theirs is not None and side is not None:
                cells.append(
                    (
                        row.id,
                        side.name,
                        seconds(side.median),
                        _or_unknown(side.bytes, lambda value: f"{value / 1e6:.3g} MB"),
                        _or_unknown(side.rounds, str),
                        _or_unknown(side.max_error, lambda value: f"{value:.2g}"),
                        str(len(side.seconds)),
                    )
                )
    return markdown(("row", "system", "median", "sent in all", "rounds", "max error", "turns"), cells, range(2, 7))


def networks(rows: Sequence[dict[str, Any]]) -> str:
    """Shaped links: measured and computed."""
    headings = (
        *("link", "delay, one way", "rate", "ping", "by", "rounds", "query", "among parties"),
        *("network: parties", "network: client", "ratio", "without client"),
    )
    cells = [
        (
            row["link"],
            f"{row['delay'] * 1e3:g} ms",
            f"{row['rate'] / 1e6:g} Mbit/s",
            _or_unknown(row["ping"], lambda value: f"{value * 1e3:.3g} ms"),
            row["means"],
            str(row["rounds"]),
            *(f"{row[key] * 1e3:.1f} ms" for key in ("median", "among_parties", "network", "network_client")),
            f"{row['ratio']:.2f}",
            f"{row['ratio_without_client']:.2f}",
        )
        for row in rows
    ]
    return markdown(headings, cells, range(1, 12))


def models(rows: Sequence[dict[str, Any]], sizes: bool) -> str:
    """Cost against batch size, or against model size too."""
    first = ("width", "products, an image", "batch") if sizes else ("batch",)
    headings = (*first, "query", "an image", "growth", "rounds", "sent in all", "peak memory of a party")
    cells = []
    for row in rows:
        size = (f"{row['width']:g}", f"{row['multiplications'] / 1e6:.2f} M") if sizes else ()
        cells.append(
            (
                *size,
                str(row["batch"]),
                seconds(row["seconds"]),
                seconds(row["seconds"] / row["batch"]),
                f"{row['growth']:.2f}" if "growth" in row else "",
                str(row["rounds"]),
                f"{row['bytes'] / 1e6:.3g} MB",
                _or_unknown(row["peak_memory"], lambda value: f"{value / 1e6:.0f} MB"),
            )
        )
    return markdown(headings, cells, range(len(headings)))


def operations(benchmarks: Sequence[dict[str, Any]]) -> str:
    """pytest-benchmark's figures of ``ops``: one line for both ways to run an operation."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for benchmark in benchmarks:
        found.setdefault(benchmark["group"], {})[benchmark["name"].split("[")[0]] = benchmark
    cells = []
    for group, by_place in found.items():
        name, size = group.rsplit(" ", 1)
        alone, three = by_place.get("test_in_one_process"), by_place.get("test_among_three_processes")
        either = alone or three
        assert either is not None
        cells.append(
            (
                name,
                size,
                str(either["extra_info"]["rounds"]),
                f"{either['extra_info']['bytes']:,}",
                seconds(alone["stats"]["median"]) if alone else "",
                seconds(three["extra_info"]["party_seconds"]) if three else "",
            )
        )
    headings = ("operation", "size", "rounds", "bytes in all", "in one process", "among three")
    return markdown(headings, cells, range(1, 6))


def kernels(benchmarks: Sequence[dict[str, Any]]) -> str:
    """pytest-benchmark's figures of ``kernels``: a column for each instruction set, one for two threads."""
    isas = list(dict.fromkeys(b["params"]["isa"] for b in benchmarks if b["params"] and "isa" in b["params"]))
    found: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for benchmark in benchmarks:
        params = benchmark["params"] or {}
        key = params.get("isa", ""), params.get("threads", 1)
        found.setdefault(benchmark["group"], {})[key] = benchmark
    cells = []
    for group, cases in found.items():
        best = isas[-1] if any(isa for isa, _ in cases) else ""
        ways = isas if best else [""]
        one = [seconds(cases[isa, 1]["stats"]["median"]) for isa in ways]
        two = seconds(cases[best, 2]["stats"]["median"]) if (best, 2) in cases else ""
        # Kernels that have one path only stand in the last column of paths.
        cells.append((group, *[""] * (len(isas) - len(one)), *one, two, _rate(cases[best, 1])))
    headings = ("kernel", *isas, f"{isas[-1]}, two threads", f"rate, {isas[-1]}")
    return markdown(headings, cells, range(1, len(headings)))


def _rate(benchmark: dict[str, Any]) -> str:
    info, median = benchmark["extra_info"], benchmark["stats"]["median"]
    if "products" in info:
        return f"{info['products'] / median / 1e9:.2f} G products/s"
    return f"{info['bytes'] / median / 1e9:.2f} GB/s"


def _or_unknown(value: Any, form: Any) -> str:
    return "?" if value is None else str(form(value))


def _escaped(cells: Cells) -> list[str]:
    return [
        cell.replace("|", "\\|").replace("\n", " ").replace("*", "\\*") if "**" not in cell else cell for cell in cells
    ]
