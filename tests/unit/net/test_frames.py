"""The header of frames: packed, checked field by field, and random."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import ProtocolError
from trine.net.frames import HEADER_BYTES, Kind, pack_header, unpack_header

LIMITS = {Kind.CONTROL: 1 << 20, Kind.DATA: 1 << 30}


def session_of(kind: Kind, number: int) -> int:
    return 0 if kind is Kind.CONTROL else number


@given(st.sampled_from(Kind), st.integers(1, 2**64 - 1), st.integers(0, 2**32 - 1), st.data())
def test_a_header_is_read_as_it_was_written(kind, number, sequence, data):
    length = data.draw(st.integers(0, LIMITS[kind]))
    session = session_of(kind, number)
    assert unpack_header(pack_header(kind, session, sequence, length)) == (kind, length, session, sequence)


@pytest.mark.parametrize("size", [0, 19, 21])
def test_a_header_has_one_size(size):
    with pytest.raises(ValueError, match="must be 20 bytes"):
        unpack_header(bytes(size))


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
        unpack_header(struct.pack("<BBHIQI", *fields))


@pytest.mark.parametrize("kind", Kind)
def test_too_large_to_send(kind):
    pack_header(kind, session_of(kind, 1), 0, LIMITS[kind])
    with pytest.raises(ProtocolError, match=f"at most {LIMITS[kind]} fit"):
        pack_header(kind, session_of(kind, 1), 0, LIMITS[kind] + 1)


def test_numbers_are_used_up():
    with pytest.raises(ProtocolError, match="cannot be numbered"):
        pack_header(Kind.DATA, 1, 2**32, 0)


def test_random_headers_are_refused_or_read():
    """10^5 headers, most of them nearly right, against the rules in Python."""
    rng = random.Random(2)
    outcomes = {True: 0, False: 0}
    for _ in range(100_000):
        fields = [1, rng.choice((1, 2)), 0, rng.randrange(40), 0, rng.randrange(4)]
        fields[4] = 0 if fields[1] == 1 else rng.randrange(1, 4)
        for index, width in enumerate((8, 8, 16, 32, 64, 32)):
            if rng.random() < 0.05:
                fields[index] = rng.randrange(1 << width)
        version, kind, reserved, length, session, sequence = fields
        good = version == 1 and kind in (1, 2) and reserved == 0
        good = good and length <= LIMITS[Kind(kind)] and (session == 0) == (kind == 1)
        outcomes[good] += 1
        try:
            assert unpack_header(struct.pack("<BBHIQI", *fields)) == (kind, length, session, sequence)
        except ProtocolError:
            assert not good
        else:
            assert good
    assert min(outcomes.values()) > 1000
