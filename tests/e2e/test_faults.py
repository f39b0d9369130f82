"""Parties that are killed, frozen or restarted, owners that die, strangers at the door: a typed error, and no hang."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from trine.cluster import Cluster, connect
from trine.cluster.config import ClusterFile
from trine.cluster.http import Parties
from trine.cluster.wire import MAX_BATCH, new_identifier
from trine.errors import NetworkError, PartyLostError, PartyTimeoutError, UnknownModelError
from trine.mpc import deal
from trine.net import frames
from trine.net.certificates import role_host
from trine.net.tls import client_context

PROMISE = 5.0  # seconds within which a killed party is noticed by all
IMAGE = np.random.default_rng(5).uniform(0, 1, (28, 28, 1))


@contextlib.contextmanager
def serving(model, timeout=5.0):
    """A cluster of its own that serves a model, and a client; the cluster must leave nothing behind."""
    with Cluster.local(timeout=timeout) as cluster:
        service = cluster.share(model)
        service.serve(block=False)
        with connect(cluster.client_file) as client:
            yield cluster, client
        cluster.stop()
        assert not any(map(alive, cluster.processes))
        assert not cluster.client_file.exists()


def alive(pid):
    """Whether there is such a process; one that has ended but that its new parent has not yet noticed is none."""
    try:
        if sys.platform == "linux":
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def eventually(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Asked:
    """A query whose three requests are made apart, so that each party's own answer can be seen."""

    def __init__(self, cluster, client, x, parties=(0, 1, 2)):
        self.answers = {}
        elements = client.plan.encode_input(x)
        path = f"/v1/models/model/queries/{new_identifier()}?share={client._share}&batch={len(elements)}"
        self.connections = Parties(ClusterFile.read(cluster.client_file), "client")
        payloads = deal([elements])
        self.threads = [threading.Thread(target=self.ask, args=(p, path, payloads[p]), daemon=True) for p in parties]
        for thread in self.threads:
            thread.start()

    def ask(self, party, path, payload):
        try:
            self.answers[party] = self.connections.call(party, "POST", path, payload)
        except NetworkError as error:
            self.answers[party] = error

    def wait(self, seconds, parties):
        """Each party's answer, if it comes in that time."""
        assert eventually(lambda: self.answers.keys() >= set(parties), seconds), self.answers
        return [self.answers[party] for party in parties]


def begin_long_query(cluster, client, slow):
    """A query that takes some seconds, under way at all three parties."""
    asked = Asked(cluster, client, np.zeros((MAX_BATCH, *slow.input_shape)))
    service = cluster.service()
    assert eventually(lambda: all(status.admitted == 1 for status in service._statuses()))
    time.sleep(0.2)
    assert asked.answers == {}
    return asked


def others(party):
    return [p for p in range(3) if p != party]


@pytest.mark.parametrize("party", [0, 1, 2])
def test_a_party_is_killed_in_mid_query(slow, party):
    with serving(slow) as (cluster, client):
        asked = begin_long_query(cluster, client, slow)
        os.kill(cluster.processes[party], signal.SIGKILL)
        for error in asked.wait(PROMISE, [0, 1, 2]):
            assert isinstance(error, PartyLostError)
            assert error.party == party
        # The two others live, say so, and refuse new queries at once.
        for other in others(party):
            assert cluster._parties.call(other, "GET", "/healthz").json()["missing"] == [party]
        for error in Asked(cluster, client, IMAGE, others(party)).wait(PROMISE, others(party)):
            assert isinstance(error, PartyLostError)
            assert error.party == party
        with pytest.raises(PartyLostError) as caught:
            client.query(IMAGE)
        assert caught.value.party == party


def test_the_client_itself_hears_of_it(slow):
    with serving(slow) as (cluster, client):
        threading.Timer(1.0, os.kill, (cluster.processes[1], signal.SIGKILL)).start()
        with pytest.raises(PartyLostError, match="party 1") as caught:
            client.query(np.zeros((MAX_BATCH, *slow.input_shape)))
        assert caught.value.party == 1


