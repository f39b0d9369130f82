"""The mesh: each party's TLS links to the other two, kept up in the background, shared by all computations.

Party i calls party j and sends on that link; what j sends comes on the link that j calls for. When a link breaks, every
session fails at once, and its caller calls again. Along a new link party i sends party i+1 a fresh PRF key, which they
have in common until it breaks; a session's keys are derived from it and the session's number (HKDF-Expand, RFC 5869). A
session stays with the links that were up when it was opened, its messages never move from one link to the next, and a
link is replaced only when its caller has failed all sessions: two parties that both finish a session have used the same
keys.

A party that says nothing for the length of the time-out is given up: each sends a sign of life four times as often.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping

from trine.errors import NetworkError, PartyLostError, PartyTimeoutError, ProtocolError, TrineError
from trine.net.channel import PARTIES
from trine.net.frames import Frame, Kind
from trine.net.greeting import Address, Greeter
from trine.net.keys import KEY_BYTES, derive_key
from trine.net.link import Inbound, Outbound, ready
from trine.net.session import MeshChannel, SessionKeys
from trine.net.tls import Credentials, connection_error

__all__ = ["Address", "Mesh"]

log = logging.getLogger(__name__)

SIGN_OF_LIFE = b""

# Sessions that a peer may begin before this party has heard of them.
EARLY_SESSIONS = 256
# A party that is alive and computing is given this many time-outs for its next message.
PATIENCE = 12
# A frame that the computing thread, which is to read it, has left lying for so long is read all the same.
ATTENTION = 0.1
FIRST_RETRY, LAST_RETRY = 0.05, 1.0
CLOSING = 1.0
# Connections that may be in their handshake at once; whoever has no certificate can hold up no more threads.
HANDSHAKES = 32


class Mesh:
    """One party's end of the mesh.

    Args:
        party: this party's index.
        listener: a listening socket; the mesh closes it.
        peers: where the other two parties listen.
        credentials: of this party.
        timeout: seconds that a peer may be silent, or may take none of what is sent to it.
        on_control: told of every control message, as (peer, payload); called in the thread that reads that peer's
            link, so it must not block.
        on_lost: told when a peer is no longer linked, as (peer, error); must not block either.

    Raises:
        CertificateError: the credentials cannot be used.
    """

    def __init__(
        self,
        party: int,
        listener: socket.socket,
        peers: Mapping[int, Address],
        credentials: Credentials,
        timeout: float,
        on_control: Callable[[int, bytes], None],
        on_lost: Callable[[int, NetworkError | ProtocolError], None],
    ) -> None:
        self.party = party
        self._next = (party + 1) % PARTIES
        self._previous = (party - 1) % PARTIES
        self._listener = listener
        self._peers = dict(peers)
        self._greeter = Greeter(party, credentials, timeout)
        self._timeout = timeout
        self._on_control = on_control
        self._on_lost = on_lost

        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closed = threading.Event()
        self._outbound: dict[int, Outbound] = {}
        self._inbound: dict[int, Inbound] = {}
        self._sessions: dict[int, MeshChannel] = {}
        self._early: dict[int, MeshChannel] = {}
        self._last_session = 0
        self._private = secrets.token_bytes(KEY_BYTES)
        self._threads: list[threading.Thread] = []
        self._handshakes = threading.BoundedSemaphore(HANDSHAKES)
        self._unattended = threading.Event()  # cleared while a computing thread reads the links itself
        self._unattended.set()

    def start(self) -> None:
        """Begin to answer and to call; returns at once."""
        for peer in self._peers:
            self._run(f"to party {peer}", self._keep_called, peer)
        self._run("answering", self._answer_all)

    def missing(self) -> list[int]:
        """The parties that are not linked now, in both directions."""
        return [peer for peer in self._peers if peer not in self._outbound or peer not in self._inbound]

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all parties are linked; False if that took longer than ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.missing(), timeout)

    def send_control(self, peer: int, payload: bytes) -> None:
        """Queue a control message for a peer; it goes out in order, and never blocks the caller.

        Raises:
            PartyLostError: that peer is not linked.
        """
        with self._lock:
            if peer in self.missing():
                raise _not_linked(peer)
            self._outbound[peer].outbox.put(payload)

    def new_session(self) -> int:
        """A session number larger than any that a party of this mesh has seen. Only party 0 may give numbers."""
        return self._last_session + 1

    def open(self, number: int) -> MeshChannel:
        """Open a session on the links that are up now; close it with :meth:`close_session`.

        Raises:
            ProtocolError: the number is not larger than that of every session before.
            PartyLostError: a party is not linked.
        """
        with self._lock:
            if number <= self._last_session:
                raise ProtocolError(f"session {number} was announced after session {self._last_session}")
            for peer in self.missing():
                raise _not_linked(peer)
            channel = self._early.pop(number, None) or self._new_channel(number)
            channel.open(
                dict(self._outbound),
                SessionKeys(
                    (
                        _derive(self._inbound[self._previous].key, number),
                        _derive(self._outbound[self._next].key, number),
                    ),
                    _derive(self._private, number),
                ),
            )
            self._early = {early: c for early, c in self._early.items() if early > number}
            self._sessions[number] = channel
            self._last_session = number
            return channel

    def fail_session(self, number: int, error: TrineError) -> None:
        """Make a session's waits raise ``error``, be it open or not yet announced; one that has ended stays so."""
        channel = self._find(number)
        if channel is not None:
            channel.fail(error)

    def close_session(self, number: int) -> None:
        """Forget a session; what still comes for it is thrown away."""
        with self._lock:
            self._sessions.pop(number, None)

    def close(self) -> None:
        """Break all links and stop; waits a moment for the threads, which end as soon as nothing holds them."""
        self._closed.set()
        _wake_listener(self._listener)
        links: list[tuple[int, Outbound | Inbound]] = [*self._outbound.items(), *self._inbound.items()]
        for peer, link in links:
            self._drop(peer, link, PartyLostError(self.party, f"party {self.party} is shutting down"))
        deadline = time.monotonic() + CLOSING
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # -- calling: one thread for each peer, which then sends the control messages ------------------------------------

    def _keep_called(self, peer: int) -> None:
        retry, complaint = 0.0, ""
        while not self._closed.wait(retry):
            try:
                link = self._greeter.call(peer, self._peers[peer], self._last_session)
            except NetworkError as error:
                if str(error) != complaint:
                    complaint = str(error)
                    log.info("party %d cannot be reached yet: %s", peer, error)
                retry = min(max(2 * retry, FIRST_RETRY), LAST_RETRY)
                continue
            retry, complaint = FIRST_RETRY, ""
            with contextlib.closing(link):
                if self._attach(self._outbound, peer, link):
                    self._send_controls(peer, link)

    def _send_controls(self, peer: int, link: Outbound) -> None:
        while True:
            try:
                message = link.outbox.get(timeout=self._timeout / 4)
            except queue.Empty:
                message = SIGN_OF_LIFE
            if message is None:
                return
            try:
                link.send_control(message)
            except OSError as error:
                self._link_failed(peer, link, error)
                return

    # -- answering: one thread for each connection, which then reads it ----------------------------------------------

    def _answer_all(self) -> None:
        with self._listener:
            while not self._closed.is_set():
                self._handshakes.acquire()
                try:
                    plain, address = self._listener.accept()
                except OSError as error:
                    self._handshakes.release()
                    log.warning("cannot accept connections: %s", error)
                    self._closed.wait(FIRST_RETRY)
                    continue
                if self._closed.is_set():
                    plain.close()
                else:
                    self._run(f"from {address[0]}:{address[1]}", self._answer, plain, f"{address[0]}:{address[1]}")

    def _answer(self, plain: socket.socket, far_end: str) -> None:
        try:
            peer, link, last_session = self._greeter.answer(plain)
        except (TrineError, OSError) as error:
            explained = error if isinstance(error, TrineError) else connection_error(error, "handshake")
            log.warning("a connection from %s was refused: %s", far_end, explained)
            return
        finally:
            self._handshakes.release()
        with contextlib.closing(link):
            with self._lock:
                self._last_session = max(self._last_session, last_session)
            if self._attach(self._inbound, peer, link):
                self._read_frames(peer, link)

    def _read_frames(self, peer: int, link: Inbound) -> None:
        """Read the link until it is no more, save while a computing thread attends to it."""
        reading = True
        while reading:
            # Not link.ready, which looks into the TLS connection that a computing thread may just be reading.
            if ready([link], self._timeout):
                self._unattended.wait(ATTENTION)
            reading = self._read_frame(peer, link)

    def _attend(self, seconds: float) -> None:
        """Read a frame of each link that has one, waiting at most so long; saves waking the threads that else would."""
        links = {link: peer for peer, link in dict(self._inbound).items()}
        for link in ready(list(links), seconds) or links:
            self._read_frame(links[link], link)

    def _read_frame(self, peer: int, link: Inbound) -> bool:
        """Read one frame, if one has come, and pass it on; False if the link is no more."""
        try:
            with link.reading:
                if not link.ready(0):
                    link.check_alive()
                    return True
                frame = link.read()
                if frame is None:
                    self._drop(peer, link, PartyLostError(peer, f"party {peer} closed its connection"))
                    return False
                if frame.kind is Kind.DATA:
                    self._deliver(peer, frame)
                    return True
                link.controls += 1
                if frame.sequence != link.controls:
                    raise ProtocolError(f"party {peer} sent control frame {frame.sequence}, next is {link.controls}")
                if frame.payload.size:
                    self._on_control(peer, frame.payload.tobytes())
                return True
        except ProtocolError as error:
            self._drop(peer, link, error)
        except (OSError, ValueError) as error:  # ValueError: closed under our hands
            self._link_failed(peer, link, error)
        return False

    def _deliver(self, peer: int, frame: Frame) -> None:
        channel = self._sessions.get(frame.session) or self._find(frame.session)
        # Else the session has ended here: the others had not heard yet that it failed.
        if channel is not None:
            channel.deliver(peer, frame)

    def _find(self, number: int) -> MeshChannel | None:
        """The channel of a session that is open or yet to come, None if it has ended."""
        with self._lock:
            if number <= self._last_session:
                return self._sessions.get(number)
            channel = self._early.get(number)
            if channel is None:
                if len(self._early) == EARLY_SESSIONS:
                    raise ProtocolError(f"session {number} is unknown, and too many sessions are")
                channel = self._early[number] = self._new_channel(number)
            return channel

    # -- links come and go -------------------------------------------------------------------------------------------

    def _attach(self, links: dict[int, Outbound] | dict[int, Inbound], peer: int, link: Outbound | Inbound) -> bool:
        # What is known of the peer's former links and of a former process of it is out of date, noticed or not.
        other = self._inbound if links is self._outbound else self._outbound
        stale = [old for old in (links.get(peer), other.get(peer)) if old is not None]
        for old in stale:
            if links.get(peer) is old or old.process != link.process:
                self._drop(peer, old, PartyLostError(peer, f"party {peer} has connected anew"))
        with self._changed:
            if self._closed.is_set():
                return False
            links[peer] = link  # type: ignore[assignment]  # the two kinds of links go to their own table
            if peer not in self.missing():
                log.info("party %d is linked", peer)
            self._changed.notify_all()
            return True

    def _link_failed(self, peer: int, link: Outbound | Inbound, error: OSError | ValueError) -> NetworkError:
        if isinstance(error, TimeoutError):
            cause: NetworkError = PartyTimeoutError(peer, f"party {peer} has not responded for {self._timeout:g} s")
        else:
            cause = PartyLostError(peer, f"the connection to party {peer} broke: {error}")
        self._drop(peer, link, cause)
        return cause

    def _drop(self, peer: int, link: Outbound | Inbound, error: NetworkError | ProtocolError) -> None:
        """Break a link, if it is still in use, and fail every session."""
        with self._lock:
            was_linked = peer not in self.missing()
            if link is self._outbound.get(peer):
                del self._outbound[peer]
            elif link is self._inbound.get(peer):
                del self._inbound[peer]
            else:
                return
            sessions = [*self._sessions.values(), *self._early.values()]
        link.break_off()
        if isinstance(link, Outbound):
            link.outbox.put(None)
        for channel in sessions:
            channel.fail(error)
        if was_linked and not self._closed.is_set():
            log.warning("lost party %d: %s", peer, error)
            self._on_lost(peer, error)

    def _new_channel(self, number: int) -> MeshChannel:
        return MeshChannel(
            self.party, number, PATIENCE * self._timeout, self._link_failed, self._attend, self._unattended
        )

    def _run(self, name: str, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"mesh {name}", daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()


def _derive(epoch_key: bytes, session: int) -> bytes:
    return derive_key(epoch_key, b"trine session" + session.to_bytes(8, "big"))


def _not_linked(peer: int) -> PartyLostError:
    return PartyLostError(peer, f"party {peer} is not connected; it may be starting anew")


def _wake_listener(listener: socket.socket) -> None:
    """Wake the thread that waits in accept(), which closing the socket does not do on every system."""
    with contextlib.suppress(OSError):
        socket.create_connection(listener.getsockname()[:2], 1).close()
