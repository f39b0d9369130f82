"""A service in good order: right answers, to whom they belong, as often as agreed, and to nobody else."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from trine import nn
from trine.cluster import Cluster, connect
from trine.cluster.config import ClusterFile
from trine.cluster.http import Parties
from trine.cluster.wire import COST_HEADER, MAX_BATCH, new_identifier, pack_model
from trine.errors import (
    AccessDeniedError,
    CertificateError,
    DtypeError,
    InputError,
    NotFiniteError,
    NotServingError,
    ProtocolError,
    RangeError,
    RequestLimitError,
    ShapeError,
    UnknownModelError,
)
from trine.mpc import deal
from trine.net import Cost
from trine.net.certificates import Authority, role_host
from trine.nn.compiler import compile

ERROR = 0.005


def raw(cluster, role):
    """Requests as this role, past everything that a client or an owner checks."""
    directory = cluster.client_file.parents[1] / role
    return Parties(ClusterFile.read(directory / "cluster.toml"), role)


# -- answers ---------------------------------------------------------------------------------------------------------


def test_digits_one_by_one_and_all_at_once(serve, cnn, digits):
    images, labels = digits
    client = serve(cnn)
    assert (client.input_shape, client.output_shape) == ((28, 28, 1), (10,))
    for image, label in zip(images[:3], labels[:3], strict=True):
        logits = client.query(image)
        assert (logits.shape, logits.dtype) == ((10,), np.float64)
        assert logits.argmax() == label
        np.testing.assert_allclose(logits, cnn.predict(image), atol=ERROR)
    logits = client.query(images)
    np.testing.assert_allclose(logits, cnn.predict(images), atol=ERROR)
    assert (logits.argmax(axis=1) == cnn.predict(images).argmax(axis=1)).all()


@pytest.mark.parametrize("batch", [1, 2, 37])
def test_the_report_is_what_the_plan_declares(serve, small, batch):
    client = serve(small)
    x = np.linspace(-2, 2, 4 * batch).reshape(batch, 4)
    outputs, report = client.query(x, report=True)
    np.testing.assert_allclose(outputs, small.predict(x), atol=ERROR)
    assert Cost(report.rounds, report.mesh_bytes) == client.plan.cost(batch)
    assert report.client_bytes == 2 * (16 + 8 * 4 * batch) + 32 + 3 * 8 * 3 * batch
    assert 0 < report.computing_seconds < report.seconds


def test_each_client_gets_its_own_answers(serve, cluster, small):
    first = serve(small)
    rng = np.random.default_rng(1)
    wrong = []

    def ask(client):
        for _ in range(15):
            x = rng.uniform(-2, 2, (rng.integers(1, 5), 4))
            if not np.allclose(client.query(x), small.predict(x), atol=ERROR):
                wrong.append(x)

    with connect(cluster.client_file, "model") as second:
        # the first client is used by two threads, besides
        threads = [threading.Thread(target=ask, args=(client,)) for client in (first, second, first)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_models_do_not_disturb_each_other(serve, small, cnn, digits):
    one, other = serve(small, "one"), serve(cnn, "other")
    x = [0.5, -1, 2, 0]
    for _ in range(2):
        np.testing.assert_allclose(one.query(x), small.predict(x), atol=ERROR)
        assert other.query(digits[0][0]).argmax() == 7


def test_two_queries_of_one_input_have_nothing_in_common(serve, cluster, small):
    """Neither the payloads nor the parts of the output repeat (a mask that is used twice would show here)."""
    client = serve(small)
    parties = raw(cluster, "client")
    elements = client.plan.encode_input([1.0, 1.0, 1.0, 1.0])
    parts = set()
    for _ in range(2):
        path = f"/v1/models/model/queries/{new_identifier()}?share={client._share}&batch=1"
        parts |= {answer.body for answer in parties.call_all("POST", path, deal([elements]))}
    assert len(parts) == 6
    parties.close()


def test_largest_batch(serve, small):
    client = serve(small)
    x = np.random.default_rng(2).uniform(-2, 2, (MAX_BATCH, 4))
    np.testing.assert_allclose(client.query(x), small.predict(x), atol=ERROR)
    with pytest.raises(ShapeError, match="at most 1024 inputs, not 1025"):
        client.query(np.zeros((MAX_BATCH + 1, 4)))


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (np.zeros(5), ShapeError),
        (np.zeros((0, 4)), ShapeError),
        (np.zeros((1, 1, 4)), ShapeError),
        (0.5, ShapeError),
        ([0, 0, 0, np.nan], NotFiniteError),
        ([0, 0, np.inf, 0], NotFiniteError),
        ([0, 0, 0, 2.5], RangeError),
        ([0, 0, 0, 1e300], RangeError),
        (["a", "b", "c", "d"], DtypeError),
        ([1j, 0, 0, 0], DtypeError),
        ([[0, 0, 0, 0], [0]], InputError),
        (None, InputError),
    ],
)
def test_wrong_inputs_are_never_sent(serve, small, x, error):
    client = serve(small, num_requests=1)
    with pytest.raises(error):
        client.query(x)
    assert client.query(np.zeros(4)).shape == (3,)  # none of them has been counted


# -- limits and life -------------------------------------------------------------------------------------------------


def test_the_request_after_the_last_is_refused(cluster, small):
    service = cluster.share(small)
    with connect(cluster.client_file) as client:
        with pytest.raises(NotServingError, match="not being served yet"):
            client.query(np.zeros(4))
        service.serve(num_requests=2, block=False)
        client.query(np.zeros((3, 4)))  # a batch is one request
        client.query(np.zeros(4))
        for _ in range(2):
            with pytest.raises(RequestLimitError, match="the 2 requests"):
                client.query(np.zeros(4))
        status = service.status()
        assert (status.serving, status.num_requests, status.admitted, status.finished) == (True, 2, 2, 2)
        assert status.used_up
        service.serve(num_requests=1, block=False)
        client.query(np.zeros(4))
        service.stop()
        with pytest.raises(UnknownModelError, match="no model named 'model'"):
            client.query(np.zeros(4))
        with pytest.raises(UnknownModelError):
            service.status()
        service.stop()


def test_serving_blocks_until_the_requests_are_used_up(cluster, small):
    service = cluster.share(small)
    with connect(cluster.client_file) as client:
        answers = []

        def ask():
            while len(answers) < 3:
                try:
                    answers.append(client.query(np.zeros(4)))
                except NotServingError:
                    continue

        thread = threading.Thread(target=ask)
        thread.start()
        service.serve(num_requests=3)
        thread.join()
        assert len(answers) == 3
    service.stop()


def test_ctrl_c_ends_the_waiting_and_not_the_service(cluster, small, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    service = cluster.share(small)
    monkeypatch.setattr("trine.cluster.owner.time.sleep", interrupt)
    service.serve(num_requests=3)
    with connect(cluster.client_file) as client:
        client.query(np.zeros(4))
    service.stop()


@pytest.mark.parametrize("num_requests", [0, -1, 1.5, True, "3"])
def test_how_many_requests(cluster, small, num_requests):
    service = cluster.share(small)
    with pytest.raises(InputError, match="positive integer or None"):
        service.serve(num_requests)
    service.stop()


def test_names(cluster, small):
    service = cluster.share(small, "one")
    with pytest.raises(InputError, match="'one' is already shared here"):
        cluster.share(small, "one")
    assert service.status().share  # the first is still there
    for name in ("", "a/b", 3):
        with pytest.raises(InputError, match="a model's name"):
            cluster.share(small, name)
        with pytest.raises(InputError, match="a model's name"):
            connect(cluster.client_file, name)
    with pytest.raises(UnknownModelError, match="no model named 'two'"):
        connect(cluster.client_file, "two")
    other = cluster.share(small, "two")
    with pytest.raises(UnknownModelError, match="say which model"):
        connect(cluster.client_file)
    service.stop()
    other.stop()
    with pytest.raises(UnknownModelError, match="shared are none"):
        connect(cluster.client_file)


def test_a_model_that_was_shared_anew(serve, cluster, small):
    client = serve(small)
    cluster.service().stop()
    service = cluster.share(small)
    service.serve(block=False)
    with pytest.raises(UnknownModelError, match="shared anew: connect again"):
        client.query(np.zeros(4))
    service.stop()


def test_a_client_sees_whether_there_are_requests_left(serve, cluster, small):
    client = serve(small, num_requests=2)
    client.query(np.zeros(4))
    status = client.status()
    assert (status.serving, status.num_requests, status.admitted) == (True, 2, 1)
    cluster.service().stop()
    with pytest.raises(UnknownModelError):
        client.status()


def test_a_model_that_is_stopped_while_randomness_is_made_for_it(serve, cluster, small, slow):
    """In an idle moment after serving began; the next model's queries must not wait for what will never be made."""
    client = serve(small, "kept")
    for moment in range(25):
        service = cluster.share(slow, "stopped")
        service.serve(block=False)
        time.sleep(moment / 1000)
        service.stop()
        start = time.perf_counter()
        client.query(np.zeros(4))
        assert time.perf_counter() - start < 5.0


