"""Every protocol of ``trine.mpc`` at several sizes: in one process (computation alone) and among three (TLS too).

``rounds`` and ``bytes`` are of one run, all parties together. Among three processes, ``party_seconds`` is the median
time of the slowest party, without what it takes this process to ask all three and to hear from them.
"""

from __future__ import annotations

import statistics

import pytest

from trine.bench.operations import OPERATIONS, max_error, opened, share_operands
from trine.bench.parties import Parties
from trine.mpc import LocalSession

# For a matrix product rows and columns, for a convolution images, else elements (rows of ten for maximum and argmax).
SIZES = {"matmul": (16, 128, 512), "conv2d": (1, 16, 128)}
COUNTS = (100, 10_000, 1_000_000)
ROWS = (10, 1_000, 100_000)
CASES = [
    pytest.param(name, size, id=f"{name}-{size}")
    for name in OPERATIONS
    for size in SIZES.get(name, ROWS if name in ("maximum", "argmax") else COUNTS)
]
ROUNDS = 5


@pytest.fixture(scope="module")
def parties():
    with Parties() as parties:
        yield parties


@pytest.mark.parametrize(("name", "size"), CASES)
def test_in_one_process(benchmark, name, size):
    benchmark.group = f"{name} {size}"
    operation = OPERATIONS[name]
    session = LocalSession()
    shares = share_operands(session, operation, size)
    before = session.cost
    result = session.call(operation.protocol, *shares)
    benchmark.extra_info["rounds"] = session.cost.rounds - before.rounds
    benchmark.extra_info["bytes"] = session.cost.bytes - before.bytes
    assert max_error(operation, size, opened(session, result)[0]) <= operation.tolerance * operation.unit
    benchmark.pedantic(session.call, (operation.protocol, *shares), rounds=ROUNDS, warmup_rounds=1)


@pytest.mark.parametrize(("name", "size"), CASES)
def test_among_three_processes(benchmark, parties, name, size):
    benchmark.group = f"{name} {size}"
    parties.prepare(name, size)
    runs = []
    benchmark.pedantic(lambda: runs.append(parties.run()), rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info["rounds"] = runs[-1].rounds
    benchmark.extra_info["bytes"] = runs[-1].bytes
    benchmark.extra_info["party_seconds"] = statistics.median(run.seconds for run in runs[1:])
    error, _ = parties.check()
    assert error <= OPERATIONS[name].tolerance * OPERATIONS[name].unit
