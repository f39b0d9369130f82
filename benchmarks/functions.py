"""Errors and costs of the secure functions, through the real protocols: plots and a table for docs/functions.md.

python benchmarks/functions.py [--points 1000000] [--docs docs]
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from trine.bench.functions import FRACTION, FUNCTIONS, UNIT, WIDTH, measure
from trine.mpc.functions import cost

mpl.use("Agg")
from matplotlib import pyplot as plt

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
Floats = NDArray[np.float64]


def plot(name: str, x: Floats, error: Floats, bound: Floats, folder: Path) -> None:
    """Largest error in each of many bins, in units, beside the bound."""
    figure, axes = plt.subplots(figsize=(7, 3))
    edges = np.linspace(0, len(x), 600).astype(int)
    middle = x[(edges[:-1] + edges[1:]) // 2]
    for values, label in ((error, "measured"), (bound, "bound")):
        worst = [values[a:b].max() / UNIT for a, b in itertools.pairwise(edges)]
        axes.plot(middle, worst, label=label, linewidth=0.8)
    axes.set_xscale("symlog", linthresh=1.0) if FUNCTIONS[name].signed else axes.set_xscale("symlog", linthresh=UNIT)
    axes.set_yscale("log")
    axes.set_xlabel("x")
    axes.set_ylabel("largest error, units of 2^-16")
    axes.set_title(name)
    axes.legend(loc="upper left")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(folder / f"{name}.png", dpi=90)
    plt.close(figure)


def table(measured: dict[str, tuple[Floats, Floats, Floats]]) -> str:
    """Rows of the document's table."""
    lines = [
        "| function | domain | bound on the error | worst error measured | of its bound | points | rounds | bytes |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, (x, error, bound) in measured.items():
        price = getattr(cost, name)(64_000, WIDTH, FRACTION)
        below_one = error[np.abs(FUNCTIONS[name].exact(x)) <= 1].max() / UNIT
        lines.append(
            f"| {name} | {FUNCTIONS[name].domain} | {FUNCTIONS[name].says} | {below_one:.2f} units where abs(f) <= 1 "
            f"| {(error / bound).max():.0%} | {len(x):,} | {price.rounds} | {price.bytes / 64_000:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    options = parser.parse_args()
    folder = options.docs / "functions"
    folder.mkdir(parents=True, exist_ok=True)
    measured = {}
    for name in FUNCTIONS:
        measured[name] = measure(name, options.points)
        plot(name, *measured[name], folder)
        print(f"{name}: {(measured[name][1] / measured[name][2]).max():.0%} of the bound", flush=True)
    page = options.docs / "functions.md"
    text = page.read_text()
    head, rest = text.split(BEGIN)
    page.write_text(f"{head}{BEGIN}\n{table(measured)}\n{rest[rest.index(END) :]}")


if __name__ == "__main__":
    main()
