"""The frame decoder on whole, cut and random bytes."""

import io
import random
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import ProtocolError
from trine.net.frames import HEADER_BYTES, LIMITS, Frame, Kind, pack_header, read_frame
from trine.net.session import MeshChannel

kinds = st.sampled_from(Kind)
payloads = st.binary(max_size=300)


def source(data: bytes, chunk: int = 1 << 30):
    """Like ``socket.recv_into``, at most ``chunk`` bytes at a time."""
    stream = io.BytesIO(data)
    return lambda buffer: stream.readinto(buffer[:chunk])


def session_of(kind: Kind, number: int) -> int:
    return 0 if kind is Kind.CONTROL else number


@given(kinds, st.integers(1, 2**64 - 1), st.integers(0, 2**32 - 1), payloads, st.integers(1, 40))
def test_a_frame_is_read_as_it_was_written(kind, number, sequence, payload, chunk):
    session = session_of(kind, number)
    data = pack_header(kind, session, sequence, len(payload)) + payload
    receive = source(data + data, chunk)
    for _ in range(2):
        frame = read_frame(receive)
        assert frame is not None
        assert frame[:3] == (kind, session, sequence)
        assert frame.payload.tobytes() == payload
        assert frame.payload.dtype == np.uint8
    assert read_frame(receive) is None


@given(kinds, st.binary(min_size=1, max_size=100), st.data())
def test_a_cut_frame_is_no_frame(kind, payload, data):
    whole = pack_header(kind, session_of(kind, 1), 0, len(payload)) + payload
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert read_frame(source(whole[:cut])) is None


def test_the_header_is_frozen():
    header = pack_header(Kind.DATA, 0x0102030405060708, 0x090A0B0C, 0x0D0E0F)
    assert header.hex() == "010200000f0e0d0008070605040302010c0b0a09"
    assert len(header) == HEADER_BYTES == 20


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ((0, 2, 0, 0, 1, 0), "version 0"),
        ((2, 2, 0, 0, 1, 0), "version 2"),
        ((1, 0, 0, 0, 1, 0), "unknown kind 0"),
        ((1, 3, 0, 0, 1, 0), "unknown kind 3"),
        ((1, 2, 1, 0, 1, 0), "reserved 1"),
        ((1, 2, 0, (1 << 30) + 1, 1, 0), "announces 1073741825 bytes"),
        ((1, 1, 0, (1 << 20) + 1, 0, 0), "announces 1048577 bytes"),
        ((1, 1, 0, 0, 1, 0), "control frame came for session 1"),
        ((1, 2, 0, 0, 0, 0), "data frame came for session 0"),
    ],
)
def test_each_field_is_checked(fields, complaint):
    with pytest.raises(ProtocolError, match=complaint):
        read_frame(source(struct.pack("<BBHIQI", *fields) + bytes(100)))


@pytest.mark.parametrize("kind", Kind)
def test_too_large_to_send(kind):
    pack_header(kind, session_of(kind, 1), 0, LIMITS[kind])
    with pytest.raises(ProtocolError, match=f"at most {LIMITS[kind]} fit"):
        pack_header(kind, session_of(kind, 1), 0, LIMITS[kind] + 1)


def test_numbers_are_used_up():
    with pytest.raises(ProtocolError, match="cannot be numbered"):
        pack_header(Kind.DATA, 1, 2**32, 0)


def idle_channel():
    """A channel of party 0 that takes in frames and never sends."""

    def unused(*_):
        pytest.fail("nothing is sent, and nobody waits")

    return MeshChannel(0, 1, 1.0, unused, unused, threading.Event())


def test_random_frames_are_refused_or_taken_but_never_crash():
    """10^5 random frames, most of them with a header that is nearly right, through decoder and channel."""
    rng = random.Random(2)
    outcomes = {"refused": 0, "taken": 0, "cut": 0}
    channel = idle_channel()
    for _ in range(100_000):
        fields = [1, rng.choice((1, 2)), 0, rng.randrange(40), 0, rng.randrange(4)]
        fields[4] = 0 if fields[1] == 1 else rng.randrange(1, 4)
        for index, width in enumerate((8, 8, 16, 32, 64, 32)):
            if rng.random() < 0.05:
                fields[index] = rng.randrange(1 << width)
        data = struct.pack("<BBHIQI", *fields) + rng.randbytes(rng.randrange(60))
        if rng.random() < 0.1:
            data = rng.randbytes(rng.randrange(60))
        try:
            frame = read_frame(source(data))
            if frame is not None and frame.kind is Kind.DATA:
                channel.deliver(1 + rng.randrange(2), frame)
        except ProtocolError:
            outcomes["refused"] += 1
        else:
            outcomes["cut" if frame is None else "taken"] += 1
    assert min(outcomes.values()) > 1000


def test_a_channel_takes_frames_in_order_only():
    channel = idle_channel()
    frames = [Frame(Kind.DATA, 1, sequence, np.full(1, sequence, np.uint8)) for sequence in range(3)]
    channel.deliver(1, frames[0])
    channel.deliver(2, frames[0])
    for wrong in (frames[0], frames[2]):
        with pytest.raises(ProtocolError, match="next is 1"):
            channel.deliver(1, wrong)
    channel.deliver(1, frames[1])
    assert [channel.receive(1, 1)[0] for _ in range(2)] == [0, 1]
