"""Control messages: what is written is read, and anything else is a ProtocolError."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.cluster.messages import Abort, Hold, Query, Refuse, Run, decode, encode
from trine.errors import InputError, PartyLostError, ProtocolError, RequestLimitError

QUERY = Query("0a" * 16, "digits", "1b" * 16, 3)


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, Refuse | Abort):
        return vars(a).keys() == vars(b).keys() and (type(a.error), a.error.args) == (type(b.error), b.error.args)
    return a == b


@pytest.mark.parametrize(
    "message",
    [Hold(QUERY), Run(QUERY, 2**64 - 1), Refuse(QUERY.id, RequestLimitError("used up")), Abort(7, InputError("x"))],
)
def test_what_is_written_is_read(message):
    assert same(decode(encode(message, 1)), message)


def test_the_party_to_blame_crosses_too():
    error = decode(encode(Abort(7, PartyLostError(2, "gone")), 1)).error
    assert (type(error), error.party, str(error)) == (PartyLostError, 2, "gone")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"},
        {"id": None},
        {"model": "a/b"},
        {"model": 3},
        {"share": "1B" * 16},
        {"batch": 0},
        {"batch": 1025},
        {"batch": True},
        {"batch": 1.0},
        {"batch": "1"},
    ],
)
def test_queries_are_checked(change):
    with pytest.raises(InputError):
        Query(**{**vars(QUERY), **change})
    content = {"kind": "hold", "query": {**vars(QUERY), **change}}
    with pytest.raises(ProtocolError, match="malformed"):
        decode(json.dumps(content).encode())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"1",
        b"{}",
        b'{"kind": "sing"}',
        b'{"kind": ["hold"]}',
        b'{"kind": "hold"}',
        b'{"kind": "hold", "query": {}}',
        b'{"kind": "hold", "query": 1}',
        b'{"kind": "run", "query": 1, "session": 1}',
        b'{"kind": "refuse", "query": "x", "error": {}}',
        b'{"kind": "refuse", "query": {}, "error": {}}',
        b'{"kind": "abort", "session": 0, "error": {}}',
        b'{"kind": "abort", "session": true, "error": {}}',
        b'{"kind": "abort", "session": 18446744073709551616, "error": {}}',
        b'{"kind": "abort", "session": 1}',
        b"[" * 100_000,
    ],
)
def test_rubbish(payload):
    with pytest.raises(ProtocolError):
        decode(payload)


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_changed_bytes_are_refused_or_read(seed, changes):
    rng = random.Random(seed)
    payload = bytearray(encode(rng.choice([Hold(QUERY), Run(QUERY, 5), Abort(7, InputError("x"))]), 1))
    for _ in range(changes):
        payload[rng.randrange(len(payload))] = rng.randrange(256)
    try:
        message = decode(bytes(payload))
    except ProtocolError:
        return
    assert isinstance(message, Hold | Run | Refuse | Abort)
