"""What a query costs as its batch grows and as the model grows: time, bytes, rounds, and the parties' memory.

The model is the demo's CNN, and for the second series networks of its form with more or fewer channels and random
weights. Real service: three party processes over TLS on this machine, asked over HTTPS. ``growth`` compares each step
with the one before: how many times the time, over how many times the images or multiplications. Up to 1 is linear or
better; a cliff would show as a step far above it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from trine.bench import machine
from trine.bench.report import seconds
from trine.bench.turns import Pace, alternate
from trine.bench.workloads import Answer, Service
from trine.demo.data import load_digits, load_seed_cnn
from trine.nn import AvgPool2D, Conv2D, Dense, Flatten, ReLU, Sequential

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
WIDTHS = (0.5, 1.0, 2.0, 4.0)
WIDTH_BATCHES = (1, 32)
CHANNELS = (16, 32, 64)
CLASSES = 10
PACE = Pace(warm_up=2, least=3, most=50, seconds=2.0)
CLIFF = 1.3


def network(width: float) -> Sequential:
    """A network of the demo CNN's form with ``width`` times its channels, and random weights."""
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    before = 1
    for channels in (round(width * c) for c in CHANNELS):
        kernel = rng.normal(0, 1 / math.sqrt(9 * before), (3, 3, before, channels))
        layers += [Conv2D(kernel, np.zeros(channels)), AvgPool2D((2, 2)), ReLU()]
        before = channels
    dense = Dense(rng.normal(0, 1 / math.sqrt(before), (before, CLASSES)), np.zeros(CLASSES))
    return Sequential([*layers, Flatten(), dense], input_shape=(28, 28, 1))


def multiplications(model: Sequential) -> int:
    """In the clear, for one image."""
    total = 0
    for layer, shape in zip(model.layers, model.shapes[1:], strict=True):
        if isinstance(layer, Conv2D):
            total += math.prod(shape[:2]) * layer.weights.size
        elif isinstance(layer, Dense):
            total += layer.weights.size
    return total


def measure(service: Service, batch: int) -> dict[str, Any]:
    """Median time of a query of ``batch`` images, and what it took besides."""
    images = np.resize(load_digits()[0], (batch, 28, 28, 1))
    answers: list[Answer] = []

    def query() -> float:
        answers.append(service.query(images))
        return answers[-1].seconds

    [samples] = alternate({"query": query}, PACE).values()
    last = answers[-1]
    return {
        "batch": batch,
        "samples": samples,
        "seconds": float(np.median(samples)),
        "bytes": last.bytes,
        "rounds": last.rounds,
        "max_error": last.max_error,
        "peak_memory": service.peak_memory(),
    }


def with_growth(rows: list[dict[str, Any]], work: str) -> list[dict[str, Any]]:
    """The rows, each with its time over the time before, divided by the same of its work."""
    for before, row in itertools.pairwise(rows):
        row["growth"] = row["seconds"] / before["seconds"] / (row[work] / before[work])
    return rows


def batch_series() -> list[dict[str, Any]]:
    """One cluster, batches from the smallest up: the memory's peak after each is that batch's."""
    with Service(load_seed_cnn()) as service:
        return with_growth([measure(service, batch) for batch in BATCHES], "batch")


def width_series() -> list[dict[str, Any]]:
    """A new cluster for each width."""
    found: dict[int, list[dict[str, Any]]] = {batch: [] for batch in WIDTH_BATCHES}
    for width in WIDTHS:
        model = network(width)
        size = {"width": width, "multiplications": multiplications(model)}
        with Service(model) as service:
            for batch in WIDTH_BATCHES:
                found[batch].append({**size, **measure(service, batch)})
    return [row for rows in found.values() for row in with_growth(rows, "multiplications")]


def table(title: str, rows: list[dict[str, Any]], first: dict[str, str]) -> Table:
    """Columns ``first`` (key: heading), then what both series have."""
    printed = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (*first.values(), "query", "an image", "growth", "rounds", "MB", "peak MB\nof a party"):
        printed.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        growth = row.get("growth")
        colour = "red" if growth and growth > CLIFF else "green"
        printed.add_row(
            *(f"{row[key]:g}" if key != "multiplications" else f"{row[key] / 1e6:.2f} M" for key in first),
            seconds(row["seconds"]),
            seconds(row["seconds"] / row["batch"]),
            "" if growth is None else f"[{colour}]{growth:.2f}[/]",
            str(row["rounds"]),
            f"{row['bytes'] / 1e6:.3g}",
            "?" if row["peak_memory"] is None else f"{row['peak_memory'] / 1e6:.0f}",
        )
    return printed


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here too")
    options = parser.parse_args()
    batches, widths = batch_series(), width_series()
    console = Console()
    console.print(table("The demo CNN, against batch size", batches, {"batch": "batch"}))
    first = {"width": "width", "multiplications": "products", "batch": "batch"}
    console.print(table("Networks of its form, against their size", widths, first))
    if options.json is not None:
        content = {"machine": machine.describe(), "batches": batches, "widths": widths}
        options.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