@pytest.mark.parametrize("party", [0, 1, 2])
def test_a_party_is_frozen_in_mid_query_and_thaws(slow, party):
    with serving(slow, timeout=2.0) as (cluster, client):
        asked = begin_long_query(cluster, client, slow)
        os.kill(cluster.processes[party], signal.SIGSTOP)
        try:
            for error in asked.wait(PROMISE, others(party)):
                assert isinstance(error, PartyTimeoutError)
                assert error.party == party
            with pytest.raises((PartyLostError, PartyTimeoutError)) as caught:
                client.query(IMAGE)
            assert caught.value.party == party
        finally:
            os.kill(cluster.processes[party], signal.SIGCONT)
        assert eventually(lambda: all(health["missing"] == [] for health in cluster.health()))
        np.testing.assert_allclose(client.query(IMAGE), slow.predict(IMAGE[None])[0], atol=0.005)


@pytest.mark.parametrize("party", [0, 1, 2])
def test_a_party_is_frozen_before_a_query(small, party):
    with serving(small, timeout=2.0) as (cluster, client):
        os.kill(cluster.processes[party], signal.SIGSTOP)
        try:
            with pytest.raises((PartyLostError, PartyTimeoutError)) as caught:
                client.query(np.zeros(4))
            assert caught.value.party == party
        finally:
            os.kill(cluster.processes[party], signal.SIGCONT)
        assert eventually(lambda: all(health["missing"] == [] for health in cluster.health()))
        assert client.query(np.zeros(4)).shape == (3,)


@pytest.mark.parametrize("party", [0, 2])
def test_a_killed_party_is_started_again(small, party):
    with serving(small) as (cluster, client):
        os.kill(cluster.processes[party], signal.SIGKILL)
        with pytest.raises(PartyLostError):
            client.query(np.zeros(4))
        file = cluster.client_file.parents[1] / f"party-{party}" / "cluster.toml"
        command = [sys.executable, "-c", "from trine.cli import main; main()", "party"]
        again = subprocess.Popen(
            [*command, "--id", str(party), "--config", file, "--log-level", "warning"], stderr=subprocess.PIPE
        )
        with again:
            try:

                def linked():
                    with contextlib.suppress(NetworkError):
                        return all(health["missing"] == [] for health in cluster.health())

                assert eventually(linked)
                # Models are kept in memory: the party that is new has none.
                with pytest.raises(UnknownModelError, match="no model named 'model'"):
                    client.query(np.zeros(4))
                cluster.service().stop() if party != 0 else stop_everywhere(cluster)
                service = cluster.share(small)
                service.serve(block=False)
                with connect(cluster.client_file) as anew:
                    np.testing.assert_allclose(anew.query(np.ones(4)), small.predict(np.ones(4)), atol=0.005)
                again.send_signal(signal.SIGINT)
                assert again.wait(10) == 0
                assert again.stderr.read() == b""
            finally:
                again.kill()


def stop_everywhere(cluster):
    for party in range(3):
        with contextlib.suppress(UnknownModelError):
            cluster._parties.call(party, "DELETE", "/v1/models/model")


def test_a_party_is_lost_while_sharing_and_serving(small):
    with Cluster.local() as cluster:
        service = cluster.share(small)
        os.kill(cluster.processes[1], signal.SIGKILL)
        assert eventually(lambda: not connected(cluster, 1))
        for action in (service.status, service.serve, service.stop, lambda: cluster.share(small, "other")):
            with pytest.raises(PartyLostError) as caught:
                action()
            assert caught.value.party == 1
        # What could not be shared with all was taken back, and what was stopped is gone where it could be.
        for party in (0, 2):
            assert cluster._parties.call(party, "GET", "/v1/models").json()["models"] == []


def connected(cluster, party):
    try:
        cluster._parties.call(party, "GET", "/healthz")
    except PartyLostError:
        return False
    return True


def test_a_query_that_reaches_two_parties_only(small):
    with serving(small, timeout=0.5) as (cluster, client):
        for absent in range(3):
            for error in Asked(cluster, client, np.zeros(4), others(absent)).wait(PROMISE, others(absent)):
                assert isinstance(error, PartyTimeoutError)
                assert error.party == absent
        assert cluster.service().status().admitted == 0
        assert client.query(np.zeros(4)).shape == (3,)


def test_a_client_that_vanishes_half_way(small):
    with serving(small) as (cluster, client):
        file = ClusterFile.read(cluster.client_file)
        context = client_context(file.credentials("client"))
        path = f"/v1/models/model/queries/{new_identifier()}?share={client._share}&batch=1"
        for cut in (10, 60, 150):
            for party in range(3):
                plain = socket.create_connection(file.api[party])
                with context.wrap_socket(plain, server_hostname=role_host(f"party-{party}")) as connection:
                    request = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 48\r\n\r\n".encode() + bytes(20)
                    connection.sendall(request[:cut])
        assert client.query(np.zeros(4)).shape == (3,)


