"""The reference networks answer in private as in the clear, on 1,000 real digits each."""

from pathlib import Path

import numpy as np
import pytest

from trine.nn import Model

MODELS = sorted((Path(__file__).parent / "models").glob("*.npz"))
INPUTS, PART = 1000, 125


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_1000_digits(mnist, private, path):
    model = Model.load(path)
    images = (mnist["x_test"][:INPUTS] / 255.0)[:, np.newaxis]
    answers = np.concatenate([private(model, images[i : i + PART])[0] for i in range(0, INPUTS, PART)])
    clear = model.predict(images)
    same = (answers.argmax(1) == clear.argmax(1)).mean()
    error = np.abs(answers - clear).max()
    print(f"{path.stem}: argmax equal on {same:.1%}, largest error of a logit {error:.5f}")
    assert same >= 0.999
    assert error < 0.005
    assert (clear.argmax(1) == mnist["y_test"][:INPUTS]).mean() > 0.95


def test_there_are_five():
    assert len(MODELS) == 5
