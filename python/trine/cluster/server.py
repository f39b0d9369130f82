"""Runs a party's HTTPS server and tells its application whose certificate the caller has."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trine.errors import CertificateError
from trine.net.tls import peer_role

__all__ = ["ROLE", "build_server"]

log = logging.getLogger(__name__)

# Key under which an ASGI scope states the caller's role.
ROLE = "trine.role"
# Bytes of a request's first line and headers; the parser itself knows no limit.
MAX_HEAD_BYTES = 1 << 16
KEEP_ALIVE = 75
GRACE = 2


def build_server(app: Any, context: ssl.SSLContext) -> uvicorn.Server:
    """A server for an ASGI application; run it by ``serve(sockets=...)``, stop it by ``should_exit = True``."""
    config = uvicorn.Config(
        app,
        http=_RoleProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    config.load()
    # uvicorn would build a context of its own, in which TLS 1.2 is allowed.
    config.ssl = context
    return uvicorn.Server(config)


class _RoleProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose scope states the role in the caller's certificate, which uvicorn does not pass on."""

    _in_head = True  # whether what comes next belongs to a request's first line and headers
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take in what has come, but no endless headers."""
        self._head_bytes += len(data)
        super().data_received(data)  # may come to the end of headers or of a request, and begin to count anew
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            log.warning("a connection was closed: a request has more than %d bytes of headers", MAX_HEAD_BYTES)
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Be ready for the next request."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        try:
            role = peer_role(transport.get_extra_info("ssl_object"))
        except CertificateError as error:
            log.warning("a connection was refused: %s", error)
            transport.abort()
            return
        app = self.app

        async def with_role(scope: Any, receive: Any, send: Any) -> None:
            scope[ROLE] = role
            await app(scope, receive, send)

        self.app = with_role
        self.transport: Any = _Gathering(transport, self.loop)

    def shutdown(self) -> None:
        """Finish the request at hand, if any; an idle connection is dropped at once."""
        idle = getattr(self.cycle, "response_complete", True)
        super().shutdown()
        if idle and not self.transport.get_write_buffer_size():
            # Closing in good form means waiting for the caller to take notice, and an idle one does not.
            self.transport.abort()


class _Gathering:
    """A transport that sends what is written in one go, the head of an answer and its body, as one record."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send it, soon."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Close when all has been sent."""
        self._send()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        """Bytes that are still to be sent."""
        return self._transport.get_write_buffer_size() + sum(map(len, self._written))

    def _send(self) -> None:
        if self._written:
            self._transport.write(b"".join(self._written))
            self._written = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