def test_another_owner_process_takes_over(cluster, small):
    first = cluster.share(small, "kept")
    with Cluster.connect(cluster.owner_file) as other:
        service = other.service("kept")
        service.serve(block=False)
        assert first.status().serving
        service.stop()
    with pytest.raises(UnknownModelError):
        first.status()
    assert cluster.health()[0]["missing"] == []


def test_keras_models_can_be_shared(cluster, tmp_path):
    keras = pytest.importorskip("keras")
    layers = [keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    path = tmp_path / "model.keras"
    model.save(path)
    x = np.random.default_rng(4).uniform(0, 1, (5, 4))
    for given in (model, path, os.fspath(path)):
        service = cluster.share(given)
        service.serve(block=False)
        with connect(cluster.client_file) as client:
            np.testing.assert_allclose(client.query(x), model.predict(x, verbose=0), atol=ERROR)
        service.stop()


def test_channels_first_and_tokens(serve):
    """What a client passes and gets is not always what the parties hold."""
    rng = np.random.default_rng(5)
    layers = [(nn.Conv2D(rng.normal(size=(2, 2, 3, 2))), [0])]
    first = nn.Model(layers, (3, 4, 5), (-1, 1), input_axes=(1, 2, 0), output_axes=(2, 0, 1))
    words = nn.Sequential([nn.OneHot(7), nn.Dense(rng.normal(size=(7, 3)))], (5,), (0, 6))
    for model, x in ((first, rng.uniform(-1, 1, (2, 3, 4, 5))), (words, rng.integers(0, 7, (4, 5)))):
        answers = serve(model, f"model{x.ndim}").query(x)
        assert answers.shape == (len(x), *model.output_shape)
        np.testing.assert_allclose(answers, model.predict(x), atol=ERROR)


def test_two_clusters_at_once(cluster, small):
    with Cluster.local() as other:
        services = [c.share(small) for c in (cluster, other)]
        with connect(cluster.client_file) as here, connect(other.client_file) as there:
            for service in services:
                service.serve(block=False)
            np.testing.assert_array_equal(here.plan, there.plan)
            here.query(np.zeros(4))
            there.query(np.zeros(4))
        services[0].stop()


# -- who may do what -------------------------------------------------------------------------------------------------


def test_roles(cluster, small):
    service = cluster.share(small, "guarded")
    compiled = compile(small)
    body = pack_model(compiled.plan.to_json(), deal(compiled.tensors)[0])
    model = "/v1/models/guarded"
    identifier = new_identifier()
    actions = {
        "health": ("GET", "/healthz", b""),
        "list": ("GET", "/v1/models", b""),
        "describe": ("GET", model, b""),
        "share": ("PUT", f"/v1/models/mine?share={identifier}", body),
        "serve": ("POST", f"{model}/serve", b'{"num_requests": null}'),
        "query": ("POST", f"{model}/queries/{identifier}?share={identifier}&batch=1", bytes(32)),
        "stop": ("DELETE", model, b""),
    }
    allowed = {
        "client": {"health", "list", "describe", "query"},
        "owner": {"health", "list", "describe", "share", "serve", "stop"},
        "party-1": {"health"},
    }
    for role in ("client", "party-1", "owner"):
        parties = raw(cluster, role)
        for action, request in actions.items():
            outcome = None
            try:
                parties.call(0, *request)
            except (AccessDeniedError, UnknownModelError) as error:  # the client asks for a sharing that is not there
                outcome = error
            assert isinstance(outcome, AccessDeniedError) == (action not in allowed[role]), (role, action)
            assert action in allowed[role] or f"the certificate says {role}" in str(outcome)
        parties.close()
    service.stop()
    cluster.service("mine").stop()


def raw_names(cluster):
    parties = raw(cluster, "owner")
    names = parties.call(0, "GET", "/v1/models").json()["models"]
    parties.close()
    return names


def test_a_client_certificate_of_another_cluster(cluster, tmp_path):
    Authority().enroll(tmp_path, "client")
    (tmp_path / "cluster.toml").write_bytes(cluster.client_file.read_bytes())
    with pytest.raises(CertificateError, match="showed a certificate that is not the expected one"):
        connect(tmp_path / "cluster.toml")
    (tmp_path / "ca.crt").write_bytes((cluster.client_file.parent / "ca.crt").read_bytes())
    with pytest.raises(CertificateError, match="was not issued by"):
        connect(tmp_path / "cluster.toml")


def test_no_certificate(cluster):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cluster.client_file.parent / "ca.crt")
    plain = socket.create_connection(ClusterFile.read(cluster.client_file).api[0], 10)
    connection = context.wrap_socket(plain, server_hostname=role_host("party-0"))
    with connection, contextlib.suppress(OSError):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1) == b""


