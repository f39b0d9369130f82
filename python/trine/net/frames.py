"""A frame is one message on the wire between two parties: a header of 20 bytes, checked field by field, and a payload.

::

    offset  bytes  field      (little endian)
    0       1      version    1
    1       1      kind       1 control, 2 data
    2       2      reserved   0
    4       4      length     of the payload: at most 1 MiB (control), 1 GiB (data)
    8       8      session    0 for control frames, else the number of the computation
    16      4      sequence   counts this sender's frames, from 0: of the session, or of the connection for control
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from trine.errors import ProtocolError
from trine.net.channel import Bytes

__all__ = ["HEADER_BYTES", "LIMITS", "Frame", "Kind", "pack_header", "read_frame"]

VERSION = 1
HEADER = struct.Struct("<BBHIQI")
HEADER_BYTES = HEADER.size


class Kind(IntEnum):
    """What a frame carries."""

    CONTROL = 1
    DATA = 2


LIMITS = {Kind.CONTROL: 1 << 20, Kind.DATA: 1 << 30}


class Frame(NamedTuple):
    """One frame, its header checked."""

    kind: Kind
    session: int
    sequence: int
    payload: Bytes


def pack_header(kind: Kind, session: int, sequence: int, length: int) -> bytes:
    """The header of a frame.

    Raises:
        ProtocolError: the payload is larger than frames of this kind may be, or the session has used up its numbers.
    """
    if length > LIMITS[kind]:
        raise ProtocolError(f"a {kind.name.lower()} message has {length} bytes, at most {LIMITS[kind]} fit a frame")
    try:
        return HEADER.pack(VERSION, kind, 0, length, session, sequence)
    except struct.error as error:
        raise ProtocolError(f"session {session}, sequence {sequence} cannot be numbered: {error}") from error


def read_frame(receive_into: Callable[[memoryview], int]) -> Frame | None:
    """Read one frame, or None if the connection was closed before the whole of it came.

    Memory for the payload is taken only after the header has passed every check.

    Args:
        receive_into: fills a buffer from its start and returns how many bytes it wrote, 0 at the end; like
            ``socket.recv_into``, whose errors are passed on.

    Raises:
        ProtocolError: wrong version, kind, length or session.
    """
    header = memoryview(bytearray(HEADER_BYTES))
    if not _fill(header, receive_into):
        return None
    version, kind_number, reserved, length, session, sequence = HEADER.unpack(header)
    if version != VERSION:
        raise ProtocolError(f"a frame of version {version} came, this party speaks version {VERSION}")
    if kind_number not in LIMITS or reserved:
        raise ProtocolError(f"a frame of unknown kind {kind_number} (reserved {reserved}) came")
    kind = Kind(kind_number)
    if length > LIMITS[kind]:
        raise ProtocolError(f"a {kind.name.lower()} frame announces {length} bytes, allowed are {LIMITS[kind]}")
    if (session == 0) != (kind is Kind.CONTROL):
        raise ProtocolError(f"a {kind.name.lower()} frame came for session {session}")
    payload = np.empty(length, np.uint8)
    if not _fill(payload.data, receive_into):
        return None
    return Frame(kind, session, sequence, payload)


def _fill(buffer: memoryview, receive_into: Callable[[memoryview], int]) -> bool:
    """Fill the buffer; False if the connection was closed before that."""
    filled = 0
    while filled < len(buffer):
        count = receive_into(buffer[filled:])
        if count == 0:
            return False
        filled += count
    return True
