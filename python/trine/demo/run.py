"""Runs the demo (an owner, three parties and a client, each a process of its own) and shows what came of it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from trine.cluster.wire import error_from_json
from trine.errors import ClusterError

__all__ = ["DemoResult", "print_demo", "run_demo"]

END_SECONDS = 10.0
BAR_WIDTH = 14


@dataclass(frozen=True)
class DemoResult:
    """What came of the demo.

    Attributes:
        start_seconds: from nothing to three linked parties that hold the model.
        rows: for each image: actual and predicted digit, and the fields of a query's report.
        plaintext: the first image's histogram: pixels in ten bins from black to white.
        held: for each party, the same of the numbers that it held of that image.
    """

    start_seconds: float
    rows: list[dict[str, Any]]
    plaintext: list[int]
    held: list[list[int]]

    @property
    def correct(self) -> bool:
        """Whether every prediction is right."""
        return all(row["actual"] == row["predicted"] for row in self.rows)

    def to_json(self) -> str:
        """All of it, as JSON."""
        return json.dumps({**asdict(self), "correct": self.correct}, indent=2)


def run_demo() -> DemoResult:
    """Run it all and end it all.

    Raises:
        TrineError: what the server or the client met with.
        ClusterError: one of them ended without saying why.
    """
    start = time.perf_counter()
    with _process("trine.demo.server") as server:
        found = _read_answer(server)
        start_seconds = time.perf_counter() - start
        with _process("trine.demo.client", found["client_file"]) as client:
            answers = _read_answer(client)
            client.wait(END_SECONDS)
        # The server ends by itself, now that its requests are used up.
        server.wait(END_SECONDS)
    return DemoResult(start_seconds, answers["rows"], answers["plaintext"], answers["held"])


def print_demo(result: DemoResult, verbose: bool = False) -> None:
    """Show a table of the answers; on request also what the parties held of the first image."""
    console = Console()
    table = Table(title="Hidden digits, classified by a hidden model")
    for heading in ("image", "actual", "predicted", "latency", "rounds", "among parties", "with client"):
        table.add_column(heading, justify="right")
    for index, row in enumerate(result.rows):
        right = row["actual"] == row["predicted"]
        table.add_row(
            str(index),
            str(row["actual"]),
            f"[{'green' if right else 'red'}]{row['predicted']}[/]",
            f"{1000 * row['seconds']:.1f} ms",
            str(row["rounds"]),
            f"{row['mesh_bytes'] / 1000:.1f} kB",
            f"{row['client_bytes'] / 1000:.1f} kB",
        )
    console.print(table)
    console.print(f"Three parties, linked by TLS, held the model {result.start_seconds:.2f} s after the start.")
    if verbose:
        console.print(_histograms(result))
        console.print(
            "A bar counts the numbers with that fraction: 784 pixels of the image, 1568 numbers in a party's two "
            "shares. The shares are as likely to be one number as any other, whatever the image."
        )


def _histograms(result: DemoResult) -> Table:
    columns = {"the image": result.plaintext} | {f"party {i} held": counts for i, counts in enumerate(result.held)}
    table = Table(title="The first image, and what the parties held of it")
    table.add_column("value", justify="right")
    for heading in columns:
        table.add_column(heading, min_width=BAR_WIDTH)
    for index in range(len(result.plaintext)):
        low = index / len(result.plaintext)
        bars = [Bar(max(counts), 0, counts[index], width=BAR_WIDTH) for counts in columns.values()]
        table.add_row(f"{low:.1f}", *bars)
    return table


@contextlib.contextmanager
def _process(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a module, and is no more in the end, come what may."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for this process, which then ends the others.
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _read_answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ClusterError(f"a process of the demo ended with code {process.wait()}; its complaint is above")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise error_from_json(answer)
    return answer
