"""The pictures of docs/benchmarks.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, NullLocator

from trine.bench.rows import Row
from trine.bench.secure import WORKLOADS

__all__ = ["against_batch", "against_size", "beside_peers", "over_networks"]

COLOURS = ("#1f6f8b", "#d1603d", "#7a9e3a", "#8d5a97", "#c7a22c")
GREY = "#777777"
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")


def beside_peers(rows: list[Row], file: Path) -> None:
    """How many times trine's time each peer takes, for each workload, with the goal as a line."""
    measured = [row for row in rows if row.theirs and row.ratio and row.id in WORKLOADS]
    workloads = [name for name in WORKLOADS if any(row.id == name for row in measured)]
    peers = list(dict.fromkeys(row.theirs.name for row in measured if row.theirs))
    figure, axes = _axes(1, width=8.0, height=1.2 + 0.42 * len(workloads) * max(2, len(peers)))
    [axis] = axes
    thickness = 0.8 / len(peers)
    for row in measured:
        assert row.theirs is not None
        assert row.ratio is not None
        peer = peers.index(row.theirs.name)
        place = workloads.index(row.id) + (peer - (len(peers) - 1) / 2) * thickness
        first = row is next(r for r in measured if r.theirs and r.theirs.name == row.theirs.name)
        label = row.theirs.name if first else None
        axis.barh(place, row.ratio, thickness * 0.92, color=COLOURS[peer % len(COLOURS)], label=label)
        axis.text(row.ratio * 1.05, place, f"{row.ratio:.3g}", va="center", fontsize=8)
    for place, name in enumerate(workloads):
        goal = WORKLOADS[name].goal
        label = "goal" if not place else None
        axis.plot([goal, goal], [place - 0.45, place + 0.45], color="black", lw=1.5, ls="--", label=label)
    what = {row.id: row.what for row in measured}
    axis.set_yticks(range(len(workloads)), [f"{name}: {what[name]}" for name in workloads])
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlim(1, 2 * max(max(row.ratio or 0.0 for row in measured), 10.0))
    axis.xaxis.set_major_formatter(PLAIN)
    axis.set_xlabel("times trine's time (logarithmic)")
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
    _save(figure, file)


def against_batch(rows: list[dict[str, Any]], file: Path) -> None:
    """Time, bytes and memory as the batch grows; straight lines of slope one are linear cost."""
    figure, (time, rest) = _axes(2)
    batches = [row["batch"] for row in rows]
    time.plot(batches, [1e3 * row["seconds"] for row in rows], "o-", color=COLOURS[0], label="query")
    images = [1e3 * row["seconds"] / row["batch"] for row in rows]
    time.plot(batches, images, "s-", color=COLOURS[1], label="an image")
    _linear(time, batches, [1e3 * row["seconds"] for row in rows])
    time.set_ylabel("ms")
    rest.plot(batches, [row["bytes"] / 1e6 for row in rows], "o-", color=COLOURS[2], label="sent in all")
    if all(row["peak_memory"] for row in rows):
        memory = [row["peak_memory"] / 1e6 for row in rows]
        rest.plot(batches, memory, "s-", color=COLOURS[3], label="peak memory of a party")
    rest.set_ylabel("MB")
    for axis in (time, rest):
        _logarithmic(axis, batches)
        axis.set_xlabel("images in a query")
        axis.legend(frameon=False)
    _save(figure, file)


def against_size(rows: list[dict[str, Any]], file: Path) -> None:
    """Time and bytes as the model grows."""
    figure, (time, sent) = _axes(2)
    for index, batch in enumerate(dict.fromkeys(row["batch"] for row in rows)):
        series = [row for row in rows if row["batch"] == batch]
        sizes = [row["multiplications"] / 1e6 for row in series]
        label = "one image" if batch == 1 else f"{batch} images"
        times = [1e3 * row["seconds"] for row in series]
        time.plot(sizes, times, "o-", color=COLOURS[index], label=label)
        sent.plot(sizes, [row["bytes"] / 1e6 for row in series], "o-", color=COLOURS[index], label=label)
    _linear(time, sizes, times)
    time.set_ylabel("ms a query")
    sent.set_ylabel("MB a query, all parties")
    for axis in (time, sent):
        _logarithmic(axis, sizes)
        axis.set_xlabel("million products in the clear, an image")
        axis.legend(frameon=False)
    _save(figure, file)


def over_networks(rows: list[dict[str, Any]], file: Path) -> None:
    """A query's time beside what delay and rate alone would take."""
    figure, [axis] = _axes(1, width=8.0, height=0.9 + 0.8 * len(rows))
    for place, row in enumerate(rows):
        parties, client = 1e3 * row["network"], 1e3 * row["network_client"]
        labels = (
            ("measured", "rounds x delay + bytes / rate", "the client's share of that") if not place else (None,) * 3
        )
        axis.barh(place - 0.2, 1e3 * row["median"], 0.36, color=COLOURS[0], label=labels[0])
        axis.barh(place + 0.2, parties, 0.36, color=COLOURS[1], label=labels[1])
        axis.barh(place + 0.2, client, 0.36, left=parties, color=COLOURS[4], label=labels[2])
        axis.text(1e3 * row["median"], place - 0.2, f" {1e3 * row['median']:.0f} ms", va="center", fontsize=8)
        axis.text(parties + client, place + 0.2, f" {parties + client:.0f} ms", va="center", fontsize=8)
    names = [f"{row['link']}\n{1e3 * row['delay']:g} ms, {row['rate'] / 1e6:g} Mbit/s" for row in rows]
    axis.set_yticks(range(len(rows)), names)
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.set_xlabel("ms, one private CNN query")
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
    _save(figure, file)


def _axes(count: int, width: float = 9.0, height: float = 3.6) -> tuple[Any, list[Any]]:
    figure, axes = pyplot.subplots(1, count, figsize=(width, height), squeeze=False)
    for axis in axes[0]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
    return figure, list(axes[0])


def _linear(axis: Any, work: list[float], values: list[float]) -> None:
    """A line of linear cost through the last point."""
    reference = [values[-1] * w / work[-1] for w in work]
    axis.plot(work, reference, ":", color=GREY, lw=1, label="linear, from the last point")


def _logarithmic(axis: Any, ticks: list[float]) -> None:
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(PLAIN)


def _save(figure: Any, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=130, bbox_inches="tight")
    pyplot.close(figure)
