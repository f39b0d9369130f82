"""What a protocol needs of the network: ordered messages between this party and the other two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["PARTIES", "Bytes", "Channel"]

PARTIES = 3
Bytes = NDArray[np.uint8]


class Channel(Protocol):
    """One computation's link from this party to the other two; messages from one peer arrive in order, each once.

    To send and to receive are two steps, so that what can be computed meanwhile is. Several messages may be posted
    before the first is collected; both ends name the same peers in the same order, and a peer that is not named is
    sent nothing.
    """

    @property
    def party(self) -> int:
        """Index of this party: 0, 1 or 2."""
        ...

    def post(self, send: Mapping[int, Sequence[Bytes]]) -> None:
        """Send one message to each peer named: the concatenation of its parts (contiguous uint8, perhaps none).

        Does not wait for the network: what does not fit into the kernel's buffers follows later, from the arrays
        themselves, which must stay as they are until the peer's next message shows that it has come.

        Raises:
            PartyLostError: a connection broke.
            PartyTimeoutError: a peer took nothing for the length of the time-out.
            ProtocolError: a message is larger than messages may be.
        """
        ...

    def collect(self, expect: Mapping[int, Sequence[int]]) -> dict[int, list[Bytes]]:
        """The next message of each peer named, in pieces of these sizes, each an array of its own.

        Raises:
            PartyLostError: a connection broke.
            PartyTimeoutError: nothing came within the time-out.
            ProtocolError: a message has another size.
        """
        ...
