"""What a protocol needs of the network: ordered messages between this party and the other two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["PARTIES", "Bytes", "Channel"]

PARTIES = 3
Bytes = NDArray[np.uint8]


class Channel(Protocol):
    """One computation's link from this party to the other two; messages from one peer arrive in order, each once."""

    @property
    def party(self) -> int:
        """Index of this party: 0, 1 or 2."""
        ...

    def send(self, peer: int, parts: Sequence[Bytes]) -> None:
        """Send one message, the concatenation of ``parts`` (one-dimensional uint8), to ``peer``.

        Raises:
            PartyLostError: the connection to ``peer`` broke.
            PartyTimeoutError: ``peer`` took nothing for the length of the time-out.
        """
        ...

    def receive(self, peer: int, size: int) -> Bytes:
        """The next message from ``peer``, which must have exactly ``size`` bytes.

        Raises:
            PartyLostError: the connection to ``peer`` broke.
            PartyTimeoutError: nothing came within the time-out.
            ProtocolError: the message has another size.
        """
        ...
