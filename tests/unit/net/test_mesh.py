"""Three meshes in one process, over real TLS."""

import queue
import threading
import time

import numpy as np
import pytest

from trine.errors import PartyLostError, PartyTimeoutError, ProtocolError
from trine.net.frames import Kind, pack_header
from trine.net.mesh import EARLY_SESSIONS

EVENT = 10.0  # how long a test waits for what must happen


def test_messages_arrive_whole_and_in_order(ring, receive):
    channels = ring.open(1)
    rng = np.random.default_rng(1)
    for size in (0, 1, 20, 65_515, 65_516, 65_517, 1_000_003):
        parts = np.split(rng.integers(0, 256, size, np.uint8), [size // 3])
        for sender in range(3):
            for receiver in {0, 1, 2} - {sender}:
                channels[sender].post({receiver: parts})
        for receiver in range(3):
            for sender in {0, 1, 2} - {receiver}:
                assert np.array_equal(receive(channels[receiver], sender, size), np.concatenate(parts))
    for channel in channels:
        channel.finish()


def test_large_messages_cross(ring):
    """Everybody sends at once more than any socket buffer holds, and only then receives."""
    big = np.arange(4 << 20, dtype=np.uint64).view(np.uint8)
    run_all([(exchange, channel, big) for channel in ring.open(1)])


def run_all(calls) -> None:
    """Make these calls in a thread each."""

    def run(function, *args) -> None:
        try:
            function(*args)
            done.put(None)
        except BaseException as error:
            done.put(error)

    done: queue.Queue[BaseException | None] = queue.Queue()
    for call in calls:
        threading.Thread(target=run, args=call, daemon=True).start()
    assert [done.get(timeout=60) for _ in calls] == [None] * len(calls)


def exchange(channel, message) -> None:
    """Send a message to both peers, then receive theirs, which are equal to it."""
    peers = [p for p in range(3) if p != channel.party]
    channel.post({peer: [message] for peer in peers})
    for (received,) in channel.collect({peer: [message.size] for peer in peers}).values():
        assert np.array_equal(received, message)


def compute(channel, sizes) -> None:
    with channel.attending():
        for size in sizes:
            exchange(channel, np.full(size, (size + channel.number) % 251, np.uint8))
    channel.finish()


SIZES = [0, 1, 100_000, 8, 3_000_000]


def test_computing_threads_read_for_themselves(ring):
    """Many rounds, small messages and large ones, all three attending to their links."""
    run_all([(compute, channel, 10 * SIZES) for channel in ring.open(1)])


def test_two_sessions_at_once(ring):
    """Two computing threads at each party, at different rates; one of them reads for both."""
    calls = [(compute, channel, sizes) for sizes in (5 * SIZES, 200 * [8]) for channel in ring.open(len(sizes))]
    run_all(calls)


def test_one_of_two_sessions_fails(ring, receive, message):
    """The other goes on, whichever of the two threads reads."""
    first, second = ring.open(1), ring.open(2)

    def wait_in_vain() -> None:
        with pytest.raises(PartyLostError, match="it said so"):
            receive(first[0], 1, 1)
        failed.set()

    def go_on() -> None:
        assert receive(second[0], 1, 1) == [5]

    def interfere() -> None:
        time.sleep(0.1)
        first[0].fail(PartyLostError(2, "it said so"))
        assert failed.wait(EVENT)
        second[1].post({0: [message(5)]})

    failed = threading.Event()
    run_all([(wait_in_vain,), (go_on,), (interfere,)])


def test_what_a_computing_thread_leaves_lying_is_read_all_the_same(ring, message, receive):
    channels = ring.open(1)
    with channels[0].attending():  # but it computes, and does not look
        channels[1].post({0: [message(1)]})
        for number in range(3):
            ring.sites[1].mesh.send_control(0, b"%d" % number)
        assert [ring.sites[0].controls.get(timeout=EVENT) for _ in range(3)] == [(1, b"%d" % i) for i in range(3)]
        assert receive(channels[0], 1, 1) == [1]


def test_who_rests_hears_of_what_comes_in_order(ring, message, receive):
    """Control messages are told in their order, and others' messages kept, whether it rests or computes."""
    channels, mesh = ring.open(1), ring.sites[0].mesh
    stop = threading.Event()

    def rest_and_compute():
        while not stop.is_set():
            assert mesh.rest()
            with channels[0].attending():
                time.sleep(0.001)

    def speak():
        for number in range(200):
            ring.sites[1].mesh.send_control(0, b"%d" % number)
            if number % 10 == 0:
                channels[2].post({0: [message(number)]})
        heard = [ring.sites[0].controls.get(timeout=EVENT) for _ in range(200)]
        assert heard == [(1, b"%d" % number) for number in range(200)]
        stop.set()
        mesh.wake()

    run_all([(rest_and_compute,), (speak,)])
    assert [int(receive(channels[0], 2, 1)[0]) for _ in range(20)] == list(range(0, 200, 10))


def test_a_rest_ends_when_somebody_wakes(ring):
    """Before it begins or while it lasts; else twenty would last for two seconds."""
    mesh = ring.sites[0].mesh
    start = time.monotonic()
    for _ in range(20):
        mesh.wake()
        assert mesh.rest()
    for _ in range(20):
        threading.Timer(0.005, mesh.wake).start()
        assert mesh.rest()
    assert time.monotonic() - start < 2


def test_a_rest_hears_of_a_lost_party_and_of_the_end(ring):
    mesh = ring.sites[0].mesh
    threading.Timer(0.05, ring.sites[2].mesh.close).start()
    deadline = time.monotonic() + EVENT
    while ring.sites[0].lost.empty() and time.monotonic() < deadline:
        assert mesh.rest()
    assert ring.sites[0].lost.get(timeout=1)[0] == 2
    threading.Timer(0.05, mesh.close).start()
    while mesh.rest() and time.monotonic() < deadline:
        pass
    assert not mesh.rest()
    assert time.monotonic() < deadline


def test_a_computing_thread_hears_of_failures(ring, receive):
    """While it reads the links itself: of a lost peer, and of a session that another thread fails."""
    channels, later = ring.open(1), ring.open(2)
    threading.Timer(0.05, later[0].fail, (PartyLostError(1, "it said so"),)).start()
    with later[0].attending(), pytest.raises(PartyLostError, match="it said so"):
        receive(later[0], 1, 1)
    threading.Timer(0.05, ring.sites[2].mesh.close).start()
    with channels[0].attending(), pytest.raises(PartyLostError) as caught:
        receive(channels[0], 1, 1)
    assert caught.value.party == 2


def test_sessions_do_not_mix(ring, message, receive):
    first, second = ring.open(1), ring.open(2)
    second[0].post({1: [message(2)]})
    first[0].post({1: [message(1)]})
    assert receive(first[1], 0, 1) == [1]
    assert receive(second[1], 0, 1) == [2]


def test_a_peer_may_send_before_this_party_has_opened_the_session(ring, message, receive):
    early = ring.sites[0].mesh.open(7)
    early.post({1: [message(9)]})
    ring.sites[0].mesh.send_control(1, b"sent")
    assert ring.sites[1].controls.get(timeout=EVENT) == (0, b"sent")
    assert receive(ring.sites[1].mesh.open(7), 0, 1) == [9]


def test_keys_are_common_to_neighbours_and_fresh_in_every_session(ring):
    seen = set()
    for number in (1, 2):
        keys = [channel.keys for channel in ring.open(number)]
        for i in range(3):
            assert keys[i].common[1] == keys[(i + 1) % 3].common[0]
        seen |= {key for k in keys for key in (*k.common, k.private)}
    assert len(seen) == 12
    assert {len(key) for key in seen} == {16}


def test_keys_do_not_show(ring):
    keys = ring.open(1)[0].keys
    assert keys.private.hex() not in repr(keys)
    assert repr(keys.common[0]) not in repr(keys)


def test_session_numbers_only_grow(ring):
    ring.open(5)
    for stale in (5, 4, 0):
        with pytest.raises(ProtocolError, match="announced after"):
            ring.sites[1].mesh.open(stale)
    assert ring.sites[0].mesh.new_session() == 6


def test_wrong_size_is_a_protocol_error(ring, message, receive):
    channels = ring.open(1)
    channels[2].post({0: [message(1, 2)]})
    with pytest.raises(ProtocolError, match="2 bytes where 3"):
        receive(channels[0], 2, 3)


def test_messages_that_nobody_asked_for_are_noticed(ring, message, receive):
    channels = ring.open(1)
    channels[2].post({0: [message(1)]})
    channels[2].post({0: [message(1)]})
    receive(channels[0], 2, 1)
    ring.sites[2].mesh.send_control(0, b"sent")
    ring.sites[0].controls.get(timeout=EVENT)
    with pytest.raises(ProtocolError, match="no use for"):
        channels[0].finish()


def test_frames_of_a_closed_session_are_thrown_away(ring, message):
    channels = ring.open(1)
    ring.sites[1].mesh.close_session(1)
    channels[0].post({1: [message(1)]})
    ring.sites[0].mesh.send_control(1, b"sent")
    assert ring.sites[1].controls.get(timeout=EVENT) == (0, b"sent")
    assert ring.sites[1].mesh.missing() == []


def test_a_failed_session_fails_at_once_and_for_good(ring, message, receive):
    channels = ring.open(1)
    waiting: queue.Queue[BaseException] = queue.Queue()

    def wait() -> None:
        try:
            receive(channels[1], 0, 1)
        except PartyLostError as error:
            waiting.put(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    ring.sites[1].mesh.fail_session(1, PartyLostError(2, "gone"))
    assert waiting.get(timeout=EVENT).party == 2
    for use in (lambda: channels[1].post({0: [message(1)]}), lambda: receive(channels[1], 2, 1), channels[1].finish):
        with pytest.raises(PartyLostError, match="gone"):
            use()


def test_a_session_may_fail_before_this_party_has_opened_it(ring, receive):
    ring.sites[1].mesh.fail_session(4, PartyLostError(2, "gone"))
    channel = ring.sites[1].mesh.open(4)
    with pytest.raises(PartyLostError, match="gone"):
        receive(channel, 0, 1)
    ring.sites[1].mesh.close_session(4)
    ring.sites[1].mesh.fail_session(4, PartyLostError(2, "again"))  # it has ended: nothing to fail


def test_a_lost_party_fails_every_session_and_is_linked_anew(ring, message, receive):
    before = ring.open(1)
    keys = {key for channel in before for key in channel.keys.common}
    ring.restart(2)
    for survivor in (0, 1):
        peer, error = ring.sites[survivor].lost.get(timeout=EVENT)
        assert (peer, error.party) == (2, 2)
        with pytest.raises(PartyLostError) as caught:
            receive(before[survivor], 1 - survivor, 1)  # the peer it waits for is alive; the session is not
        assert caught.value.party == 2
        with pytest.raises(PartyLostError):
            before[survivor].post({1 - survivor: [message(1)]})
    ring.wait()
    # the restarted party has counted nothing itself: it has been told
    assert ring.sites[2].mesh.new_session() == 2
    after = ring.open(2)
    assert after[2].keys.common[0] not in keys
    assert after[2].keys.common == (after[1].keys.common[1], after[0].keys.common[0])
    after[2].post({0: [message(3)]})
    assert receive(after[0], 2, 1) == [3]


def test_a_missing_party_is_named(ring):
    ring.sites[1].mesh.close()
    assert ring.sites[0].lost.get(timeout=EVENT)[0] == 1
    ring.sites[2].lost.get(timeout=EVENT)
    assert ring.sites[0].mesh.missing() == [1]
    with pytest.raises(PartyLostError, match="party 1 is not connected"):
        ring.sites[0].mesh.open(1)
    with pytest.raises(PartyLostError, match="party 1 is not connected"):
        ring.sites[0].mesh.send_control(1, b"hello")
    assert not ring.sites[0].mesh.wait(0.01)


def test_a_silent_party_is_given_up(new_ring, receive):
    ring = new_ring(0.4, 0.4, 60.0)
    channels = ring.open(1)
    # With its signs of life a quarter of a minute apart, party 2 is as good as frozen.
    with pytest.raises(PartyTimeoutError, match=r"has not responded for 0\.4 s") as caught:
        receive(channels[0], 1, 1)
    assert caught.value.party == 2


def test_a_party_that_is_alive_but_stuck_is_given_up_too(new_ring, receive, monkeypatch):
    monkeypatch.setattr("trine.net.mesh.PATIENCE", 0.1)
    ring = new_ring(EVENT, EVENT, EVENT)
    with pytest.raises(PartyTimeoutError, match="alive but has sent nothing in session 1 for 1 s") as caught:
        receive(ring.open(1)[0], 1, 1)
    assert caught.value.party == 1


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (b"\xff" * 20, "party 0: a frame of version 255"),
        (pack_header(Kind.DATA, 1, 3, 0), "party 0 sent frame 3 of session 1, next is 0"),
        (pack_header(Kind.CONTROL, 0, 7, 0), "party 0 sent control frame 7, next is 1"),
    ],
)
def test_rubbish_drops_the_link_and_is_named(ring, impostor, receive, header, complaint):
    stranger = impostor(ring, 0, 1)
    channel = ring.sites[1].mesh.open(1)
    stranger.write(header)
    peer, error = ring.sites[1].lost.get(timeout=EVENT)
    assert peer == 0
    assert isinstance(error, ProtocolError)
    assert complaint in str(error)
    with pytest.raises(ProtocolError, match=complaint):
        receive(channel, 2, 1)


def test_a_control_message_that_cannot_be_read_drops_the_link(ring, receive):
    channel = ring.open(1)[1]
    ring.sites[1].refuse = ProtocolError("it makes no sense")
    ring.sites[0].mesh.send_control(1, b"?")
    peer, error = ring.sites[1].lost.get(timeout=EVENT)
    assert (peer, error) == (0, ring.sites[1].refuse)
    with pytest.raises(ProtocolError, match="makes no sense"):
        receive(channel, 2, 1)


def test_unknown_sessions_are_bounded(ring, impostor):
    stranger = impostor(ring, 0, 1)
    for session in range(1, EARLY_SESSIONS + 2):
        stranger.write(pack_header(Kind.DATA, session, 0, 1) + b"x")
    peer, error = ring.sites[1].lost.get(timeout=EVENT)
    assert peer == 0
    assert f"session {EARLY_SESSIONS + 1} is unknown" in str(error)


def test_close_leaves_no_thread(new_ring):
    before = set(threading.enumerate())
    new_ring().close()
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(EVENT)
    assert not any(thread.is_alive() for thread in left)
