"""PySyft's client: shapes with a batch axis, answers to whoever asked, and errors that say what to do."""

import threading
import time

import numpy as np
import pytest

import trine.syft as sy
from trine.cluster import Cluster
from trine.errors import (
    ClusterError,
    DtypeError,
    InputError,
    NotFiniteError,
    NotServingError,
    PartyLostError,
    RangeError,
    RequestLimitError,
    ShapeError,
    UnknownModelError,
)
from trine.nn import Dense, ReLU, Sequential

X = np.array([[0.5, -1.0, 1.5, 0.0]])


def model(seed):
    rng = np.random.default_rng(seed)
    return Sequential([Dense(rng.normal(size=(4, 3))), ReLU()], input_shape=(4,), input_range=(-2, 2))


@pytest.fixture(scope="module")
def cluster():
    with sy.TFECluster(sy.TFEWorker(), sy.TFEWorker(), sy.TFEWorker()) as cluster:
        yield cluster


@pytest.fixture
def service(cluster):
    """A model that is shared and served for the length of a test."""
    service = cluster.running.share(model(1))
    service.serve(block=False)
    yield service
    service.stop()


@pytest.fixture
def client(cluster, service):
    with sy.TFEClient() as client:
        client.connect_to_model((1, 4), (1, 3), cluster)
        yield client


@pytest.mark.parametrize("x", [X, X.tolist(), X.astype(np.float32), tuple(map(tuple, X))])
def test_a_query(client, x):
    answer = client.query_model(x)
    assert (answer.shape, answer.dtype) == ((1, 3), np.float64)
    np.testing.assert_allclose(answer, model(1).predict(X), atol=1e-3)


def test_a_worker_without_a_host_is_a_client_too(cluster, service):
    with sy.TFEWorker() as client:
        client.connect_to_model((1, 4), (1, 3), cluster)
        assert client.query_model(X).shape == (1, 3)


@pytest.mark.parametrize("number", [1.0, np.int64(1)])
def test_whole_numbers_of_other_kinds(cluster, service, number):
    with sy.TFEClient() as client:
        client.connect_to_model([number, 4 * number], [number, 3 * number], cluster)
        assert client.query_model(X).shape == (1, 3)


def test_batches(cluster, service):
    with sy.TFEClient() as client:
        client.connect_to_model((None, 4), (None, 3), cluster)
        for batch in (1, 5):
            np.testing.assert_allclose(
                client.query_model(X.repeat(batch, axis=0)), model(1).predict(X).repeat(batch, axis=0), atol=1e-3
            )
        with pytest.raises(ShapeError, match="at most 1024"):
            client.query_model(np.zeros((1025, 4)))
        client.connect_to_model((5, 4), (5, 3), cluster)  # anew
        with pytest.raises(ShapeError, match=r"data has shape \(1, 4\), .* \(5, 4\), batch axis first"):
            client.query_model(X)


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (X[0], ShapeError),
        (X[None], ShapeError),
        (np.zeros((2, 4)), ShapeError),
        (np.zeros((1, 5)), ShapeError),
        (1.0, ShapeError),
        ([[1.0, 2.0], [3.0]], DtypeError),
        ("images", DtypeError),
        (X * np.nan, NotFiniteError),
        (X * 1e6, RangeError),
    ],
)
def test_data_that_cannot_be_used(client, service, x, error):
    for ask in (client.query_model, client.query_model_async):
        if error is RangeError and ask == client.query_model_async:
            continue  # found out only when the query is made
        with pytest.raises(error) as caught:
            ask(x)
        assert len(str(caught.value)) > 20
    assert service.status().admitted == 0


@pytest.mark.parametrize("shape", [(), 4, None, (1, 2.5), (1, "4"), (1, None), (0, 4), (1, -4), "14"])
def test_what_is_no_shape(cluster, shape):
    client = sy.TFEClient()
    with pytest.raises(InputError, match="input_shape is a shape with the batch axis first"):
        client.connect_to_model(shape, (1, 3), cluster)
    with pytest.raises(InputError, match="output_shape is a shape with the batch axis first"):
        client.connect_to_model((1, 4), shape, cluster)


@pytest.mark.parametrize("shapes", [((1, 5), (1, 3)), ((1, 4), (1, 4)), ((1, 4, 1), (1, 3)), ((4,), (4,))])
def test_shapes_that_the_model_does_not_have(cluster, service, shapes):
    client = sy.TFEClient()
    with pytest.raises(ShapeError, match="the model 'model' takes"):
        client.connect_to_model(*shapes, cluster)
    with pytest.raises(InputError, match="not connected"):
        client.query_model(X)


