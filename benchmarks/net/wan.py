"""One private CNN query between sites with the delay and the rate of a LAN or a WAN, beside what these alone take.

Three parties and a client run in a network namespace each. Delay and rate act on what each site sends, so the delay is
one way, from any site to any other, and a ping takes twice as long. What the network alone would take:

    among parties   rounds x delay + bytes that a party sends / rate    (all send at once, each on its own link)
    client          2 x delay + bytes of its requests and answers / rate

Needs root. Where the kernel has no netem, a hub in user space carries the packets with the same delay and rate. It
needs some microseconds of a processor for each, so it is no 10 Gbit/s network; the table says which of the two it was.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from sites import Link, Sites, joined

from trine.bench import machine
from trine.cluster.config import ClusterFile
from trine.net import PARTIES
from trine.net.certificates import CLIENT, OWNER, Authority, party_role

HERE = Path(__file__).parent
LINKS = {
    "lan": Link("LAN", 0.0001, 10e9),
    "wan": Link("WAN", 0.020, 100e6),
    "far": Link("far WAN", 0.050, 50e6),
}
GOAL = 1.3
MESH_PORT, API_PORT = 4100, 4000
WARM_UP = 3
WIDTH = 124  # of the table, at least
CLIENT_SITE = PARTIES


def measure(link: Link, queries: int) -> dict[str, Any]:
    """Medians of the queries, and what the network alone would take."""
    with joined(link, PARTIES + 1) as sites, tempfile.TemporaryDirectory(prefix="trine-") as name:
        directory = Path(name)
        enroll(directory, sites)
        with contextlib.ExitStack() as stack:
            for party in range(PARTIES):
                stack.enter_context(running_party(sites, party, directory))
            files = [str(directory / role / "cluster.toml") for role in (OWNER, CLIENT)]
            command = [sys.executable, str(HERE / "client.py"), *files, str(WARM_UP + queries)]
            done = subprocess.run(sites.at(CLIENT_SITE, command), capture_output=True, text=True, check=False)
            if done.returncode:
                logs = "".join((directory / party_role(i) / "log").read_text() for i in range(PARTIES))
                raise SystemExit(f"the client failed:\n{done.stderr}\n{logs}")
            ping = sites.ping()
        reports = [json.loads(line) for line in done.stdout.splitlines()][WARM_UP:]
        return {**figures(link, reports), "means": sites.means, "ping": ping}


def figures(link: Link, reports: list[dict[str, Any]]) -> dict[str, Any]:
    """What was measured, what the network alone would take, and the ratios."""
    last = reports[-1]
    seconds = [report["seconds"] for report in reports]
    among = statistics.median(report["computing_seconds"] for report in reports)
    rate = link.rate / 8
    network = last["rounds"] * link.delay + last["mesh_bytes"] / PARTIES / rate
    client = 2 * link.delay + last["client_bytes"] / rate
    return {
        "link": link.name,
        "delay": link.delay,
        "rate": link.rate,
        "seconds": seconds,
        "median": statistics.median(seconds),
        "among_parties": among,
        "rounds": last["rounds"],
        "mesh_bytes": last["mesh_bytes"],
        "client_bytes": last["client_bytes"],
        "network": network,
        "network_client": client,
        "ratio": statistics.median(seconds) / (network + client),
        "ratio_without_client": statistics.median(seconds) / network,
        "ratio_among_parties": among / network,
    }


def enroll(directory: Path, sites: Sites) -> None:
    """A cluster file and certificates for everybody, as an operator would make them for three hosts."""
    authority = Authority(days=1)
    mesh = tuple((address, MESH_PORT) for address in sites.addresses[:PARTIES])
    api = tuple((address, API_PORT) for address in sites.addresses[:PARTIES])
    for role in (*map(party_role, range(PARTIES)), OWNER, CLIENT):
        hosts = [sites.addresses[i] for i in range(PARTIES) if role == party_role(i)]
        authority.enroll(directory / role, role, hosts)
        ClusterFile(directory / role, mesh, api, timeout=30.0).write(directory / role / "cluster.toml")


@contextlib.contextmanager
def running_party(sites: Sites, party: int, directory: Path) -> Iterator[None]:
    """``trine party`` at its site."""
    home = directory / party_role(party)
    command = [sys.executable, "-c", "from trine.cli import main; main()", "party", f"--id={party}"]
    command += [f"--config={home / 'cluster.toml'}"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(sites.at(party, command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def table(rows: list[dict[str, Any]]) -> Table:
    printed = Table(title="One private CNN query over shaped links", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in (
        "link",
        "delay\none way",
        "rate",
        "ping",
        "by",
        "rounds",
        "query",
        "among\nparties",
        "network:\nparties",
        "network:\nclient",
        "ratio",
        "without\nclient",
    ):
        printed.add_column(column, justify="left" if column in ("link", "by") else "right", no_wrap=True)
    for row in rows:
        colour = "green" if row["ratio"] <= GOAL else "red"
        printed.add_row(
            row["link"],
            f"{row['delay'] * 1e3:g} ms",
            f"{row['rate'] / 1e6:g} Mbit/s",
            "?" if row["ping"] is None else f"{row['ping'] * 1e3:.3g} ms",
            row["means"],
            str(row["rounds"]),
            *(f"{row[key] * 1e3:.1f} ms" for key in ("median", "among_parties", "network", "network_client")),
            f"[{colour}]{row['ratio']:.2f}[/]",
            f"{row['ratio_without_client']:.2f}",
        )
    return printed


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", nargs="+", choices=list(LINKS), default=list(LINKS), help="which of the three")
    parser.add_argument("--queries", type=int, default=15, help="measured queries on each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here too")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and not without taking the namespaces away
    rows = [measure(LINKS[name], options.queries) for name in options.links]
    console = Console(width=max(WIDTH, Console().width))
    console.print(table(rows))
    console.print(
        f"ratio: query / (network among parties + network of the client); the goal is {GOAL} on the WAN. "
        "without client: query / network among parties alone.",
        highlight=False,
    )
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine.describe(), "links": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
