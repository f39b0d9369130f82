"""The demo's model, in private, gives the answers that it gives in the clear: on 1,000 real digits."""

import numpy as np
import pytest

from trine.demo.data import load_seed_cnn
from trine.mpc import LocalSession, PerParty, accept, deal
from trine.nn import compile, infer

MODEL = load_seed_cnn()
COMPILED = compile(MODEL)


def spread(arrays):
    payloads = deal(arrays)
    return PerParty(accept(i, payloads[i], [a.shape for a in arrays]) for i in range(3))


def predict(images):
    session = LocalSession()
    inputs = PerParty(held[0] for held in spread([COMPILED.plan.encode_input(images)]))
    return COMPILED.plan.combine(infer(session, COMPILED.plan, spread(COMPILED.tensors), inputs)), session.cost


def test_1000_digits(mnist):
    images = mnist["x_test"][:1000, ..., None] / 255.0
    private = np.concatenate([predict(images[i : i + 125])[0] for i in range(0, 1000, 125)])
    clear = MODEL.predict(images)
    assert np.array_equal(private.argmax(1), clear.argmax(1))
    error = np.abs(private - clear).max()
    print(f"argmax equal on 1,000 of 1,000; largest error of a logit {error:.6f}")
    assert error <= 0.005


@pytest.mark.parametrize("batch", [1, 3])
def test_cost_of_a_query(batch):
    """At most 35 rounds and 0.45 MB for an image, all three parties together."""
    _, cost = predict(np.random.default_rng(0).random((batch, 28, 28, 1)))
    assert cost == COMPILED.plan.cost(batch)
    print(f"{cost.rounds} rounds, {cost.bytes:,} bytes for {batch}")
    assert cost.rounds <= 35
    assert cost.bytes <= 450_000 * batch
