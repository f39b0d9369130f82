"""The reference networks answer in private as in the clear, on 1,000 real digits each."""

from pathlib import Path

import numpy as np
import pytest

from trine.mpc import LocalSession, PerParty, accept, deal
from trine.nn import Model, compile, infer

MODELS = sorted((Path(__file__).parent / "models").glob("*.npz"))
INPUTS, PART = 1000, 125


def spread(arrays):
    payloads = deal(arrays)
    return PerParty(accept(i, payloads[i], [a.shape for a in arrays]) for i in range(3))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_1000_digits(mnist, path):
    model = Model.load(path)
    compiled = compile(model)
    images = (mnist["x_test"][:INPUTS] / 255.0)[:, np.newaxis]
    session, weights = LocalSession(), spread(compiled.tensors)
    answers = []
    for start in range(0, INPUTS, PART):
        inputs = PerParty(held[0] for held in spread([compiled.plan.encode_input(images[start : start + PART])]))
        answers.append(compiled.plan.combine(infer(session, compiled.plan, weights, inputs)))
    private, clear = np.concatenate(answers), model.predict(images)
    same = (private.argmax(1) == clear.argmax(1)).mean()
    error = np.abs(private - clear).max()
    print(f"{path.stem}: argmax equal on {same:.1%}, largest error of a logit {error:.5f}")
    assert same >= 0.999
    assert error < 0.005
    assert (clear.argmax(1) == mnist["y_test"][:INPUTS]).mean() > 0.95


def test_there_are_five():
    assert len(MODELS) == 5
