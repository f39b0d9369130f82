"""Runs a model among three parties in this process, and holds its cost against the plan's."""

from __future__ import annotations

import pytest

from trine.mpc import LocalSession, PerParty, accept, deal
from trine.nn.compiler import compile
from trine.nn.infer import infer
from trine.nn.plan import Plan


def spread_arrays(arrays):
    payloads = deal(arrays)
    return PerParty(accept(i, payloads[i], [a.shape for a in arrays]) for i in range(3))


def run_privately(model, x, fraction=16):
    compiled = compile(model, fraction)
    plan = Plan.from_json(compiled.plan.to_json())
    assert plan == compiled.plan
    assert [tensor.shape for tensor in compiled.tensors] == plan.tensors
    session = LocalSession()
    inputs = PerParty(held[0] for held in spread_arrays([plan.encode_input(x)]))
    parts = infer(session, plan, spread_arrays(compiled.tensors), inputs)
    assert session.cost == plan.cost(len(x))
    return plan.combine(parts), plan


@pytest.fixture
def spread():
    """Arrays as the three parties' shares of them."""
    return spread_arrays


@pytest.fixture
def private():
    """Outputs of a model run among three parties, and its plan; the cost must be the declared one."""
    return run_privately
