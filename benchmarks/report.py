"""Runs all benchmarks and writes docs/benchmarks.md with its pictures; or writes them from what earlier runs left.

python benchmarks/report.py               run everything (about half an hour with peers), then write
python benchmarks/report.py --from DIR    write from the JSON files in DIR
python benchmarks/report.py --quick       run everything with fewer turns
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import plots
import tables

from trine.bench.report import notes
from trine.bench.rows import Results

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
# Beside the page, in a directory of its own.
PICTURES = "benchmarks"

READING = """\
Times are medians. *Ratio*: how many times the other side's time is trine's, the median over turns taken in
alternation in one run; above 1, trine takes less time. *Spread*: half of the turns lie within about so much of
the median. Of several peers the fastest has a star, and the goal is for it. Ratios, bytes and rounds can be
compared between machines, times cannot. What is not reached, and what stands between:
[record 10](decisions/0010-what-is-not-reached-and-why.md).
"""
NETWORK = """\
Three parties and a client, each in a network namespace. The delay is one way, from any of the four to any
other, so a ping takes twice as long; the rate is that of each one's own link. *network: parties* is rounds x
delay + bytes a party sends / rate, *network: client* 2 x delay + bytes of its requests and answers / rate.
*Ratio* is the query over their sum, *without client* over the first alone. The goal on the WAN is 1.3.
"""
HUB = """\
This kernel has no netem: *hub* is a program that carries the packets with the same delay and rate, and takes
processor time from the parties for each. At 0.1 ms that, and the parties' own computing, is most of the time.
"""
MODELS = """\
One cluster on this machine. *Growth*: the step in time over the step in images, or in products; up to 1 is
linear or better, a cliff would show as a step far above 1.
"""
OPERATIONS = """\
Every protocol of `trine.mpc`. *In one process* is all three parties' computation, one after the other and
without a network; *among three* is the slowest of three party processes, TLS over loopback. Sizes are elements;
for `matmul` rows and columns, for `conv2d` images of 13 x 13 x 16, for `maximum` and `argmax` rows of ten.
"""
KERNELS = """\
One thread, unless said; a column for each instruction set that this processor has. What has one path only
stands under the last.
"""


def run_all(into: Path, quick: bool) -> None:
    """Run every benchmark, each into a JSON file of its own; one that fails is said, and left out."""
    into.mkdir(parents=True, exist_ok=True)
    python = sys.executable
    turns = ["--benchmark-max-time=0.1"] if quick else []
    pytest = [python, "-m", "pytest", "-q", f"--rootdir={ROOT}", "--timeout=0", *turns]
    bench = [python, "-c", "from trine.cli import main; main()", "bench", "--quick" if quick else "--full"]
    peers = ["--peers", str(HERE / "peers")] if any(HERE.glob("peers/*/peer.py")) else []
    commands = {
        "bench": [*bench, *peers, "--json"],
        "models": [python, str(HERE / "models" / "cost.py"), "--json"],
        "ops": [*pytest, str(HERE / "ops"), "--benchmark-json"],
        "kernels": [*pytest, str(HERE / "kernels"), "--benchmark-json"],
    }
    if os.geteuid() == 0:
        commands["net"] = [python, str(HERE / "net" / "wan.py"), "--json"]
    else:
        print("net: needs root, left out")
    for name, command in commands.items():
        file = into / f"{name}.json"
        file.unlink(missing_ok=True)
        print(f"\n== {name}", flush=True)
        if subprocess.run([*command, str(file)], check=False).returncode:
            print(f"{name}: failed, left out")
            file.unlink(missing_ok=True)


def read(directory: Path) -> dict[str, Any]:
    """What the JSON files of a directory hold, by their names."""
    found = {file.stem: json.loads(file.read_text()) for file in sorted(directory.glob("*.json"))}
    if "bench" not in found:
        raise SystemExit(f"{directory} has no bench.json: trine bench --full --json {directory}/bench.json makes it")
    return found


def write(found: dict[str, Any], page: Path) -> None:
    """The page, and the pictures beside it."""
    results = Results.from_json(found["bench"])
    pictures = page.parent / PICTURES
    parts = [
        "# Benchmarks\n",
        "Written by `python benchmarks/report.py`, which measures it all again; "
        "[benchmarks/README.md](../benchmarks/README.md) says how, and what to keep in mind.\n",
        f"trine {results.version}, {results.date[:10]}, `trine bench --{results.mode}`, on\n",
        tables.machine(results.machine),
        "## Goals\n",
        READING,
        tables.goals(results.rows),
        "\n".join(f"- {ids}: {note}" for ids, note in notes(results.rows)) + "\n",
    ]
    if any(row.theirs and row.id.startswith("W") for row in results.rows):
        plots.beside_peers(results.rows, pictures / "peers.png")
        parts += [
            "## Beside other systems\n",
            f"![Times of other systems over trine's]({PICTURES}/peers.png)\n",
            tables.peers([row for row in results.rows if row.id.startswith("W")]),
            "What each of them protects in this configuration: "
            "[benchmarks/peers/README.md](../benchmarks/peers/README.md).\n",
        ]
    if "net" in found:
        rows = found["net"]["links"]
        plots.over_networks(rows, pictures / "networks.png")
        parts += ["## Over a network\n", NETWORK]
        parts += [HUB] if any(row["means"] == "hub" for row in rows) else []
        parts += [f"![A query over shaped links]({PICTURES}/networks.png)\n", tables.networks(rows)]
    if "models" in found:
        batches, widths = found["models"]["batches"], found["models"]["widths"]
        plots.against_batch(batches, pictures / "batch.png")
        plots.against_size(widths, pictures / "size.png")
        parts += ["## As the batch grows\n", MODELS, f"![Cost against batch size]({PICTURES}/batch.png)\n"]
        parts += [tables.models(batches, sizes=False)]
        parts += ["## As the model grows\n", "The demo's CNN with 0.5 to 4 times its channels.\n"]
        parts += [f"![Cost against model size]({PICTURES}/size.png)\n", tables.models(widths, sizes=True)]
    if "ops" in found:
        parts += ["## Operations\n", OPERATIONS, tables.operations(found["ops"]["benchmarks"])]
    if "kernels" in found:
        parts += ["## Kernels\n", KERNELS, tables.kernels(found["kernels"]["benchmarks"])]
    page.write_text("\n".join(parts))
    print(f"wrote {page}")


def main() -> None:
    """Run or read, then write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", type=Path, dest="source", metavar="DIR", help="read these JSON files, run nothing")
    parser.add_argument("--into", type=Path, default=RESULTS, metavar="DIR", help="where runs leave their JSON files")
    parser.add_argument("--quick", action="store_true", help="fewer turns")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="the page to write")
    options = parser.parse_args()
    if options.source is None:
        run_all(options.into, options.quick)
    write(read(options.source or options.into), options.page)


if __name__ == "__main__":
    main()
