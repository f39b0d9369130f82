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

from trine.errors import CertificateError, ProtocolError
from trine.net.certificates import party_role, role_host
from trine.net.channel import PARTIES
from trine.net.frames import Kind
from trine.net.keys import KEY_BYTES
from trine.net.link import Inbound, Outbound
from trine.net.tls import Credentials, client_context, connection_error, handshake, peer_role, server_context

__all__ = ["Address", "Greeter"]

Address = tuple[str, int]

PROCESS_BYTES = 16
GREETING = struct.Struct(f"<{PROCESS_BYTES}sQ")


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
        self._calling = client_context(credentials)
        self._answering = server_context(credentials)
        self._timeout = timeout

    def call(self, peer: int, address: Address, last_session: int) -> Outbound:
        """A link to a peer.

        Raises:
            NetworkError: it cannot be reached, or trusted.
        """
        key = secrets.token_bytes(KEY_BYTES) if _common_key(self._party, peer) else b""
        try:
            plain = socket.create_connection(address, self._timeout)
            with contextlib.ExitStack() as on_error:
                connection = on_error.enter_context(handshake(self._calling, plain, role_host(party_role(peer))))
                link = Outbound(connection, self._timeout, key)
                link.send_control(GREETING.pack(self._process, last_session) + key)
                while len(link.process) < PROCESS_BYTES:
                    answer = connection.recv(PROCESS_BYTES - len(link.process))
                    if not answer:
                        raise ConnectionResetError("it closed the connection without an answer")
                    link.process += answer
                on_error.pop_all()
                return link
        except OSError as error:
            raise connection_error(error, f"party {peer} at {address[0]}:{address[1]}") from error

    def answer(self, plain: socket.socket) -> tuple[int, Inbound, int]:
        """The link that a party has called for: its index, the link, the last session it has seen.

        Raises:
            CertificateError: the caller is not another party.
            ProtocolError: it does not greet.
            OSError: the connection broke, or the handshake failed.
        """
        plain.settimeout(self._timeout)
        with contextlib.ExitStack() as on_error:
            connection = on_error.enter_context(handshake(self._answering, plain))
            role = peer_role(connection)
            others = {party_role(party): party for party in range(PARTIES) if party != self._party}
            if role not in others:
                raise CertificateError(f"{role} may not join the parties' mesh")
            peer = others[role]
            link = Inbound(connection, self._timeout, b"")
            frame = link.read()
            size = GREETING.size + (KEY_BYTES if _common_key(peer, self._party) else 0)
            if frame is None or frame.kind is not Kind.CONTROL or frame.sequence != 0 or frame.payload.size != size:
                raise ProtocolError(f"party {peer} did not begin with a greeting")
            greeting = frame.payload.tobytes()
            link.process, last_session = GREETING.unpack_from(greeting)
            link.key = greeting[GREETING.size :]
            connection.sendall(self._process)
            on_error.pop_all()
            return peer, link, last_session


def _common_key(caller: int, called: int) -> bool:
    """Whether a new link gives its ends a key in common: number i + 1, from party i to party i + 1."""
    return called == (caller + 1) % PARTIES
