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

Reals = NDArray[np.float64]

INPUTS = 1000
BATCH = 125
SINGLE = 30
PAGE = zoo.ROOT / "docs" / "models.md"
BEGIN, END = "<!-- written by benchmarks/models/reference.py -->", "<!-- end -->"


@dataclass(frozen=True)
class Reference:
    """A model with the inputs it is asked, and what should come out.

    Attributes:
        clear: what the framework answers.
        targets: classes or numbers as the data have them; the clear answers where there is nothing to learn.
        ties: inputs of which rounding decides, since they lie on the edge of a threshold.
        regression: whether the answers are numbers rather than scores of classes.
    """

    name: str
    data: str
    model: Model
    inputs: Reals
    clear: Reals
    targets: Reals
    ties: NDArray[np.bool_]
    regression: bool = False


@dataclass(frozen=True)
class Result:
    """What came out of one."""

    reference: Reference
    private: Reals
    latency: float
    throughput: float
    rounds: int
    bytes: int


def networks() -> Iterator[Reference]:
    """The seed CNN and the zoo, on MNIST's test images."""
    data = zoo.mnist()
    images, labels = data["x_test"][:INPUTS].astype(np.float64), data["y_test"][:INPUTS]
    named = {"seed CNN": (load_seed_cnn(), images.transpose(0, 2, 3, 1))}
    for name, (kind, _) in zoo.NETWORKS.items():
        said = (kind.__doc__ or "").strip().splitlines()[0].rstrip(".")
        named[f"{name}: {said}"] = Model.load(zoo.MODELS / f"{name}.npz"), images
    for name, (model, inputs) in named.items():
        yield Reference(name, "MNIST", model, inputs, model.predict(inputs), labels, np.zeros(len(inputs), bool))


def estimators() -> Iterator[Reference]:
    """Every kind of scikit-learn's, on data that it ships."""
    for case in sklearn_models.cases(INPUTS):
        tied = sklearn_models.ties(case.model, case.inputs, case.clear, not case.regression)
        clear = case.clear.reshape(len(case.inputs), *case.model.output_shape)
        yield Reference(case.name, case.data, case.model, case.inputs, clear, case.targets, tied, case.regression)


def measure(reference: Reference) -> Result:
    """Ask everything in batches, then some inputs one by one."""
    x = reference.inputs
    with Cluster.local() as cluster:
        cluster.share(reference.model).serve(block=False)
        with connect(cluster.client_file) as client:
            start = time.perf_counter()
            parts = [client.query(x[i : i + BATCH]) for i in range(0, len(x), BATCH)]
            throughput = len(x) / (time.perf_counter() - start)
            times = []
            for one in x[:SINGLE]:
                start = time.perf_counter()
                _, report = client.query(one, report=True)
                times.append(time.perf_counter() - start)
    latency = float(np.median(times))
    return Result(reference, np.concatenate(parts), latency, throughput, report.rounds, report.mesh_bytes)


def named(answers: Reals) -> NDArray[np.float64]:
    """The class that the answers speak for: the largest score, the side of one score, or the answer itself."""
    if answers.ndim == 1:
        return np.rint(answers)
    return (answers.argmax(-1) if answers.shape[-1] > 1 else answers[..., 0] > 0).astype(np.float64)


def score(answers: Reals, reference: Reference) -> float:
    """Accuracy, or R^2 for numbers."""
    if not reference.regression:
        return float((named(answers) == reference.targets).mean())
    targets = reference.targets.reshape(answers.shape)
    return float(1 - ((answers - targets) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum())


HEADINGS = (
    *("model", "data", "inputs", "ties", "score", "private", "agreement", "largest error"),
    *("one input", "inputs/s", "rounds", "KB"),
)


def cells(result: Result) -> tuple[str, ...]:
    """A row of the table."""
    reference, private = result.reference, result.private
    kept, clear = ~reference.ties, reference.clear
    same = (named(private) == named(clear))[kept].mean()
    # Of a prediction, for those that scikit-learn's regressors make; of the largest answer, for all else.
    size = np.abs(clear) if reference.data == "diabetes" else max(np.abs(clear).max(), 1.0)
    error = (np.abs(private - clear) / size)[kept].max()
    return (
        reference.name,
        reference.data,
        f"{len(clear):,}",
        str(reference.ties.sum()),
        f"{score(clear, reference):.4f}",
        f"{score(private, reference):.4f}",
        "" if reference.regression else f"{same:.2%}",
        f"{error:.1e}",
        seconds(result.latency),
        f"{result.throughput:,.0f}",
        str(result.rounds),
        f"{result.bytes / 1e3:,.3g}",
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only models whose name begins so")
    options = parser.parse_args()
    chosen = [
        reference
        for reference in (*networks(), *estimators())
        if not options.names or reference.name.startswith(tuple(options.names))
    ]
    results = [measure(reference) for reference in track(chosen, "models")]
    table = tables.markdown(HEADINGS, map(cells, results), right=range(2, len(HEADINGS)))
    print(table)
    if not options.names:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table}{END}{rest.split(END, 1)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
