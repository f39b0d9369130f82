"""A link is one TLS connection between two parties that carries frames in one direction only.

One TLS connection must not be read and written by two threads at once, and parties do send while they receive; so each
party dials one link to each other party, sends on it, and receives on those the others dialled.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence

from trine.net.channel import Bytes
from trine.net.frames import HEADER_BYTES, Frame, Kind, pack_header, read_frame

__all__ = ["Inbound", "Outbound", "ready"]

# What is encrypted and handed to the kernel in one go: a typical message whole, so that it leaves as one packet.
STAGE_BYTES = 1 << 16


class _Link:
    """What both directions have in common.

    Attributes:
        key: the PRF key that was sent along it when it was set up, where its ends are to have one in common.
        process: stands for the process at the far end; a restarted party has another.
    """

    def __init__(self, connection: ssl.SSLSocket, timeout: float, key: bytes) -> None:
        connection.settimeout(timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self.key = key
        self.process = b""

    def break_off(self) -> None:
        """Make every read and write on it fail at once, in whatever thread."""
        # SSLSocket.shutdown would take the TLS layer off while another thread may be about to write.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back to the system; only by the thread that set it up."""
        self._connection.close()


class Outbound(_Link):
    """The end that sends; data may come from any thread, control messages are queued for one."""

    def __init__(self, connection: ssl.SSLSocket, timeout: float, key: bytes) -> None:
        super().__init__(connection, timeout, key)
        self._lock = threading.Lock()
        self._stage = memoryview(bytearray(STAGE_BYTES))
        self._controls_sent = 0
        self.outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def send_data(self, session: int, sequence: int, parts: Sequence[Bytes]) -> None:
        """Send one data frame, the concatenation of ``parts``.

        Raises:
            OSError: the connection broke; ``TimeoutError`` if the far end took nothing for the length of the time-out.
        """
        with self._lock:
            self._send(Kind.DATA, session, sequence, [part.data for part in parts])

    def send_control(self, payload: bytes) -> None:
        """Send one control frame; errors as in :meth:`send_data`."""
        with self._lock:
            self._send(Kind.CONTROL, 0, self._controls_sent, [memoryview(payload)])
            self._controls_sent += 1

    def close(self) -> None:
        """Close the connection once nobody is writing."""
        with self._lock:
            super().close()

    def _send(self, kind: Kind, session: int, sequence: int, parts: Sequence[memoryview]) -> None:
        stage = self._stage
        stage[:HEADER_BYTES] = pack_header(kind, session, sequence, sum(len(part) for part in parts))
        filled = HEADER_BYTES
        for rest in parts:
            while rest:
                taken = rest[: STAGE_BYTES - filled]
                stage[filled : filled + len(taken)] = taken
                filled += len(taken)
                rest = rest[len(taken) :]
                if filled == STAGE_BYTES:
                    self._connection.sendall(stage)
                    filled = 0
        if filled:
            self._connection.sendall(stage[:filled])


class Inbound(_Link):
    """The end that receives.

    Attributes:
        reading: held by the thread that reads a frame and passes it on, so that frames are passed on in order.
        controls: control frames that have come.
    """

    def __init__(self, connection: ssl.SSLSocket, timeout: float, key: bytes) -> None:
        super().__init__(connection, timeout, key)
        self.reading = threading.Lock()
        self.controls = 0
        self._timeout = timeout
        self._heard = time.monotonic()

    def read(self) -> Frame | None:
        """The next frame, or None if the far end closed the connection.

        Raises:
            ProtocolError: see :func:`read_frame`.
            OSError: the connection broke; ``TimeoutError`` if nothing came for the length of the time-out.
        """
        frame = read_frame(self._connection.recv_into)
        self._heard = time.monotonic()
        return frame

    def ready(self, seconds: float) -> bool:
        """Wait at most so long for something to read."""
        return bool(self._connection.pending() or ready([self], seconds))

    def check_alive(self) -> None:
        """Raise ``TimeoutError`` if nothing came for the length of the time-out."""
        if time.monotonic() - self._heard > self._timeout:
            raise TimeoutError

    def fileno(self) -> int:
        """The connection's file descriptor, -1 if it is closed."""
        return self._connection.fileno()


def ready(links: Sequence[Inbound], seconds: float) -> list[Inbound]:
    """Those of the links that have something to read, after waiting for it at most so long."""
    poller = select.poll()
    by_number = {link.fileno(): link for link in links}
    for number in by_number:
        if number >= 0:
            poller.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poller.poll(1000 * seconds)]
