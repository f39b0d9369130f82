"""The programs that three parties run for a query: randomness made ahead of it, and the answer to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from trine.errors import InputError
from trine.mpc import Party, PerParty, Replicated, Session
from trine.mpc.flow import Task, flow
from trine.mpc.party import Ring
from trine.mpc.rounds import Protocol, Randomness, together
from trine.nn.plan import Plan
from trine.nn.steps import LocalStep, OpeningStep, Step, Tensor, additive_part
from trine.ring.pack import low_bits

__all__ = ["Prepared", "infer", "pack_weights", "prepare"]

# For every step what it will use up; good for one inference, under the keys of the session it was made in.
Prepared = list[Randomness | None]


def pack_weights(plan: Plan, weights: Sequence[Replicated]) -> list[Tensor]:
    """A party's shares of a model in the form that :func:`infer` reads fastest; local, as many bytes again."""
    remaining = iter(weights)
    return [tensor for step in plan.steps for tensor in step.pack([next(remaining) for _ in step.tensors()])]


def prepare(session: Session, plan: Plan, batch: int = 1) -> Any:
    """Make the randomness of one inference ahead of it: 2 rounds, over a third of the bytes of ``plan.cost(batch)``.

    Returns:
        this party's :data:`Prepared`, to be used once, by :func:`infer` in the same session.
    """
    return session.call(_prepare, plan, batch)


def infer(session: Session, plan: Plan, weights: Any, x: Any, prepared: Any = None) -> Any:
    """Evaluate a shared model on a shared batch.

    Rounds and bytes: ``plan.cost(batch)``, which includes the making of what may have been prepared. The parties learn
    nothing; each result is masked by a share of zero, so that whoever gets all three learns their sum, the outputs, and
    nothing else.

    Args:
        session: where the parties run.
        plan: the public half of the model.
        weights: shares of ``plan.tensors``, packed by :func:`pack_weights` or not.
        x: a share of the encoded inputs ``(N, *input_shape)``.
        prepared: from :func:`prepare`, for a batch of the same N; it is emptied, since it is good for one use.

    Returns:
        this party's part of the outputs modulo 2^output_width, uint64 ``(N, *output_shape)``: see ``plan.combine``.

    Raises:
        InputError: what was prepared is of another plan, or has been used.
    """
    batch = (x[0] if isinstance(x, PerParty) else x).shape[0]
    sizes = plan.chunks(batch) if prepared is None else [batch]
    if len(sizes) == 1:
        return session.call(_infer, plan, weights, x, prepared)
    ends = list(accumulate(sizes))
    chunks = [session.each(_rows, x, end - size, end) for size, end in zip(sizes, ends, strict=True)]
    return session.each(_stacked, *session.pipeline(_infer, [(plan, weights, chunk) for chunk in chunks]))


def _prepare(party: Party, plan: Plan, batch: int) -> Protocol[Prepared]:
    prepared = [step.draw(party, batch, *given) for step, given in plan.walk()]
    yield from together(*(random.deal(party) for random in prepared if random is not None))
    return prepared


def _infer(
    party: Party, plan: Plan, weights: Sequence[Tensor], x: Replicated, prepared: Prepared | None = None
) -> Protocol[Ring]:
    randomness: Prepared = [None] * len(plan.steps)
    if prepared is not None:
        if len(prepared) != len(plan.steps):
            raise InputError("this randomness was prepared for another plan, or has been used: it is good for one use")
        randomness = list(prepared)
        prepared.clear()
    remaining = iter(weights)
    tasks = [
        _task(party, step, [next(remaining) for _ in step.tensors()], random)
        for step, random in zip(plan.steps, randomness, strict=True)
    ]
    part = additive_part((yield from flow(x, tasks)))
    return low_bits(part + party.zero(part.shape), plan.output_width)


def _task(party: Party, step: Step, tensors: Sequence[Tensor], random: Any) -> Task:
    if isinstance(step, LocalStep):
        return Task(step.inputs, lambda *values: step.apply(party, values, tensors), local=True)
    assert isinstance(step, OpeningStep)
    return Task(step.inputs, lambda *values: step.run(party, values, tensors, random))


def _rows(party: Party, x: Replicated, begin: int, end: int) -> Replicated:
    return x.map(lambda share: share[begin:end])


def _stacked(party: Party, *parts: Ring) -> Ring:
    return np.concatenate(parts)
