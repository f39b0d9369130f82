"""The hub alone, its links held at the far end by the test: frames of every kind, large messages, waits that end."""

import pickle
import random
import resource
import signal
import socket
import struct
import sys
import threading
import time

import numpy as np
import pytest

from trine import _core
from trine.errors import PartyLostError, PartyTimeoutError, ProtocolError
from trine.net.certificates import Authority, party_role, role_host
from trine.net.frames import HEADER_BYTES, Kind, pack_header, unpack_header
from trine.net.tls import Credentials, mesh_context

WAIT = 10.0
LARGE = 32 << 20


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    directory, authority = tmp_path_factory.mktemp("certificates"), Authority()
    for party in range(3):
        authority.enroll(directory, party_role(party))
    return [mesh_context(Credentials(directory, party_role(party))) for party in range(3)]


def connect(contexts, caller, called):
    """Both ends of a link between two parties."""
    here, there = socket.socketpair()
    ends = (
        _core.TlsConnection(contexts[caller], here.detach(), role_host(party_role(called))),
        _core.TlsConnection(contexts[called], there.detach()),
    )
    thread = threading.Thread(target=ends[1].handshake, args=(WAIT,))
    thread.start()
    ends[0].handshake(WAIT)
    thread.join()
    return ends


class Bench:
    """A hub of party 0, and the far ends of its links."""

    def __init__(self, contexts, timeout=WAIT, patience=WAIT):
        self.hub = _core.Hub(0, timeout=timeout, patience=patience, attention=0.1, spin=1e-4, early_sessions=4)
        self.to_hub, self.from_hub = {}, {}
        for peer in (1, 2):
            outbound, self.from_hub[peer] = connect(contexts, 0, peer)
            self.to_hub[peer], inbound = connect(contexts, peer, 0)
            assert self.hub.attach_outbound(peer, outbound, b"process", b"key to %d" % peer)
            assert self.hub.attach_inbound(peer, inbound, b"process", b"key of %d" % peer)

    def send(self, peer, session, sequence, payload):
        self.to_hub[peer].write(pack_header(Kind.DATA, session, sequence, len(payload)) + bytes(payload), WAIT)

    def read(self, peer):
        """The next data frame that the hub has sent to a peer: (session, sequence, payload)."""
        while True:
            header = unpack_header(self.from_hub[peer].read(HEADER_BYTES, WAIT))
            payload = b""
            while len(payload) < header.length:
                payload += self.from_hub[peer].read(min(1 << 20, header.length - len(payload)), WAIT)
            if header.kind is Kind.DATA:
                return header.session, header.sequence, payload

    def lost(self):
        """The first (peer, error) of a link that breaks while the hub is tended."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            self.hub.tend()
            for peer, news, _ in self.hub.news():
                if not isinstance(news, bytes):
                    return peer, news
        raise AssertionError("no link broke")


@pytest.fixture
def bench(contexts):
    return Bench(contexts)


def test_missing_parties_and_keys(contexts):
    hub = _core.Hub(0, timeout=WAIT, patience=WAIT, attention=0.1, spin=0, early_sessions=4)
    assert hub.missing() == [1, 2]
    with pytest.raises(PartyLostError, match="party 1 is not connected"):
        hub.open(1)
    _, *keys = Bench(contexts).hub.open(1)
    assert keys == [b"key of 2", b"key to 1"]


def test_a_message_is_one_frame(bench):
    channel, *_ = bench.hub.open(7)
    parts = [np.arange(5, dtype=np.uint8), np.array([], np.uint8), np.arange(8000, dtype=np.uint64).view(np.uint8)]
    channel.post({1: parts, 2: []})
    channel.post({2: parts[:1]})
    assert bench.read(1) == (7, 0, b"".join(part.tobytes() for part in parts))
    assert bench.read(2) == (7, 0, b"")
    assert bench.read(2) == (7, 1, parts[0].tobytes())


@pytest.mark.parametrize("early", [False, True])
def test_pieces_are_arrays_of_their_own(bench, early):
    """Whether the message is there before it is wanted (a message of the other peer is waited for meanwhile) or not."""
    channel, *_ = bench.hub.open(1)
    payload = bytes(range(200)) * 500
    sizes = [3, 0, 64_000, len(payload) - 64_003]
    if early:
        bench.send(1, 1, 0, payload)
        bench.send(2, 1, 0, b"")
        assert channel.collect({2: []}) == {2: []}
    else:
        threading.Timer(0.05, bench.send, (1, 1, 0, payload)).start()
    received = channel.collect({1: sizes})
    assert list(received) == [1]
    assert [piece.size for piece in received[1]] == sizes
    assert b"".join(piece.tobytes() for piece in received[1]) == payload
    for piece in received[1]:
        assert piece.dtype == np.uint8
        assert piece.ctypes.data % 8 == 0
        assert piece.flags.writeable
        assert piece.base is None
    channel.finish()


def test_several_posts_before_the_first_collect(bench):
    channel, *_ = bench.hub.open(1)
    for number in range(5):
        channel.post({1: [np.full(number, number, np.uint8)]})
        bench.send(2, 1, number, bytes(number * [number]))
    for number in range(5):
        assert bench.read(1) == (1, number, bytes(number * [number]))
        assert channel.collect({2: [number]})[2][0].tolist() == number * [number]
    channel.finish()


def test_what_is_queued_lives_and_goes_out_by_itself(bench):
    """Nobody collects: the tending thread moves the message on, from arrays that nobody else holds any more."""
    channel, *_ = bench.hub.open(1)
    expected = np.random.default_rng(1).integers(0, 256, LARGE, np.uint8)
    start = time.monotonic()
    channel.post({1: [expected[: LARGE // 3].copy(), expected[LARGE // 3 :].copy()]})
    assert time.monotonic() - start < 1.0
    reader = threading.Thread(target=lambda: read.append(bench.read(1)))
    read = []
    reader.start()
    deadline = time.monotonic() + 60
    while reader.is_alive() and time.monotonic() < deadline:
        bench.hub.tend()
    reader.join(WAIT)
    assert read[0][:2] == (1, 0)
    assert read[0][2] == expected.tobytes()


def test_a_queued_message_moves_on_while_another_is_awaited(bench):
    channel, *_ = bench.hub.open(1)
    channel.post({1: [np.ones(LARGE, np.uint8)]})

    def read_then_answer():
        assert len(bench.read(1)[2]) == LARGE
        bench.send(2, 1, 0, b"x")

    thread = threading.Thread(target=read_then_answer)
    thread.start()
    assert channel.collect({2: [1]})[2][0].tobytes() == b"x"
    thread.join(WAIT)


def test_a_peer_that_takes_nothing(contexts):
    bench = Bench(contexts, timeout=0.3)
    channel, *_ = bench.hub.open(1)
    channel.post({2: [np.ones(LARGE, np.uint8)]})

    def stay_alive():
        while not done.wait(0.05):
            for sequence in (next(sequences),):
                for peer in (1, 2):
                    bench.to_hub[peer].write(pack_header(Kind.CONTROL, 0, sequence, 0), WAIT)

    sequences, done = iter(range(1, 1000)), threading.Event()
    thread = threading.Thread(target=stay_alive)
    thread.start()
    try:
        with pytest.raises(PartyTimeoutError, match=r"party 2 has not responded for 0\.3 s") as caught:
            channel.collect({1: [1]})
        assert caught.value.party == 2
    finally:
        done.set()
        thread.join()


def test_a_large_message_may_take_longer_than_the_patience(contexts):
    bench = Bench(contexts, patience=0.4)
    channel, *_ = bench.hub.open(1)

    def dribble():
        bench.to_hub[1].write(pack_header(Kind.DATA, 1, 0, 10), WAIT)
        for byte in range(10):
            time.sleep(0.1)
            bench.to_hub[1].write(bytes([byte]), WAIT)

    thread = threading.Thread(target=dribble)
    thread.start()
    assert channel.collect({1: [10]})[1][0].tolist() == list(range(10))
    thread.join()
    with pytest.raises(PartyTimeoutError, match=r"sent nothing in session 1 for 0\.4 s"):
        channel.collect({1: [10]})


@pytest.mark.parametrize("cut", [1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 5])
def test_a_peer_that_closes_in_mid_frame(bench, cut):
    channel, *_ = bench.hub.open(1)
    frame = pack_header(Kind.DATA, 1, 0, 10) + bytes(10)
    bench.to_hub[1].write(frame[:cut], WAIT)
    bench.to_hub.pop(1).close()
    with pytest.raises(PartyLostError, match="party 1 closed its connection") as caught:
        channel.collect({1: [10]})
    assert caught.value.party == 1
    assert bench.hub.missing() == [1]


def test_a_peer_that_closes_the_link_it_listens_on(bench):
    """It is noticed at once, not when something is to be sent."""
    channel, *_ = bench.hub.open(1)
    bench.from_hub.pop(2).close()
    with pytest.raises(PartyLostError, match="party 2"):
        channel.collect({1: [10]})


def test_a_peer_that_speaks_where_it_is_to_listen(bench):
    bench.from_hub[2].write(b"hello", WAIT)
    peer, error = bench.lost()
    assert peer == 2
    assert isinstance(error, ProtocolError)
    assert "party 2 spoke" in str(error)


def test_random_frames(contexts):
    """Links that carry random frames, most of them nearly right, and end anywhere: by the right error, if by any."""
    rng = random.Random(3)
    outcomes = dict.fromkeys(("refused", "closed"), 0)
    for _ in range(150):
        bench = Bench(contexts)
        bench.hub.open(1)
        data, good, controls, sequences = b"", True, 1, {}
        for _ in range(rng.randrange(1, 6)):
            kind, length, session = rng.choice((1, 2)), rng.randrange(40), rng.randrange(1, 4)
            session = 0 if kind == 1 else session
            fields = [1, kind, 0, length, session, controls if kind == 1 else sequences.get(session, 0)]
            for index, width in enumerate((8, 8, 16, 32, 64, 32)):
                if rng.random() < 0.03:
                    fields[index] = rng.randrange(1 << width)
            header = struct.pack("<BBHIQI", *fields)
            try:
                read = unpack_header(header)
                expected = controls if read.kind is Kind.CONTROL else sequences.get(read.session, 0)
                good = read.sequence == expected
            except ProtocolError:
                good = False
            data += header + (rng.randbytes(min(fields[3], 1000)) if good else b"")
            if not good:
                break
            if read.kind is Kind.CONTROL:
                controls += 1
            else:
                sequences[read.session] = read.sequence + 1
            if read.length > 1000:
                break
        if rng.random() < 0.2:
            cut = rng.randrange(len(data))
            data, good = data[:cut], True
        bench.to_hub[1].write(data, WAIT)
        bench.to_hub.pop(1).close()
        peer, error = bench.lost()
        assert peer == 1
        assert isinstance(error, PartyLostError if good else ProtocolError), (data.hex(), error)
        outcomes["closed" if good else "refused"] += 1
    assert min(outcomes.values()) > 15


@pytest.mark.skipif(sys.platform != "linux", reason="kilobytes, as Linux counts")
def test_memory_is_taken_only_for_a_header_that_has_been_checked(bench):
    bench.hub.open(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bench.to_hub[1].write(struct.pack("<BBHIQI", 1, 2, 0, (1 << 30) + 1, 1, 0), WAIT)
    peer, error = bench.lost()
    assert isinstance(error, ProtocolError)
    bench.to_hub[2].write(pack_header(Kind.DATA, 1, 0, 1 << 30) + bytes(100), WAIT)
    bench.to_hub.pop(2).close()
    peer, error = bench.lost()
    assert (peer, type(error)) == (2, PartyLostError)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 16


def test_a_signal_is_answered_and_the_wait_can_be_taken_up_again(bench):
    channel, *_ = bench.hub.open(1)

    class RungError(Exception):
        pass

    def ring(*_):
        raise RungError

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        start = time.monotonic()
        with pytest.raises(RungError):
            channel.collect({1: [6], 2: [1]})
        assert time.monotonic() - start < 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    bench.send(1, 1, 0, b"abcdef")
    bench.send(2, 1, 0, b"g")
    received = channel.collect({1: [2, 4], 2: [1]})
    assert [piece.tobytes() for pieces in received.values() for piece in pieces] == [b"ab", b"cdef", b"g"]


def test_a_wait_that_is_broken_off_in_mid_message(bench):
    channel, *_ = bench.hub.open(1)
    bench.to_hub[1].write(pack_header(Kind.DATA, 1, 0, 6) + b"abc", WAIT)
    timer = threading.Timer(0.2, signal.raise_signal, (signal.SIGALRM,))

    def ring(*_):
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, ring)
    try:
        timer.start()
        with pytest.raises(InterruptedError):
            channel.collect({1: [1, 5]})
    finally:
        timer.join()
        signal.signal(signal.SIGALRM, before)
    bench.to_hub[1].write(b"def", WAIT)
    assert channel.collect({1: [6]})[1][0].tobytes() == b"abcdef"


def test_one_thread_at_a_time_collects_from_a_session(bench):
    channel, *_ = bench.hub.open(1)
    thread = threading.Thread(target=channel.collect, args=({1: [1]},))
    thread.start()
    time.sleep(0.1)
    with pytest.raises(ValueError, match="two threads collect"):
        channel.collect({2: [1]})
    bench.send(1, 1, 0, b"x")
    thread.join(WAIT)
    assert not thread.is_alive()


def test_arguments_are_checked(bench):
    channel, *_ = bench.hub.open(1)
    secret = np.full(8, 123, np.uint8)
    for send, error in (
        ({1: [secret.view(np.uint64)]}, TypeError),
        ({1: [secret[::2]]}, ValueError),
        ({1: [secret.tobytes()]}, TypeError),
        ({1: secret[0]}, TypeError),
        ({0: [secret]}, ValueError),
        ({3: [secret]}, ValueError),
        ({"1": [secret]}, TypeError),
        (7, TypeError),
    ):
        with pytest.raises(error) as caught:
            channel.post(send)
        assert "123" not in str(caught.value)
    for expect, error in (
        ({1: [-1]}, ValueError),
        ({1: [1.0]}, TypeError),
        ({0: [1]}, ValueError),
        ({1: 1}, TypeError),
        (1, TypeError),
    ):
        with pytest.raises(error):
            channel.collect(expect)
    with pytest.raises(TypeError):
        channel.fail("it went wrong")
    with pytest.raises(ProtocolError, match="at most 1073741824 fit"):
        channel.post({1: 3 * [np.zeros(1 << 29, np.uint8)]})
    channel.finish()


def test_secrets_are_not_pickled_or_printed(bench):
    channel, *_ = bench.hub.open(1)
    for opaque in (bench.hub, channel):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(opaque)
        assert "key" not in repr(opaque)
