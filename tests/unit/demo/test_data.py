from importlib import resources

import numpy as np

from trine.demo.data import load_digits, load_seed_cnn


def test_a_hundred_digits_between_black_and_white():
    images, labels = load_digits()
    assert images.shape == (100, 28, 28, 1)
    assert images.dtype == np.float64
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert labels.shape == (100,)
    assert labels.dtype == np.int64
    assert labels[:3].tolist() == [7, 2, 1]
    assert set(labels.tolist()) == set(range(10))


def test_the_seed_cnn_is_the_network_of_the_design():
    model = load_seed_cnn()
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Conv2D", "AvgPool2D", "ReLU"] * 3 + ["Flatten", "Dense"]
    assert [array.shape for layer in model.layers for array in layer.arrays.values()] == [
        *[(3, 3, 1, 16), (16,)],
        *[(3, 3, 16, 32), (32,)],
        *[(3, 3, 32, 64), (64,)],
        *[(64, 10), (10,)],
    ]
    assert (model.input_shape, model.input_range, model.output_shape) == ((28, 28, 1), (0.0, 1.0), (10,))


def test_it_reads_the_digits_as_well_as_when_it_was_trained():
    images, labels = load_digits()
    predicted = load_seed_cnn().predict(images).argmax(axis=1)
    assert predicted[:3].tolist() == [7, 2, 1]
    assert (predicted == labels).sum() == 92


def test_the_weights_are_small_enough_to_ship():
    assert len(resources.files("trine.demo").joinpath("seed_cnn.npz").read_bytes()) <= 200_000
