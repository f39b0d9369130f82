"""The calling end of HTTPS against three stub parties that answer as each test wants."""

import contextlib
import json
import socket
import threading

import pytest

from trine.cluster.config import ClusterFile
from trine.cluster.http import Parties
from trine.cluster.wire import error_to_json
from trine.errors import (
    CertificateError,
    PartyLostError,
    PartyTimeoutError,
    ProtocolError,
    RequestLimitError,
)
from trine.net.certificates import ROLES, Authority
from trine.net.tls import Credentials, handshake, server_context


def http(body=b"{}", status="200 OK", headers=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def echo(request):
    return http(request.rpartition(b"\r\n\r\n")[2])


class Stub:
    """A party: what it answers to a request (bytes), or None to close, or ... to say nothing."""

    def __init__(self, directory, role, answer):
        self.answer = answer
        self.requests = []
        self.connections = 0
        self.context = server_context(Credentials(directory, role))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.end = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError), self.listener:
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, plain):
        with contextlib.suppress(OSError), handshake(self.context, plain) as connection:
            while request := self.read(connection):
                self.requests.append(request)
                answer = self.answer(request)
                if answer is ...:
                    self.end.wait()
                if not isinstance(answer, bytes):
                    return
                connection.sendall(answer)
                if b"Connection: close" in answer:
                    return

    def read(self, connection):
        request = b""
        while b"\r\n\r\n" not in request:
            if not (more := connection.recv(1 << 16)):
                return b""
            request += more
        head, _, body = request.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
        while len(body) < length:
            body += connection.recv(1 << 16)
        return head + b"\r\n\r\n" + body

    def close(self):
        self.end.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    authority = Authority()
    for role in ROLES:
        authority.enroll(directory, role)
    return directory


@pytest.fixture
def start(directory):
    """Starts three stubs and connects to them."""
    with contextlib.ExitStack() as stack:

        def start(*answers, roles=("party-0", "party-1", "party-2"), timeout=5.0):
            stubs = [
                stack.enter_context(contextlib.closing(Stub(directory, role, answer)))
                for role, answer in zip(roles, answers, strict=True)
            ]
            addresses = tuple(stub.address for stub in stubs)
            file = ClusterFile(directory, addresses, addresses, timeout)
            return stubs, stack.enter_context(contextlib.closing(Parties(file, "client")))

        yield start


def say(answer):
    return lambda request: answer


def test_every_party_gets_its_own_body(start):
    stubs, parties = start(echo, echo, echo)
    answers = parties.call_all("POST", "/x", [b"0", b"11", bytes(100_000)])
    assert [(answer.party, answer.body) for answer in answers] == [(0, b"0"), (1, b"11"), (2, bytes(100_000))]
    assert all(stub.requests[0].startswith(b"POST /x HTTP/1.1\r\n") for stub in stubs)
    assert parties.call(1, "PUT", "/y", b"z").body == b"z"
    assert [stub.connections for stub in stubs] == [1, 1, 1]  # kept


def test_headers_and_json(start):
    _, parties = start(say(http(b'{"a": 1}', headers="Trine-Cost: 7\r\n")), echo, echo)
    answer = parties.call(0, "GET", "/")
    assert answer.headers["trine-cost"] == "7"
    assert answer.json() == {"a": 1}


def test_not_json(start):
    _, parties = start(say(http(b"hello")), echo, echo)
    with pytest.raises(ProtocolError, match="party 0 sent an answer that is not JSON"):
        parties.call(0, "GET", "/").json()


def test_a_connection_that_was_closed_while_idle_is_opened_again(start):
    closing = say(http(headers="Keep-Alive: no\r\n"))
    stubs, parties = start(closing, closing, closing)
    parties.call_all("GET", "/")
    for connection in parties._parties:
        connection._http._connection.shutdown(socket.SHUT_RDWR)
    parties.call_all("GET", "/")
    assert [stub.connections for stub in stubs] == [2, 2, 2]


def test_connection_close_is_obeyed(start):
    stubs, parties = start(*3 * [say(http(headers="Connection: close\r\n"))])
    parties.call_all("GET", "/")
    parties.call_all("GET", "/")
    assert [stub.connections for stub in stubs] == [2, 2, 2]


def test_an_error_is_raised_though_others_say_nothing(start):
    body = json.dumps(error_to_json(RequestLimitError("used up"), 1)).encode()
    stubs, parties = start(say(...), say(http(body, "429 Too Many Requests")), say(...))
    with pytest.raises(RequestLimitError, match="used up"):
        parties.call_all("GET", "/")
    for stub in stubs:
        stub.answer = echo
    # what is still to come from the others is not taken for an answer to this
    assert [answer.body for answer in parties.call_all("POST", "/", [b"a", b"b", b"c"])] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"detail": "x"}'])
def test_an_error_that_is_none_of_ours(start, body):
    _, parties = start(echo, say(http(body, "502 Bad Gateway")), echo)
    with pytest.raises(ProtocolError, match="not understood"):
        parties.call_all("GET", "/")


def test_not_http(start):
    _, parties = start(echo, say(b"\x00\x01\x02\r\n\r\n"), echo)
    with pytest.raises(ProtocolError, match="does not speak proper HTTP"):
        parties.call_all("GET", "/")


def test_a_party_that_closes(start):
    _, parties = start(echo, echo, say(None))
    with pytest.raises(PartyLostError, match="closed the connection") as caught:
        parties.call_all("GET", "/")
    assert caught.value.party == 2


def test_a_party_that_is_not_there(start):
    stubs, parties = start(echo, echo, echo)
    stubs[1].close()
    with pytest.raises(PartyLostError, match="party 1 at 127") as caught:
        parties.call_all("GET", "/")
    assert caught.value.party == 1


def test_a_party_that_has_died_silently(start):
    """It neither answers the request nor, asked on another connection, whether it is alive."""
    _, parties = start(echo, say(...), echo, timeout=0.2)
    with pytest.raises(PartyTimeoutError, match=r"did not respond in 0\.2 s") as caught:
        parties.call_all("GET", "/")
    assert caught.value.party == 1


def test_a_party_that_takes_its_time_but_is_alive(start):
    slow = threading.Event()
    probes = []

    def answer(request):
        if b"/healthz" in request:
            probes.append(request)
            if len(probes) == 2:
                slow.set()
        else:
            slow.wait(10)
        return http(b"done")

    _, parties = start(echo, echo, answer, timeout=0.1)
    assert parties.call_all("GET", "/x")[2].body == b"done"
    assert len(probes) == 2


def test_a_party_in_the_place_of_another_is_sent_nothing(start):
    stubs, parties = start(echo, echo, echo, roles=("party-0", "party-2", "party-1"))
    with pytest.raises(CertificateError, match=r"party 1 .* showed a certificate that is not the expected one"):
        parties.call_all("POST", "/", [b"", b"a share", b""])
    assert stubs[1].requests == []
