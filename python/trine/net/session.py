"""One computation's channel on the mesh, and the keys that belong to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from trine import _core
from trine.errors import TrineError
from trine.net.channel import Bytes

__all__ = ["MeshChannel", "SessionKeys"]


@dataclass(frozen=True, repr=False)
class SessionKeys:
    """The PRF keys of one computation at party i: numbers i and i + 1, and one of its own; 16 bytes each."""

    common: tuple[bytes, bytes]
    private: bytes


class MeshChannel:
    """A :class:`trine.net.Channel` over the mesh's links; for one thread, but for :meth:`fail`.

    It stays with the links that were up when it was opened: once one of them breaks, it has failed for good.

    Args:
        party: this party.
        number: of the session.
        keys: of the session.
        messages: its messages on the mesh's links.
    """

    def __init__(self, party: int, number: int, keys: SessionKeys, messages: _core.Channel) -> None:
        self.party = party
        self.number = number
        self.keys = keys
        self._messages = messages

    def post(self, send: Mapping[int, Sequence[Bytes]]) -> None:
        """Send messages; see :meth:`trine.net.Channel.post`."""
        self._messages.post(send)

    def collect(self, expect: Mapping[int, Sequence[int]]) -> dict[int, list[Bytes]]:
        """Receive messages; see :meth:`trine.net.Channel.collect`."""
        return self._messages.collect(expect)

    def run(self, program: _core.Program) -> tuple[int, int]:
        """Run a compiled protocol to its end: its rounds, and the payload bytes that it sent.

        Raises:
            PartyLostError, PartyTimeoutError, ProtocolError: as :meth:`post` and :meth:`collect`.
        """
        return self._messages.run(program)

    @contextlib.contextmanager
    def attending(self) -> Iterator[None]:
        """While this lasts, the links are left to this thread: no other is woken for what comes."""
        self._messages.attend(True)
        try:
            yield
        finally:
            self._messages.attend(False)

    def fail(self, error: TrineError) -> None:
        """Make this and every later wait raise ``error``; the first error stays."""
        self._messages.fail(error)

    def finish(self) -> None:
        """Check that the computation ended cleanly.

        Raises:
            ProtocolError: messages are left that nobody asked for.
            TrineError: the session had failed.
        """
        self._messages.finish()
