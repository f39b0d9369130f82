"""What the tests of the mesh share: three meshes in one process, over real TLS, and one that only pretends."""

import contextlib
import queue
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from trine.net.certificates import Authority, party_role
from trine.net.greeting import Greeter
from trine.net.mesh import Mesh
from trine.net.tls import Credentials

TIMEOUT = 5.0
EVENT = 10.0  # how long a test waits for what must happen


class Site:
    """One party's mesh, and what it was told."""

    def __init__(self, party, directory, listeners, timeout):
        self.controls = queue.Queue()
        self.lost = queue.Queue()
        self.refuse = None
        self.mesh = Mesh(
            party,
            listeners[party].dup(),
            {p: listeners[p].getsockname() for p in range(3) if p != party},
            Credentials(directory, party_role(party)),
            timeout,
            self.on_control,
            lambda peer, error: self.lost.put((peer, error)),
        )
        self.mesh.start()

    def on_control(self, peer, payload):
        if self.refuse is not None:
            raise self.refuse
        self.controls.put((peer, payload))


class Ring:
    """Three sites. ``timeouts`` are theirs; one that is much larger makes a party seem frozen to the others."""

    def __init__(self, directory, *timeouts):
        self.directory, self.timeouts = directory, timeouts or 3 * [TIMEOUT]
        authority = Authority()
        for party in range(3):
            authority.enroll(directory, party_role(party))
        self.listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        self.sites = [self.start(party) for party in range(3)]

    def start(self, party):
        return Site(party, self.directory, self.listeners, self.timeouts[party])

    def restart(self, party):
        self.sites[party].mesh.close()
        self.sites[party] = self.start(party)

    def open(self, number):
        return [site.mesh.open(number) for site in self.sites]

    def wait(self):
        assert all(site.mesh.wait(EVENT) for site in self.sites)

    def close(self):
        for listener in self.listeners:
            listener.close()
        for site in self.sites:
            site.mesh.close()


class Impostor:
    """Links with one victim in the place of a party, so that a test may send what no party would."""

    def __init__(self, ring, party, victim):
        ring.sites[party].mesh.close()
        assert ring.sites[victim].lost.get(timeout=EVENT)[0] == party
        greeter = Greeter(party, Credentials(ring.directory, party_role(party)), EVENT)
        self.outbound = greeter.call(victim, ring.listeners[victim].getsockname(), 0).connection
        peer = None
        while peer != victim:
            peer, link = greeter.answer(ring.listeners[party].accept()[0])
        self.inbound = link.connection
        assert ring.sites[victim].mesh.wait(EVENT)

    def write(self, data):
        self.outbound.write(data, EVENT)


@pytest.fixture
def new_ring(tmp_path) -> Iterator[type[Ring]]:
    """Makes three linked sites with these time-outs."""
    with contextlib.ExitStack() as stack:

        def make(*timeouts):
            ring = stack.enter_context(contextlib.closing(Ring(tmp_path, *timeouts)))
            ring.wait()
            return ring

        yield make


@pytest.fixture
def ring(new_ring) -> Ring:
    return new_ring()


@pytest.fixture
def impostor() -> type[Impostor]:
    return Impostor


@pytest.fixture(scope="session")
def message():
    """Makes a message of a few bytes."""
    return lambda *values: np.array(values, np.uint8)


@pytest.fixture(scope="session")
def receive():
    """Takes the next message of one peer, in one piece."""
    return lambda channel, peer, size: channel.collect({peer: [size]})[peer][0]