def test_batches_of_two_sizes(cluster):
    with pytest.raises(ShapeError, match="must be the same in both"):
        sy.TFEClient().connect_to_model((1, 4), (2, 3), cluster)


def test_what_comes_first():
    client = sy.TFEClient()
    for ask in (client.query_model, client.query_model_async):
        with pytest.raises(InputError, match=r"connect_to_model\(.*\) comes first"):
            ask(X)
    with pytest.raises(InputError, match="nothing has been asked"):
        client.query_model_join()
    client.close()


def test_asking_now_and_fetching_later(client):
    inputs = [X, X / 2, X / 4]
    for x in inputs:
        client.query_model_async(x)
    for x in inputs:
        np.testing.assert_allclose(client.query_model_join(), model(1).predict(x), atol=1e-3)
    client.query_model_async(X * 1e6)
    with pytest.raises(RangeError):
        client.query_model_join()
    client.query_model_async(X)
    client.close()  # and not a thought of the answer
    with pytest.raises(InputError, match="nothing has been asked"):
        client.query_model_join()


def test_each_client_gets_its_own_answers(cluster, service):
    wrong = []

    def ask(seed):
        with sy.TFEClient() as client:
            client.connect_to_model((1, 4), (1, 3), cluster)
            for x in np.random.default_rng(seed).uniform(-2, 2, (20, 1, 4)):
                if not np.allclose(client.query_model(x), model(1).predict(x), atol=1e-3):
                    wrong.append(x)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_two_models_by_name(cluster, service):
    other = cluster.running.share(model(2), "other")
    other.serve(block=False)
    with sy.TFEClient() as client:
        for name, seed in (("model", 1), ("other", 2)):
            client.connect_to_model((1, 4), (1, 3), cluster, name=name)
            np.testing.assert_allclose(client.query_model(X), model(seed).predict(X), atol=1e-3)
    other.stop()


def test_requests_that_are_used_up(cluster, service, client):
    service.serve(num_requests=1, block=False)
    client.query_model(X)
    with pytest.raises(RequestLimitError, match="the 1 requests"):
        client.query_model(X)


def test_a_model_that_is_not_there(cluster):
    client = sy.TFEClient()
    for wait in (0.0, 0.3):
        start = time.monotonic()
        with pytest.raises(UnknownModelError, match="shared are none"):
            client.connect_to_model((1, 4), (1, 3), cluster, wait=wait)
        assert wait <= time.monotonic() - start < wait + 5
    shared = cluster.running.share(model(1))
    client.connect_to_model((1, 4), (1, 3), cluster)
    with pytest.raises(NotServingError, match="not being served"):
        client.query_model(X)
    with pytest.raises(NotServingError, match=r"was not served within 0.2 s"):
        client.connect_to_model((1, 4), (1, 3), cluster, wait=0.2)
    shared.stop()


def test_a_client_that_comes_before_its_server(free_ports, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    workers = [sy.TFEWorker(f"localhost:{port}") for port in free_ports]
    with pytest.raises(ClusterError, match="no cluster of this user is on ports"):
        sy.TFEClient().connect_to_model((1, 4), (1, 3), sy.TFECluster(*workers))
    answers = []

    def ask():
        with sy.TFEClient() as client:
            client.connect_to_model((1, 4), (1, 3), sy.TFECluster(*workers), wait=60)
            answers.append(client.query_model(X))

    asking = threading.Thread(target=ask)
    asking.start()
    with sy.TFECluster(*workers) as cluster:
        service = cluster.running.share(model(1))
        time.sleep(0.5)  # shared, but not served
        assert asking.is_alive()
        service.serve(num_requests=1)
        asking.join()
    np.testing.assert_allclose(answers, [model(1).predict(X)], atol=1e-3)


def test_a_worker_that_is_lost(free_ports, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with Cluster.local(ports=free_ports) as running:
        running.share(model(1)).serve(block=False)
        cluster = sy.TFECluster(*(sy.TFEWorker(f"localhost:{port}") for port in free_ports))
        with sy.TFEClient() as client:
            client.connect_to_model((1, 4), (1, 3), cluster)
            kept = running.client_file.parent.rename(tmp_path / "kept")
            running.stop()
            with pytest.raises(PartyLostError, match="party 0"):
                client.query_model(X)
        with pytest.raises(ClusterError, match="no cluster of this user"):
            client.connect_to_model((1, 4), (1, 3), cluster)
        # Left behind, as after a crash of the machine: refused connections, and no waiting for ever.
        (tmp_path / "trine" / "-".join(map(str, free_ports))).symlink_to(kept / "cluster.toml")
        with pytest.raises(PartyLostError, match=r"party 0 at 127\.0\.0\.1"):
            client.connect_to_model((1, 4), (1, 3), cluster)
