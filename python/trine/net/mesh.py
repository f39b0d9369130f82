"""The mesh: each party's TLS links to the other two, kept up in the background, shared by all computations.

Party i calls party j and sends on that link; what j sends comes on the link that j calls for. When a link breaks, every
session fails at once, and its caller calls again. Along a new link party i sends party i+1 a fresh PRF key, which they
have in common until it breaks; a session's keys are derived from it and the session's number (HKDF-Expand, RFC 5869). A
session stays with the links that were up when it was opened, its messages never move from one link to the next, and a
link is replaced only when its caller has failed all sessions: two parties that both finish a session have used the same
keys.

A party that says nothing for the length of the time-out is given up: each sends a sign of life four times as often.

The links themselves, who reads them when, and the sessions' messages are a ``_core.Hub``'s (``cpp/net/hub.hpp``).
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping

from trine import _core
from trine.errors import NetworkError, ProtocolError, TrineError
from trine.net.channel import PARTIES
from trine.net.greeting import Address, Greeter
from trine.net.keys import KEY_BYTES, derive_key
from trine.net.session import MeshChannel, SessionKeys
from trine.net.tls import Credentials, connection_error

__all__ = ["Address", "Mesh"]

log = logging.getLogger(__name__)

# Sessions that a peer may begin before this party has heard of them.
EARLY_SESSIONS = 256
# A party that is alive and computing is given this many time-outs for its next message.
PATIENCE = 12
# A frame that the computing thread, which is to read it, has left lying for so long is read all the same.
ATTENTION = 0.1
# Whoever waits for a message looks again and again for so long before it sleeps: to be woken takes as long.
SPIN = 5e-5
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
        on_control: told of every control message, as (peer, payload); called in the mesh's own thread or one that
            rests, so it must not block. A ProtocolError that it raises breaks that peer's link.
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
        self._hub = _core.Hub(
            party,
            timeout=timeout,
            patience=PATIENCE * timeout,
            attention=ATTENTION,
            spin=SPIN,
            early_sessions=EARLY_SESSIONS,
        )
        self._on_control = on_control
        self._on_lost = on_lost

        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._delivering = threading.Lock()
        self._private = secrets.token_bytes(KEY_BYTES)
        self._threads: list[threading.Thread] = []
        self._handshakes = threading.BoundedSemaphore(HANDSHAKES)

    def start(self) -> None:
        """Begin to answer and to call; returns at once."""
        # The threads must have left the compiled code before the interpreter goes.
        atexit.register(self.close)
        self._run("tending", self._tend)
        for peer in self._peers:
            self._run(f"to party {peer}", self._keep_called, peer)
        self._run("answering", self._answer_all)

    def missing(self) -> list[int]:
        """The parties that are not linked now, in both directions."""
        return self._hub.missing()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all parties are linked; False if that took longer than ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.missing(), timeout)

    def send_control(self, peer: int, payload: bytes) -> None:
        """Queue a control message for a peer; it goes out in order, and never blocks the caller.

        Raises:
            PartyLostError: that peer is not linked.
        """
        self._hub.send_control(peer, payload)

    def new_session(self) -> int:
        """A session number larger than any that a party of this mesh has seen. Only party 0 may give numbers."""
        return self._hub.last_session() + 1

    def open(self, number: int) -> MeshChannel:
        """Open a session on the links that are up now; close it with :meth:`close_session`.

        Raises:
            ProtocolError: the number is not larger than that of every session before.
            PartyLostError: a party is not linked.
        """
        messages, *epoch_keys = self._hub.open(number)
        previous, following, private = (_derive(key, number) for key in (*epoch_keys, self._private))
        return MeshChannel(self.party, number, SessionKeys((previous, following), private), messages)

    def fail_session(self, number: int, error: TrineError) -> None:
        """Make a session's waits raise ``error``, be it open or not yet announced; one that has ended stays so."""
        self._hub.fail_session(number, error)

    def close_session(self, number: int) -> None:
        """Forget a session; what still comes for it is thrown away."""
        self._hub.close_session(number)

    def rest(self) -> bool:
        """Look after the links for a while, or until :meth:`wake`; for the thread that computes, when it does not.

        Whoever calls it again and again spares the mesh's own thread being woken before and after every computation.

        Returns:
            False once the mesh is closed.
        """
        self._hub.rest()
        self._deliver()
        return not self._closed.is_set()

    def wake(self) -> None:
        """End a rest, or the next one before it begins."""
        self._hub.wake()

    def close(self) -> None:
        """Break all links and stop; waits a moment for the threads, which end as soon as nothing holds them."""
        atexit.unregister(self.close)
        self._closed.set()
        _wake_listener(self._listener)
        self._greeter.close()
        self._hub.close()
        self._tell_changed()
        deadline = time.monotonic() + CLOSING
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # -- tending: one thread for what nobody waits for ---------------------------------------------------------------

    def _tend(self) -> None:
        while not self._closed.is_set():
            self._hub.tend()
            self._deliver()

    def _deliver(self) -> None:
        with self._delivering:  # in the order in which it came
            for peer, news, was_linked in self._hub.news():
                if isinstance(news, bytes):
                    try:
                        self._on_control(peer, news)
                    except ProtocolError as error:
                        self._hub.drop(peer, error)
                    continue
                self._tell_changed()
                if was_linked and not self._closed.is_set():
                    log.warning("lost party %d: %s", peer, news)
                    self._on_lost(peer, news)

    # -- calling: one thread for each peer ---------------------------------------------------------------------------

    def _keep_called(self, peer: int) -> None:
        retry, complaint = 0.0, ""
        while not self._closed.wait(retry):
            try:
                link = self._greeter.call(peer, self._peers[peer], self._hub.last_session())
            except NetworkError as error:
                if str(error) != complaint:
                    complaint = str(error)
                    log.info("party %d cannot be reached yet: %s", peer, error)
                retry = min(max(2 * retry, FIRST_RETRY), LAST_RETRY)
                continue
            retry, complaint = FIRST_RETRY, ""
            with contextlib.closing(link.connection):
                self._hub.attach_outbound(peer, link.connection, link.process, link.key)
            self._tell_linked(peer)
            with self._changed:
                self._changed.wait_for(lambda: self._closed.is_set() or not self._hub.has_outbound(peer))

    # -- answering: one thread for each handshake --------------------------------------------------------------------

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
            peer, link = self._greeter.answer(plain)
        except (TrineError, OSError) as error:
            explained = error if isinstance(error, TrineError) else connection_error(error, "handshake")
            log.warning("a connection from %s was refused: %s", far_end, explained)
            return
        finally:
            self._handshakes.release()
        self._hub.note_session(link.last_session)
        with contextlib.closing(link.connection):
            self._hub.attach_inbound(peer, link.connection, link.process, link.key)
        self._tell_linked(peer)

    def _tell_linked(self, peer: int) -> None:
        if peer not in self.missing():
            log.info("party %d is linked", peer)
        self._tell_changed()

    def _tell_changed(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self, name: str, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"mesh {name}", daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()


def _derive(epoch_key: bytes, session: int) -> bytes:
    return derive_key(epoch_key, b"trine session" + session.to_bytes(8, "big"))


def _wake_listener(listener: socket.socket) -> None:
    """Wake the thread that waits in accept(), which closing the socket does not do on every system."""
    with contextlib.suppress(OSError):
        socket.create_connection(listener.getsockname()[:2], 1).close()
