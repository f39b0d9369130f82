"""Real clusters: three party processes of this machine, over TLS."""

import numpy as np
import pytest

from trine.cluster import Cluster, connect
from trine.demo.data import load_digits, load_seed_cnn
from trine.nn import AvgPool2D, Conv2D, Dense, Flatten, ReLU, Sequential


@pytest.fixture(scope="session")
def cnn():
    return load_seed_cnn()


@pytest.fixture(scope="session")
def digits():
    return load_digits()


@pytest.fixture(scope="session")
def small():
    """A model of four inputs and three outputs."""
    rng = np.random.default_rng(3)
    layers = [Dense(rng.normal(size=(4, 5))), ReLU(), Dense(rng.normal(size=(5, 3)), bias=rng.normal(size=3))]
    return Sequential(layers, input_shape=(4,), input_range=(-2, 2))


@pytest.fixture(scope="session")
def slow():
    """A model of images that takes some seconds for a batch of 1024: thirty thousand comparisons an image."""
    rng = np.random.default_rng(4)
    layers = [
        Conv2D(rng.normal(0, 0.3, (3, 3, 1, 16))),
        ReLU(),
        Conv2D(rng.normal(0, 0.1, (3, 3, 16, 32))),
        ReLU(),
        AvgPool2D((24, 24)),
        Flatten(),
        Dense(rng.normal(0, 0.2, (32, 3))),
    ]
    return Sequential(layers, input_shape=(28, 28, 1), input_range=(0, 1))


@pytest.fixture(scope="module")
def cluster():
    """A cluster that a module's tests share."""
    with Cluster.local() as cluster:
        yield cluster


@pytest.fixture
def serve(cluster):
    """Shares and serves a model for the length of a test, and connects to it."""
    services, clients = [], []

    def serve(model, name="model", num_requests=None):
        services.append(cluster.share(model, name))
        services[-1].serve(num_requests, block=False)
        clients.append(connect(cluster.client_file, name))
        return clients[-1]

    yield serve
    for client in clients:
        client.close()
    for service in services:
        service.stop()
