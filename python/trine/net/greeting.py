"""How a link begins: the caller greets, the called answers, and each learns which process it has before it.

The caller's greeting is a control frame: 16 bytes that stand for its process, the number of the last session it has
seen (8 bytes), and a fresh 16-byte PRF key if the two are to have one in common. The answer is the called process's
16 bytes; it also shows that the caller's certificate was taken, which in TLS 1.3 the handshake alone does not.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from trine import _core
from trine.errors import CertificateError, ProtocolError
from trine.net.certificates import party_role, role_host
from trine.net.channel import PARTIES
from trine.net.frames import HEADER_BYTES, Kind, pack_header, unpack_header
from trine.net.keys import KEY_BYTES
from trine.net.tls import Credentials, certificate_role, connection_error, mesh_context

__all__ = ["Address", "Greeter", "Greeting"]

Address = tuple[str, int]

PROCESS_BYTES = 16
GREETING = struct.Struct(f"<{PROCESS_BYTES}sQ")


@dataclass(frozen=True, repr=False)
class Greeting:
    """A link that has been set up, and what its ends have told each other.

    Attributes:
        connection: the link.
        process: stands for the process at the far end; a restarted party has another.
        key: the PRF key that the caller has sent along it, where the two are to have one in common.
        last_session: the number of the last session that the caller had seen.
    """

    connection: _core.TlsConnection
    process: bytes
    key: bytes
    last_session: int


class Greeter:
    """Sets up links for one party.

    Args:
        party: its index.
        credentials: its certificates.
        timeout: seconds for each step.

    Raises:
        CertificateError: the credentials cannot be used.
    """

    def __init__(self, party: int, credentials: Credentials, timeout: float) -> None:
        self._party = party
        self._process = secrets.token_bytes(PROCESS_BYTES)
        self._context = mesh_context(credentials)
        self._timeout = timeout
        self._setting_up: set[_core.TlsConnection] = set()

    def call(self, peer: int, address: Address, last_session: int) -> Greeting:
        """A link to a peer.

        Raises:
            NetworkError: it cannot be reached, or trusted.
        """
        key = secrets.token_bytes(KEY_BYTES) if _common_key(self._party, peer) else b""
        greeting = GREETING.pack(self._process, last_session) + key
        try:
            plain = socket.create_connection(address, self._timeout)
            with self._secured(plain, role_host(party_role(peer))) as connection:
                connection.write(pack_header(Kind.CONTROL, 0, 0, len(greeting)) + greeting, self._timeout)
                return Greeting(connection, connection.read(PROCESS_BYTES, self._timeout), key, last_session)
        except OSError as error:
            raise connection_error(error, f"party {peer} at {address[0]}:{address[1]}") from error

    def answer(self, plain: socket.socket) -> tuple[int, Greeting]:
        """The link that a party has called for, and its index.

        Raises:
            CertificateError: the caller is not another party.
            ProtocolError: it does not greet.
            OSError: the connection broke, or the handshake failed.
        """
        with self._secured(plain) as connection:
            role = certificate_role(connection.certificate())
            others = {party_role(party): party for party in range(PARTIES) if party != self._party}
            if role not in others:
                raise CertificateError(f"{role} may not join the parties' mesh")
            peer = others[role]
            header = unpack_header(connection.read(HEADER_BYTES, self._timeout))
            size = GREETING.size + (KEY_BYTES if _common_key(peer, self._party) else 0)
            if header != (Kind.CONTROL, size, 0, 0):
                raise ProtocolError(f"party {peer} did not begin with a greeting")
            greeting = connection.read(size, self._timeout)
            process, last_session = GREETING.unpack_from(greeting)
            connection.write(self._process, self._timeout)
            return peer, Greeting(connection, process, greeting[GREETING.size :], last_session)

    def close(self) -> None:
        """Break off what is being set up."""
        for connection in list(self._setting_up):
            connection.break_off()

    @contextlib.contextmanager
    def _secured(self, plain: socket.socket, host: str | None = None) -> Iterator[_core.TlsConnection]:
        """TLS on a connected socket, whose handshake has been made; closed if what follows fails."""
        connection = _core.TlsConnection(self._context, plain.detach(), host)
        self._setting_up.add(connection)
        try:
            connection.handshake(self._timeout)
            yield connection
        except BaseException:
            connection.close()
            raise
        finally:
            self._setting_up.discard(connection)


def _common_key(caller: int, called: int) -> bool:
    """Whether a new link gives its ends a key in common: number i + 1, from party i to party i + 1."""
    return called == (caller + 1) % PARTIES
