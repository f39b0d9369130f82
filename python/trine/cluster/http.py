"""The calling end of HTTPS: requests to all three parties at once, by an owner or a client.

No threads and no event loop: the requests are written one after the other, then whichever answer comes first is read
first. A query of one image spends so little time on the wire that anything more would show.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httptools

from trine.cluster.config import ClusterFile
from trine.cluster.wire import error_from_json
from trine.errors import CertificateError, PartyLostError, PartyTimeoutError, ProtocolError
from trine.net import PARTIES
from trine.net.certificates import party_role, role_host
from trine.net.mesh import Address
from trine.net.tls import client_context, connection_error, handshake

__all__ = ["Parties", "Response"]

RECEIVE_BYTES = 1 << 18


@dataclass(frozen=True)
class Response:
    """What a party answered, if it was not an error."""

    party: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; ProtocolError if it is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ProtocolError(f"party {self.party} sent an answer that is not JSON") from error


class Parties:
    """Connections to the three parties, opened when first used and kept.

    Args:
        file: where they are; the caller's certificates lie beside it.
        role: the caller's.

    Raises:
        CertificateError: the certificates cannot be used.
    """

    def __init__(self, file: ClusterFile, role: str) -> None:
        context = client_context(file.credentials(role))
        self._timeout = file.timeout
        self._parties = [_PartyConnection(i, file.api[i], context, file.timeout) for i in range(PARTIES)]

    def call(self, party: int, method: str, path: str, body: bytes = b"") -> Response:
        """One request to one party; errors as in :meth:`call_all`."""
        return self._gather([self._parties[party]], method, path, [body])[0]

    def call_all(self, method: str, path: str, bodies: Sequence[bytes] = (b"", b"", b"")) -> list[Response]:
        """The same request to all three parties, each with its own body.

        The first error that any party reports is raised at once.

        Raises:
            CertificateError: a party could not show the expected certificate, or refused ours.
            PartyLostError, PartyTimeoutError: a party cannot be reached, went away, or says nothing.
            TrineError: what a party reported.
        """
        return self._gather(self._parties, method, path, bodies)

    def close(self) -> None:
        """Close the connections; they are opened again when needed."""
        for party in self._parties:
            party.close()

    def _gather(
        self, parties: Sequence[_PartyConnection], method: str, path: str, bodies: Sequence[bytes]
    ) -> list[Response]:
        responses: dict[int, Response] = {}
        waiting: dict[int, _PartyConnection] = {}  # by file descriptor
        poller = select.poll()
        try:
            for party, body in zip(parties, bodies, strict=True):
                descriptor = party.send(method, path, body).fileno()
                waiting[descriptor] = party
                poller.register(descriptor, select.POLLIN)
            while waiting:
                ready = poller.poll(1000 * self._timeout)
                for descriptor, _ in ready:
                    poller.unregister(descriptor)
                    party = waiting.pop(descriptor)
                    responses[party.index] = party.receive()
                if not ready:
                    for party in waiting.values():
                        party.check_alive()
        except BaseException:
            # An answer that is still to come must not be taken for that of the next request.
            for party in parties:
                if party.index not in responses:
                    party.close()
            raise
        return [responses[party.index] for party in parties]


class _PartyConnection:
    """One kept connection to one party."""

    def __init__(self, index: int, address: Address, context: ssl.SSLContext, timeout: float) -> None:
        self.index = index
        self._address = address
        self._context = context
        self._timeout = timeout
        self._http = _Https(index, address, context, timeout)

    def send(self, method: str, path: str, body: bytes) -> ssl.SSLSocket:
        """Write a request; returns the socket on which the answer will come."""
        with self._explained():
            if self._http.is_stale():
                self._http.close()
            return self._http.send(method, path, body)

    def receive(self) -> Response:
        """Read the answer; raises the error that it reports."""
        with self._explained():
            answer = self._http.receive()
        if answer.status < 300:
            return Response(self.index, answer.headers, answer.body)
        try:
            content = json.loads(answer.body)
        except ValueError:
            content = f"HTTP status {answer.status}"
        raise error_from_json(content)

    def check_alive(self) -> None:
        """Raise an error unless the party answers on a connection of its own."""
        probe = _PartyConnection(self.index, self._address, self._context, self._timeout)
        with contextlib.closing(probe):
            probe.send("GET", "/healthz", b"")
            probe.receive()

    def close(self) -> None:
        """Drop the connection."""
        self._http.close()

    @contextlib.contextmanager
    def _explained(self) -> Any:
        far_end = f"party {self.index} at {self._address[0]}:{self._address[1]}"
        try:
            yield
        except TimeoutError as error:
            raise PartyTimeoutError(self.index, f"{far_end} did not respond in {self._timeout:g} s") from error
        except httptools.HttpParserError as error:
            raise ProtocolError(f"{far_end} does not speak proper HTTP: {error!r}") from error
        except OSError as error:
            explained = connection_error(error, far_end)
            if isinstance(explained, CertificateError):
                raise explained from error
            raise PartyLostError(self.index, str(explained)) from error


class _Answer:
    """An answer as it comes in: what httptools' parser calls."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False
        self.keeps_alive = False
        self._chunks: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take in what has come."""
        self._parser.feed_data(data)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self._parser.get_status_code())

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.keeps_alive = bool(self._parser.should_keep_alive())

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        self.body = b"".join(self._chunks)
        self.complete = True


class _Https:
    """HTTPS to a party, that is, to whoever's certificate says so; what DNS says does not matter."""

    def __init__(self, index: int, address: Address, context: ssl.SSLContext, timeout: float) -> None:
        self._address = address
        self._context = context
        self._timeout = timeout
        self._server_hostname = role_host(party_role(index))
        self._host = f"{address[0]}:{address[1]}"
        self._connection: ssl.SSLSocket | None = None

    def send(self, method: str, path: str, body: bytes) -> ssl.SSLSocket:
        """Write a request, on a new connection if there is none; returns the connection."""
        if self._connection is None:
            plain = socket.create_connection(self._address, self._timeout)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = handshake(self._context, plain, self._server_hostname)
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._connection.sendall(head.encode("ascii") + body)
        return self._connection

    def receive(self) -> _Answer:
        """Read the answer to the request that was sent last."""
        assert self._connection is not None
        answer = _Answer()
        while not answer.complete:
            data = self._connection.recv(RECEIVE_BYTES)
            if not data:
                raise ConnectionResetError("closed the connection")
            answer.feed(data)
        if not answer.keeps_alive:
            self.close()
        return answer

    def is_stale(self) -> bool:
        """Whether the server has closed the kept connection: only then can there be something to read."""
        if self._connection is None:
            return False
        poller = select.poll()
        poller.register(self._connection, select.POLLIN)
        return bool(poller.poll(0))

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