def test_curl_with_a_certificate_and_without(cluster):
    """The interface is plain HTTPS: any program that has a certificate can use it."""
    directory = cluster.client_file.parent
    host, port = ClusterFile.read(cluster.client_file).api[1]
    command = ["curl", "--silent", "--show-error", "--cacert", directory / "ca.crt", f"https://{host}:{port}/healthz"]
    certificate = ["--cert", directory / "client.crt", "--key", directory / "client.key"]
    try:
        answer = subprocess.run([*command, *certificate], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("curl is not installed")
    assert json.loads(answer.stdout)["party"] == 1
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode != 0
    assert not refused.stdout


# -- hostile requests ------------------------------------------------------------------------------------------------


@pytest.fixture
def hostile(serve, cluster, small):
    """A served model, requests past all checks of the client, and the path of a query of it."""
    client = serve(small)
    parties = raw(cluster, "client")
    yield parties, f"/v1/models/model/queries/{new_identifier()}?share={client._share}"
    assert client.query(np.zeros(4)).shape == (3,)  # the service has not suffered
    parties.close()


@pytest.mark.parametrize(("party", "size"), [(0, 32), (1, 48), (2, 48)])
@pytest.mark.parametrize("wrong", [-1, 1, 100_000])
def test_bodies_of_a_wrong_size(hostile, party, size, wrong):
    parties, path = hostile
    with pytest.raises(ProtocolError, match="bytes"):
        parties.call(party, "POST", f"{path}&batch=1", bytes(size + wrong))


@pytest.mark.parametrize(
    "parameters",
    ["", "&batch=", "&batch=0", "&batch=-1", "&batch=1025", "&batch=x", "&batch=1e3", "&batch=99999999999"],
)
def test_wrong_batches(hostile, parameters):
    parties, path = hostile
    with pytest.raises(InputError, match="inputs"):
        parties.call(1, "POST", path + parameters, bytes(48))


def test_wrong_names_of_queries(hostile):
    parties, path = hostile
    share = path.partition("?")[2]
    for name in ("x", "A" * 32, "0" * 33):
        with pytest.raises(InputError, match="32 hexadecimal digits"):
            parties.call(1, "POST", f"/v1/models/model/queries/{name}?{share}&batch=1", bytes(48))


def test_parties_that_are_asked_for_different_batches(hostile):
    parties, path = hostile
    sizes = (32, 48, 16 + 64)
    answers = []

    def ask(party):
        try:
            parties.call(party, "POST", f"{path}&batch={1 + party // 2}", bytes(sizes[party]))
        except ProtocolError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=ask, args=(party,)) for party in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 3
    assert all("different queries under one name" in answer for answer in answers)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [(b"", "the body must be"), (b"[]", "the body must be"), (b'{"num_requests": 0}', "positive integer")],
)
def test_wrong_bodies_of_serve(cluster, small, body, complaint):
    service = cluster.share(small)
    parties = raw(cluster, "owner")
    with pytest.raises(InputError, match=complaint):
        parties.call(0, "POST", "/v1/models/model/serve", body)
    parties.close()
    service.stop()


