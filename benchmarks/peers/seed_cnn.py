"""trine and CrypTen answer the same encrypted queries to the seed CNN, turn about, on this machine.

trine: three party processes over TLS, asked by a client over HTTPS, all within the time measured. CrypTen: two party
processes over plain sockets, asked by a line on standard input, which is not within the time measured (see
``crypten/seed_cnn.py``). Weights and inputs are secret in both, and the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from trine.cluster import Cluster, connect
from trine.demo.data import load_digits, load_seed_cnn

HERE = Path(__file__).parent


class Trine:
    """A local cluster that serves the model, and a client of it."""

    def __init__(self) -> None:
        self.model = load_seed_cnn()
        self.images = load_digits()[0]
        self.cluster = Cluster.local()
        self.cluster.share(self.model).serve(block=False)
        self.client = connect(self.cluster.client_file)

    def query(self, batch: int) -> dict[str, Any]:
        images = np.resize(self.images, (batch, *self.model.input_shape))
        start = time.perf_counter()
        logits, report = self.client.query(images, report=True)
        seconds = time.perf_counter() - start
        return {
            "batch": batch,
            "seconds": seconds,
            "bytes": report.mesh_bytes + report.client_bytes,
            "rounds": report.rounds,
            "max_error": float(np.abs(logits - self.model.predict(images)).max()),
        }

    def stop(self) -> None:
        self.client.close()
        self.cluster.stop()


class CrypTen:
    """The two parties of ``crypten/seed_cnn.py``, in the environment that ``crypten/setup.sh`` made."""

    def __init__(self, environment: Path, provider: str, threads: int) -> None:
        with tempfile.TemporaryDirectory() as directory:
            weights, images = Path(directory, "weights.npz"), Path(directory, "images.npy")
            np.savez(weights, *(array for layer in load_seed_cnn().layers for array in layer.arrays.values()))
            np.save(images, load_digits()[0])
            command = [environment / "bin/python", HERE / "crypten/seed_cnn.py", "--provider", provider]
            command += ["--threads", str(threads)]
            self.process = subprocess.Popen(
                [*command, "--weights", weights, "--images", images],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.query(1)  # the files have been read when this is answered

    def query(self, batch: int) -> dict[str, Any]:
        print("query", batch, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"CrypTen's process ended with status {self.process.wait()}: see its message above")
        return json.loads(line)

    def stop(self) -> None:
        self.process.communicate()


def measure(systems: dict[str, Trine | CrypTen], batch: int, warm_up: int, repeats: int) -> dict[str, Any]:
    """Both systems turn about; for each the median and least seconds, and the largest of bytes, rounds and errors."""
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in systems}
    for turn in range(warm_up + repeats):
        for name, system in systems.items():
            answer = system.query(batch)
            if turn >= warm_up:
                answers[name].append(answer)
    rows = {}
    for name, answered in answers.items():
        seconds = [answer["seconds"] for answer in answered]
        rows[name] = {"median": statistics.median(seconds), "least": min(seconds), "seconds": seconds}
        rows[name] |= {key: max(answer[key] for answer in answered) for key in ("bytes", "rounds", "max_error")}
    return {"batch": batch, "rows": rows, "ratio": rows["CrypTen"]["median"] / rows["trine"]["median"]}


def table(results: list[dict[str, Any]]) -> Table:
    printed = Table(title="Seed CNN, encrypted weights and inputs", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in (
        "batch",
        "system",
        "median\nms",
        "least\nms",
        "images\nper s",
        "rounds",
        "MB",
        "max\nerror",
        "ratio",
    ):
        printed.add_column(column, justify="left" if column == "system" else "right", no_wrap=True)
    for result in results:
        for name, row in result["rows"].items():
            printed.add_row(
                str(result["batch"]),
                name,
                f"{row['median'] * 1e3:.1f}",
                f"{row['least'] * 1e3:.1f}",
                f"{result['batch'] / row['median']:.0f}",
                str(row["rounds"]),
                f"{row['bytes'] / 1e6:.3g}",
                f"{row['max_error']:.5f}",
                f"{row['median'] / result['rows']['trine']['median']:.1f}",
            )
        printed.add_section()
    return printed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 128], metavar="N", help="images in a query")
    parser.add_argument("--repeats", type=int, default=15, help="measured queries of each system")
    parser.add_argument("--warm-up", type=int, default=3, help="queries before that, not measured")
    parser.add_argument("--crypten", type=Path, default=HERE / ".venvs/crypten", help="setup.sh's environment")
    parser.add_argument("--provider", choices=["TFP", "TTP"], default="TFP", help="who makes CrypTen's triples")
    parser.add_argument(
        "--threads", type=int, default=0, help="torch threads of each CrypTen party; 0: as torch chooses, its default"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement here too")
    options = parser.parse_args()
    if not (options.crypten / "bin/python").exists():
        raise SystemExit("no CrypTen environment there: run benchmarks/peers/crypten/setup.sh, or pass --crypten")
    systems: dict[str, Trine | CrypTen] = {}
    try:
        systems["trine"] = Trine()
        systems["CrypTen"] = CrypTen(options.crypten, options.provider, options.threads)
        results = [measure(systems, batch, options.warm_up, options.repeats) for batch in options.batches]
    finally:
        for system in systems.values():
            system.stop()
    Console().print(table(results))
    if options.json is not None:
        machine = {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
        report = {"machine": machine, "provider": options.provider, "results": results}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
