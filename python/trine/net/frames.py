"""Frames, the messages on the wire between two parties, as the setting up of links needs them.

Their format is that of ``cpp/net/frame.hpp``, which packs and checks them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from trine._core import FRAME_HEADER_BYTES as HEADER_BYTES
from trine._core import frame_pack, frame_unpack

__all__ = ["HEADER_BYTES", "Header", "Kind", "pack_header", "unpack_header"]


class Kind(IntEnum):
    """What a frame carries."""

    CONTROL = 1
    DATA = 2


class Header(NamedTuple):
    """A frame's header: ``session`` is 0 for control frames, ``length`` is that of the payload in bytes."""

    kind: Kind
    length: int
    session: int
    sequence: int


def pack_header(kind: Kind, session: int, sequence: int, length: int) -> bytes:
    """The header of a frame.

    Raises:
        ProtocolError: the payload is larger than frames of this kind may be, or the session has used up its numbers.
    """
    return frame_pack(kind, length, session, sequence)


def unpack_header(header: bytes) -> Header:
    """What a header says.

    Raises:
        ProtocolError: wrong version, kind, length or session.
    """
    kind, length, session, sequence = frame_unpack(header)
    return Header(Kind(kind), length, session, sequence)
