"""The rows of trine's benchmark, in order, and the run that measures them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from trine._version import __version__
from trine.bench import machine
from trine.bench.kernels import KERNELS, Kernels
from trine.bench.mode import QUICK, Mode
from trine.bench.peers import find_peers
from trine.bench.rows import Results
from trine.bench.secure import WORKLOADS, measure
from trine.errors import InputError

__all__ = ["PEERS", "ROWS", "choose", "run"]

ROWS = (*KERNELS, *WORKLOADS)
# Where a checkout has the peers.
PEERS = Path("benchmarks/peers")

OnStep = Callable[[str, int, int], None]


def choose(only: str | None) -> list[str]:
    """The rows named in a list with commas, in the suite's order; all if None.

    >>> choose("w1, k1")
    ['K1', 'W1']

    Raises:
        InputError: there is no such row.
    """
    if only is None:
        return list(ROWS)
    wanted = {name.strip().upper() for name in only.split(",") if name.strip()}
    if not wanted or wanted - set(ROWS):
        unknown = ", ".join(sorted(wanted - set(ROWS))) or "none"
        raise InputError(f"rows are {', '.join(ROWS)}; asked for {unknown}")
    return [name for name in ROWS if name in wanted]


def run(
    rows: Sequence[str] = ROWS,
    mode: Mode = QUICK,
    peers: Path | None = None,
    on_step: OnStep = lambda what, done, total: None,
) -> Results:
    """Measure.

    Args:
        rows: which; see :data:`ROWS`.
        mode: how much of it.
        peers: directory of the other systems; ``benchmarks/peers`` if they are here and none is given.
        on_step: told what comes next, how many steps are done and how many there are.

    Raises:
        InputError: the directory has no peers.
        BenchmarkError: the process of the other libraries failed.
        PartyLostError, ClusterError: one of trine's own did.
    """
    if peers is None and any(PEERS.glob("*/peer.py")):
        peers = PEERS
    found = [] if peers is None else find_peers(peers)
    kernels = [name for name in rows if name in KERNELS]
    workloads = [name for name in rows if name in WORKLOADS]
    total = len(kernels) + len(workloads) * max(1, sum(peer.installed for peer in found))
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    results = Results(machine.describe(), mode.name, date, __version__)
    done = 0

    def step(what: str) -> None:
        nonlocal done
        on_step(what, done, total)
        done += 1

    with Kernels(mode) as measuring:
        for name in kernels:
            step(name)
            results.rows += KERNELS[name](measuring)
    if workloads:
        results.rows += sorted(measure(workloads, mode, found, step), key=lambda row: ROWS.index(row.id))
    return results
