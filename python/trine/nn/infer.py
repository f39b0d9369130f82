"""The program that three parties run to answer a query: shares of the input in, parts of the output out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trine.mpc import Party, Replicated, Session
from trine.mpc.party import Ring
from trine.mpc.rounds import Protocol
from trine.nn.plan import Plan
from trine.nn.steps import Value
from trine.ring.pack import low_bits

__all__ = ["infer"]


def infer(session: Session, plan: Plan, weights: Sequence[Replicated] | Any, x: Replicated | Any) -> Any:
    """Evaluate a shared model on a shared batch.

    Rounds and bytes: ``plan.cost(batch)``. The parties learn nothing; each result is masked by a share of zero, so that
    whoever gets all three learns their sum, the outputs, and nothing else.

    Args:
        session: where the parties run.
        plan: the public half of the model.
        weights: shares of ``plan.tensors``.
        x: a share of the encoded inputs ``(N, *input_shape)``.

    Returns:
        this party's part of the outputs modulo 2^output_width, uint64 ``(N, *output_shape)``: see ``plan.combine``.
    """
    return session.call(_infer, plan, weights, x)


def _infer(party: Party, plan: Plan, weights: Sequence[Replicated], x: Replicated) -> Protocol[Ring]:
    value: Value = x
    remaining = iter(weights)
    for step in plan.steps:
        tensors = [next(remaining) for _ in step.tensors()]
        value = yield from step.run(party, value, tensors)
    part = value.a if isinstance(value, Replicated) else value
    return low_bits(part + party.zero(part.shape), plan.output_width)
