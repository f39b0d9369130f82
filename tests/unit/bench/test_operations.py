"""Every operation of the benchmark is the protocol that it says, with exact results."""

import numpy as np
import pytest

from trine.bench.operations import OPERATIONS, max_error, opened, share_operands
from trine.mpc import LocalSession, cost

SIZES = {"matmul": 6, "conv2d": 2}


def run(name, size):
    session = LocalSession(bytes(16))
    operation = OPERATIONS[name]
    shares = share_operands(session, operation, size)
    before = session.cost
    result = session.call(operation.protocol, *shares)
    rounds, sent = session.cost.rounds - before.rounds, session.cost.bytes - before.bytes
    return opened(session, result)[0], rounds, sent


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_result_is_within_the_operation_s_tolerance(name):
    size = SIZES.get(name, 50)
    result, rounds, sent = run(name, size)
    assert max_error(OPERATIONS[name], size, result) <= OPERATIONS[name].tolerance * OPERATIONS[name].unit
    assert rounds >= 1
    assert sent > 0


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_wrong_result_shows(name):
    size = SIZES.get(name, 50)
    result, _, _ = run(name, size)
    result.reshape(-1)[3] += np.uint64(2)
    operation = OPERATIONS[name]
    assert max_error(operation, size, result) > operation.tolerance * operation.unit


def test_the_operands_fill_the_declared_range():
    [x] = OPERATIONS["relu"].operands(10_000)
    assert 2**30.9 < np.abs(x).max() < 2**31


def test_costs_are_those_declared():
    assert run("relu", 1000)[1:] == (cost.relu(1000, 32).rounds, cost.relu(1000, 32).bytes)
    assert run("matmul", 8)[1:] == (cost.truncate(64, 16).rounds, cost.truncate(64, 16).bytes)
