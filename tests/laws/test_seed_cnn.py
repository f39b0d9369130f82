"""The demo's model, in private, gives the answers that it gives in the clear: on 1,000 real digits."""

import numpy as np
import pytest

from trine.demo.data import load_seed_cnn

MODEL = load_seed_cnn()


def test_1000_digits(mnist, private):
    images = mnist["x_test"][:1000, ..., None] / 255.0
    answers = np.concatenate([private(MODEL, images[i : i + 125])[0] for i in range(0, 1000, 125)])
    clear = MODEL.predict(images)
    assert np.array_equal(answers.argmax(1), clear.argmax(1))
    error = np.abs(answers - clear).max()
    print(f"argmax equal on 1,000 of 1,000; largest error of a logit {error:.6f}")
    assert error <= 0.005


@pytest.mark.parametrize("batch", [1, 3])
def test_cost_of_a_query(private, batch):
    """At most 35 rounds and 0.45 MB for an image, all three parties together."""
    _, plan = private(MODEL, np.random.default_rng(0).random((batch, 28, 28, 1)))  # whose cost is what was counted
    cost = plan.cost(batch)
    print(f"{cost.rounds} rounds, {cost.bytes:,} bytes for {batch}")
    assert cost.rounds <= 35
    assert cost.bytes <= 450_000 * batch