@pytest.mark.parametrize("body", [b"", b"\x02\0\0\0{}", bytes(100)])
def test_wrong_models(cluster, body):
    parties = raw(cluster, "owner")
    with pytest.raises(ProtocolError):
        parties.call(0, "PUT", f"/v1/models/bad?share={new_identifier()}", body)
    with pytest.raises(InputError, match="32 hexadecimal digits"):
        parties.call(0, "PUT", "/v1/models/bad", body)
    parties.close()


def test_models_of_a_wrong_size(cluster, small):
    compiled = compile(small)
    body = pack_model(compiled.plan.to_json(), deal(compiled.tensors)[1][:-1])
    parties = raw(cluster, "owner")
    with pytest.raises(ProtocolError, match="were expected"):
        parties.call(1, "PUT", f"/v1/models/bad?share={new_identifier()}", body)
    assert "bad" not in raw_names(cluster)
    parties.close()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/v2/models"), ("PATCH", "/v1/models/model"), ("POST", "/healthz")]
)
def test_unknown_routes(cluster, method, path):
    parties = raw(cluster, "client")
    with pytest.raises(ProtocolError, match=r"Not Found|Method Not Allowed"):
        parties.call(0, method, path)
    parties.close()


def test_the_cost_of_a_query_comes_with_its_answer(serve, cluster, small):
    client = serve(small)
    parties = raw(cluster, "client")
    path = f"/v1/models/model/queries/{new_identifier()}?share={client._share}&batch=1"
    answers = parties.call_all("POST", path, deal([client.plan.encode_input(np.zeros(4))]))
    assert all(answer.headers["content-type"] == "application/octet-stream" for answer in answers)
    costs = [json.loads(answer.headers[COST_HEADER]) for answer in answers]
    assert sum(cost["bytes"] for cost in costs) == client.plan.cost(1).bytes
    parties.close()


def test_logs_hold_no_secrets_and_are_json(cluster):
    for party in range(3):
        for line in (cluster.client_file.parents[1] / f"party-{party}" / "log").read_text().splitlines():
            entry = json.loads(line)
            assert entry["party"] == party
            assert "Traceback" not in line


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_sockets_and_threads_do_not_pile_up(serve, cluster, small):
    def held():
        return [(len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))) for pid in cluster.processes]

    client = serve(small)
    for _ in range(5):
        client.query(np.zeros(4))
    before = held()
    for _ in range(30):
        client.query(np.zeros(4))
    assert held() == before
