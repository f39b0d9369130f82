"""Loads the model and the digits that come with trine."""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray

from trine.nn.model import Model

__all__ = ["load_digits", "load_seed_cnn"]


def load_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The first hundred test digits of MNIST.

    Returns:
        images, float64 (100, 28, 28, 1) in 0..1 (black background, white ink), and labels, int64 (100,) in 0..9.

    >>> images, labels = load_digits()
    >>> labels[:3]
    array([7, 2, 1])
    """
    with (
        resources.files("trine.demo").joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return arrays["images"][..., np.newaxis] / 255.0, arrays["labels"].astype(np.int64)


def load_seed_cnn() -> Model:
    """The classifier that ``examples/train_seed_cnn.py`` trains: (28, 28, 1) in 0..1 to ten logits.

    >>> load_seed_cnn().predict(load_digits()[0][:3]).argmax(axis=1)
    array([7, 2, 1])
    """
    with resources.as_file(resources.files("trine.demo").joinpath("seed_cnn.npz")) as path:
        return Model.load(path)
