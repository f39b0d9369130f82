"""The reference models, in the clear and in private, on 1,000 inputs each; writes the table of docs/models.md.

Every model is shared among three party processes on this machine and asked over TLS, by a client that compares each
answer with the float model's.

    python benchmarks/models/reference.py            all of them, and write the table
    python benchmarks/models/reference.py resnet     only this one, and print
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sklearn_models
import tables
import zoo

from trine.bench.report import seconds
from trine.cluster import Cluster, connect
from trine.demo.data import load_seed_cnn
from trine.nn import Model

INPUTS = 1000
BATCH = 125
SINGLE = 30
PAGE = zoo.ROOT / "docs" / "models.md"
BEGIN, END = "<!-- reference models: written by benchmarks/models/reference.py -->", "<!-- end -->"


@dataclass(frozen=True)
class Reference:
    """A model with the inputs it is asked, and what should come out.

    Attributes:
        targets: classes or numbers as the data have them.
        regression: whether the answers are numbers rather than scores of classes.
    """

    name: str
    model: Model
    inputs: NDArray[np.float64]
    targets: NDArray[np.float64]
    regression: bool = False


@dataclass(frozen=True)
class Result:
    """What came out of one."""

    name: str
    clear: float
    private: float
    agreement: float
    error: float
    latency: float
    throughput: float
    rounds: int
    bytes: int


def networks() -> Iterator[Reference]:
    """The seed CNN and the zoo, on MNIST's test images."""
    data = zoo.mnist()
    images, labels = data["x_test"][:INPUTS].astype(np.float64), data["y_test"][:INPUTS]
    yield Reference("seed CNN", load_seed_cnn(), images.transpose(0, 2, 3, 1), labels)
    for name, (kind, _) in zoo.NETWORKS.items():
        said = (kind.__doc__ or "").strip().splitlines()[0].rstrip(".")
        yield Reference(f"{name}: {said}", Model.load(zoo.MODELS / f"{name}.npz"), images, labels)


def others() -> Iterator[Reference]:
    """Every kind of scikit-learn's, on data that it ships."""
    for case in sklearn_models.cases(INPUTS):
        yield Reference(case.name, case.model, case.inputs, case.targets, case.regression)


def measure(reference: Reference) -> Result:
    """Ask everything in batches, then some inputs one by one."""
    clear = reference.model.predict(reference.inputs)
    with Cluster.local() as cluster:
        cluster.share(reference.model).serve(block=False)
        with connect(cluster.client_file) as client:
            start = time.perf_counter()
            parts = [client.query(reference.inputs[i : i + BATCH]) for i in range(0, len(reference.inputs), BATCH)]
            throughput = len(reference.inputs) / (time.perf_counter() - start)
            private = np.concatenate(parts)
            times = []
            for x in reference.inputs[:SINGLE]:
                start = time.perf_counter()
                _, report = client.query(x, report=True)
                times.append(time.perf_counter() - start)
    size = np.abs(clear).max() if reference.regression else 1.0
    agreement = (
        np.isclose(private, clear, rtol=1e-3, atol=1e-3 * size) if reference.regression else _same(private, clear)
    )
    return Result(
        reference.name,
        _score(clear, reference),
        _score(private, reference),
        float(agreement.mean()),
        float(np.abs(private - clear).max() / size),
        float(np.median(times)),
        throughput,
        report.rounds,
        report.mesh_bytes,
    )


def _same(private: NDArray[np.float64], clear: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(_classes(private) == _classes(clear))


def _classes(answers: NDArray[np.float64]) -> NDArray[np.int64]:
    """The class that the answers speak for: the largest score, the side of one score, or the answer itself."""
    if answers.ndim == 1:
        return np.rint(answers).astype(np.int64)
    return answers.argmax(-1) if answers.shape[-1] > 1 else (answers[..., 0] > 0).astype(np.int64)


def _score(answers: NDArray[np.float64], reference: Reference) -> float:
    """Accuracy, or R^2 for numbers."""
    if not reference.regression:
        return float((_classes(answers) == reference.targets).mean())
    targets = reference.targets.reshape(answers.shape)
    return float(1 - ((answers - targets) ** 2).sum() / ((targets - targets.mean()) ** 2).sum())


HEADINGS = ("model", "score", "private", "agreement", "largest error", "one input", "inputs/s", "rounds", "KB")


def cells(result: Result) -> tuple[str, ...]:
    """A row of the table."""
    return (
        result.name,
        f"{result.clear:.4f}",
        f"{result.private:.4f}",
        f"{result.agreement:.2%}",
        f"{result.error:.2g}",
        seconds(result.latency),
        f"{result.throughput:,.0f}",
        str(result.rounds),
        f"{result.bytes / 1e3:,.0f}",
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only models whose name begins so")
    options = parser.parse_args()
    chosen = [
        reference
        for reference in (*networks(), *others())
        if not options.names or reference.name.startswith(tuple(options.names))
    ]
    results = [measure(reference) for reference in track(chosen, "models")]
    table = tables.markdown(HEADINGS, map(cells, results), right=range(1, len(HEADINGS)))
    print(table)
    if not options.names:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}{END}{rest.split(END, 1)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