@pytest.mark.parametrize("role", ["client", "owner", "party-0", None])
def test_strangers_on_the_mesh(small, role):
    """Only the other parties may link; and a party that calls itself is no other."""
    with serving(small) as (cluster, client):
        directory = cluster.client_file.parents[1] / (role or "client")
        file = ClusterFile.read(directory / "cluster.toml")
        if role is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(directory / "ca.crt")
        else:
            context = client_context(file.credentials(role))
        plain = socket.create_connection(file.mesh[0], 10)
        connection = context.wrap_socket(plain, server_hostname=role_host("party-0"))
        with connection, contextlib.suppress(OSError):
            connection.sendall(frames.pack_header(frames.Kind.CONTROL, 0, 0, 24) + bytes(24))
            assert connection.recv(1) == b""
        assert client.query(np.zeros(4)).shape == (3,)
        assert cluster.health()[0]["missing"] == []


def test_rubbish_on_every_port(small):
    with serving(small) as (cluster, client):
        file = ClusterFile.read(cluster.client_file)
        for address in (*file.mesh, *file.api):
            for rubbish in (b"", b"GET / HTTP/1.1\r\n\r\n", os.urandom(1000), b"\x16\x03\x01"):
                with socket.create_connection(address, 10) as plain, contextlib.suppress(OSError):
                    plain.sendall(rubbish)
        assert client.query(np.zeros(4)).shape == (3,)


# -- owners and demos that end in every way --------------------------------------------------------------------------

OWNER = """
import os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from trine.cluster import Cluster
from trine.nn import Dense, Sequential

cluster = Cluster.local()
service = cluster.share(Sequential([Dense([[1.0]])], input_shape=(1,)))
print(*cluster.processes, cluster.client_file, flush=True)
{end}
"""


def start_owner(end):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(end=end)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    *processes, file = owner.stdout.readline().split()
    return owner, [int(pid) for pid in processes], file


@pytest.mark.parametrize(
    ("end", "number", "code"),
    [
        ("service.serve()", signal.SIGKILL, -signal.SIGKILL),
        ("service.serve()", signal.SIGTERM, -signal.SIGTERM),
        ("service.serve(); print('interrupted')", signal.SIGINT, 0),
        ("sys.exit(3)", None, 3),
        ("os._exit(4)", None, 4),
        ("os.abort()", None, -signal.SIGABRT),
        ("del cluster, service; sys.stdin.read()", None, 0),
        ("os.fork() or sys.exit(0); os.wait(); assert cluster.health()", None, 0),
    ],
)
def test_no_party_outlives_its_owner(end, number, code):
    owner, processes, file = start_owner(end)
    with owner:
        assert len(processes) == 3
        if number is not None:
            time.sleep(0.3)
            owner.send_signal(number)
        owner.stdin.close()
        assert owner.wait(20) == code
    assert eventually(lambda: not any(map(alive, processes)))
    assert eventually(lambda: not os.path.exists(os.path.dirname(os.path.dirname(file))))


DEMO = [sys.executable, "-c", "from trine.cli import main; main()", "demo"]


def test_the_demo():
    demo = subprocess.run([*DEMO, "--json"], capture_output=True, text=True)
    assert demo.returncode == 0, demo.stderr
    assert demo.stderr == ""
    assert '"correct": true' in demo.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_the_demo(number):
    command = [sys.executable, "-c", "import trine.demo.server as s; s.NUM_REQUESTS = 9; s.main()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        server.stdout.readline()
        tree = [server.pid, *children(server.pid)]
        assert len(tree) == 4
        server.send_signal(number)
    assert eventually(lambda: not any(map(alive, tree)))
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
        assert eventually(lambda: len(descendants(demo.pid)) >= 4)
        tree = descendants(demo.pid)
        demo.send_signal(number)
        assert b"Traceback" not in demo.stderr.read()
    assert eventually(lambda: not any(map(alive, tree)))


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def descendants(pid):
    found = children(pid)
    return found + [deeper for child in found for deeper in descendants(child)]
