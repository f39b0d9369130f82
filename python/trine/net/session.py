"""One computation's channel on the mesh: numbered messages in order, and a failure that reaches every wait at once."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from trine.errors import NetworkError, PartyTimeoutError, ProtocolError, TrineError
from trine.net.channel import PARTIES, Bytes
from trine.net.frames import Frame
from trine.net.link import Outbound

__all__ = ["MeshChannel", "SessionKeys"]

# Messages up to this size are sent without fear that the far end, sending too, lets them lie.
UNBLOCKED_BYTES = 1 << 16
# Between two looks into the inbox while attending to the links: another thread may have filled it.
LOOK_SECONDS = 0.1


@dataclass(frozen=True, repr=False)
class SessionKeys:
    """The PRF keys of one computation at party i: numbers i and i + 1, and one of its own; 16 bytes each."""

    common: tuple[bytes, bytes]
    private: bytes


class MeshChannel:
    """A :class:`trine.net.Channel` over the mesh's links.

    It may take in messages before it is opened, since a peer that heard of the session first may already be sending.
    It stays with the links that were up when it was opened: once one of them breaks, it has failed for good.

    Args:
        party: this party.
        number: of the session.
        patience: seconds to wait for a message of a peer that is alive.
        on_link_error: told of a peer's link that failed in sending; returns the error to raise.
        attend: reads what has come on the links, waiting at most so many seconds for it.
        unattended: cleared while this session's thread does that itself.
    """

    def __init__(
        self,
        party: int,
        number: int,
        patience: float,
        on_link_error: Callable[[int, Outbound, OSError], NetworkError],
        attend: Callable[[float], None],
        unattended: threading.Event,
    ) -> None:
        self.party = party
        self.number = number
        self._patience = patience
        self._on_link_error = on_link_error
        self._attend = attend
        self._unattended = unattended
        self._attending = False
        self._inboxes: dict[int, queue.SimpleQueue[Bytes | TrineError]] = {
            peer: queue.SimpleQueue() for peer in range(PARTIES) if peer != party
        }
        self._next_in = dict.fromkeys(self._inboxes, 0)
        self._next_out = dict.fromkeys(self._inboxes, 0)
        self._links: Mapping[int, Outbound] = {}
        self._keys: SessionKeys | None = None
        self._error: TrineError | None = None

    @property
    def keys(self) -> SessionKeys:
        """The PRF keys of this session."""
        assert self._keys is not None, "the session has not been opened"
        return self._keys

    def open(self, links: Mapping[int, Outbound], keys: SessionKeys) -> None:
        """Allow sending, on these links."""
        self._links = links
        self._keys = keys

    def send(self, peer: int, parts: Sequence[Bytes]) -> None:
        """Send one message; see :meth:`trine.net.Channel.send`."""
        if self._error is not None:
            raise self._error
        link = self._links[peer]
        if self._attending and sum(part.size for part in parts) > UNBLOCKED_BYTES:
            self._unattended.set()  # all three may be sending: somebody has to read meanwhile
        try:
            link.send_data(self.number, self._next_out[peer], parts)
        except OSError as error:
            raise self._on_link_error(peer, link, error) from error
        finally:
            if self._attending:
                self._unattended.clear()
        self._next_out[peer] += 1

    def receive(self, peer: int, size: int) -> Bytes:
        """The next message; see :meth:`trine.net.Channel.receive`."""
        inbox = self._inboxes[peer]
        deadline = time.monotonic() + self._patience
        try:
            while self._attending and inbox.empty() and (left := deadline - time.monotonic()) > 0:
                self._attend(min(left, LOOK_SECONDS))
            message = inbox.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise PartyTimeoutError(
                peer, f"party {peer} is alive but has sent nothing in session {self.number} for {self._patience:g} s"
            ) from None
        if isinstance(message, TrineError):
            raise message
        if message.size != size:
            raise ProtocolError(f"party {peer} sent a message of {message.size} bytes where {size} were expected")
        return message

    @contextlib.contextmanager
    def attending(self) -> Iterator[None]:
        """While this lasts, :meth:`receive` reads the links itself: one thread less to wake for every message."""
        self._attending = True
        self._unattended.clear()
        try:
            yield
        finally:
            self._attending = False
            self._unattended.set()

    def deliver(self, peer: int, frame: Frame) -> None:
        """Take in a frame; called by the thread that reads that peer's link, never blocks.

        Raises:
            ProtocolError: it is not the next of its sequence.
        """
        if frame.sequence != self._next_in[peer]:
            raise ProtocolError(
                f"party {peer} sent frame {frame.sequence} of session {self.number}, next is {self._next_in[peer]}"
            )
        self._next_in[peer] += 1
        self._inboxes[peer].put(frame.payload)

    def fail(self, error: TrineError) -> None:
        """Make this and every later wait raise ``error``; the first error stays."""
        if self._error is None:
            self._error = error
            for inbox in self._inboxes.values():
                inbox.put(error)

    def finish(self) -> None:
        """Check that the computation ended cleanly.

        Raises:
            ProtocolError: messages are left that nobody asked for.
            TrineError: the session had failed.
        """
        if self._error is not None:
            raise self._error
        if left := [peer for peer, inbox in self._inboxes.items() if not inbox.empty()]:
            raise ProtocolError(f"party {left[0]} sent messages that session {self.number} had no use for")
