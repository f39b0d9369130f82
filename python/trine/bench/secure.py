"""W1, W2 and W4 to W7: whole queries and large operations on secret values, beside other systems."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trine.bench.mode import Mode
from trine.bench.operations import ROWS
from trine.bench.peers import Peer, RunningPeer, running
from trine.bench.rows import Limit, Row, Side
from trine.bench.turns import Pace, alternate
from trine.bench.workloads import FEW_CLASSES, MANY_CLASSES, Answer, Ours
from trine.errors import BenchmarkError

__all__ = ["WORKLOADS", "measure"]

MEGABYTE = 1e6


@dataclass(frozen=True)
class Workload:
    """What is asked of both sides, and what is demanded of trine.

    Attributes:
        what: a description, for a mode.
        note: what is inside the time taken.
        goal: how many times faster than the fastest peer.
        pace: the mode's turns for it.
        settling: runs at the start of a turn that are not counted: the other side has just had the processor.
        counted: runs after those, whose median is the turn's sample: short ones, back to back, are the steady state.
        limits: on its last answer, and on the memory a party has taken.
    """

    what: Callable[[Mode], str]
    note: str
    goal: float
    pace: Callable[[Mode], Pace]
    limits: Callable[[Answer, int | None, Mode], list[Limit]]
    settling: int = 0
    counted: int = 1


QUERY = (
    "The demo's CNN, weights and images secret. From images in clear at the client to logits in clear: three party "
    "processes, TLS among them and HTTPS to the client. Bytes are those of parties and client together."
)
OPERATION = "From shares to shares, three party processes, TLS among them, the slowest party's time."


def _softmax(classes: int) -> Workload:
    return Workload(
        lambda mode: f"softmax of {ROWS} x {classes} secret values",
        f"{OPERATION} 16 fractional bits, declared abs(x) < 2^15; logits are normal with deviation 5. A turn is five "
        "runs back to back, of which the last three count.",
        10.0,
        lambda mode: mode.operation,
        lambda answer, memory, mode: [],
        settling=2,
        counted=3,
    )


WORKLOADS = {
    "W1": Workload(
        lambda mode: "CNN query through the service",
        f"{QUERY} A turn is seven queries back to back, of which the last five count.",
        10.0,
        lambda mode: mode.query,
        lambda answer, memory, mode: [
            Limit("rounds", answer.rounds, 35),
            Limit("sent in all", _divided(answer.bytes, MEGABYTE), 0.45, "MB"),
        ],
        settling=2,
        counted=5,
    ),
    "W2": Workload(
        lambda mode: f"CNN query of {mode.batch} images",
        QUERY,
        10.0,
        lambda mode: mode.batch_query,
        lambda answer, memory, mode: [
            Limit("sent in all", _divided(answer.bytes, MEGABYTE), 57, "MB"),
            Limit("peak memory of a party", _divided(memory, MEGABYTE), 300, "MB"),
        ],
    ),
    "W4": Workload(
        lambda mode: f"secret matmul {mode.secret_matrix} x {mode.secret_matrix}",
        f"{OPERATION} 16 of 63 bits are cut off.",
        5.0,
        lambda mode: mode.operation,
        lambda answer, memory, mode: [],
    ),
    "W5": Workload(
        lambda mode: f"ReLU on {mode.relu:,} secret values",
        f"{OPERATION} 16 fractional bits, declared abs(x) < 2^15: 32 bits, the result shared modulo 2^64.",
        5.0,
        lambda mode: mode.operation,
        lambda answer, memory, mode: [Limit("sent per element", _divided(answer.bytes, mode.relu), 90, "B")],
    ),
    "W6": _softmax(FEW_CLASSES),
    "W7": _softmax(MANY_CLASSES),
}


def measure(wanted: Sequence[str], mode: Mode, peers: Sequence[Peer], on_step: Callable[[str], None]) -> Iterator[Row]:
    """Rows for each workload wanted and each peer that is set up; trine's own figures where there is none.

    One peer's processes are alive at a time, beside trine's, which wait meanwhile.

    Args:
        on_step: told what is measured next.
    """
    ready = [peer for peer in peers if peer.installed]
    with Ours(mode) as ours:
        for peer in ready:
            yield from _beside(peer, ours, wanted, mode, on_step)
        if not ready:
            advice = ", ".join(str(peer.setup) for peer in peers) or "benchmarks/peers/setup.sh"
            for name in wanted:
                on_step(name)
                yield _row(name, mode, ours, None, f"none here: run {advice}")


def _beside(peer: Peer, ours: Ours, wanted: Sequence[str], mode: Mode, on_step: Callable[[str], None]) -> Iterator[Row]:
    left = list(wanted)
    try:
        with running(peer, ours.images) as process:
            while left:
                on_step(f"{left[0]} beside {peer.name}")
                yield _row(left[0], mode, ours, (peer.name, process))
                del left[0]
    except BenchmarkError as error:
        for name in left:
            yield _row(name, mode, ours, None, str(error))


def _row(name: str, mode: Mode, ours: Ours, other: tuple[str, RunningPeer] | None, missing: str = "") -> Row:
    workload = WORKLOADS[name]
    last: dict[str, Answer] = {}

    def timed(side: str, run: Callable[[str], Answer]) -> Callable[[], float]:
        def turn() -> float:
            for _ in range(workload.settling):
                run(name.lower())
            answers = [run(name.lower()) for _ in range(workload.counted)]
            last[side] = answers[-1]
            return statistics.median(answer.seconds for answer in answers)

        return turn

    sides = {"trine": timed("trine", ours.run)}
    if other is not None:
        sides[other[0]] = timed(other[0], other[1].run)
    samples = alternate(sides, workload.pace(mode))
    error, memory = ours.check(name.lower())
    mine = last["trine"]
    found = {side: Side(side, samples[side], a.bytes, a.rounds, a.max_error) for side, a in last.items()}
    if error is not None:
        found["trine"] = Side("trine", samples["trine"], mine.bytes, mine.rounds, error)
    return Row(
        name,
        workload.what(mode),
        workload.note,
        found["trine"],
        found[other[0]] if other else None,
        workload.goal,
        missing,
        workload.limits(mine, memory, mode),
    )


def _divided(value: int | None, unit: float) -> float | None:
    return None if value is None else value / unit
