import numpy as np
import pytest

from trine.errors import ProtocolError
from trine.mpc import LocalSession, Replicated
from trine.mpc.compare import relu
from trine.mpc.rounds import LARGE, Compiled, Round, together


def ring_of(party, rounds, tag):
    """Sends a byte around for some rounds; returns what came."""
    came = []
    for turn in range(rounds):
        message = np.array([tag, turn, party.index], np.uint8)
        received = yield Round({party.next: [message]}, {party.previous: [3]})
        came.append(received[party.previous][0].tolist())
    return came


def several(party):
    return (yield from together(ring_of(party, 1, 7), ring_of(party, 3, 8), ring_of(party, 0, 9)))


def test_together_shares_rounds_and_keeps_messages_apart():
    session = LocalSession()
    results = session.call(several)
    assert session.cost.rounds == 3
    assert session.cost.bytes == 3 * (3 + 9)
    for index, (one, three, none) in enumerate(results):
        previous = (index + 2) % 3
        assert one == [[7, 0, previous]]
        assert three == [[8, turn, previous] for turn in range(3)]
        assert none == []


def test_local_session_refuses_messages_of_the_wrong_size():
    def wrong(party):
        yield Round({party.next: [np.zeros(2, np.uint8)]}, {party.previous: [3]})

    with pytest.raises(ProtocolError, match=r"expects \[3\] bytes"):
        LocalSession().call(wrong)


def test_local_session_refuses_messages_nobody_expects():
    def wrong(party):
        yield Round({party.next: [np.zeros(2, np.uint8)]}, {})

    with pytest.raises(ProtocolError, match="expects nothing"):
        LocalSession().call(wrong)


def test_local_session_refuses_parties_out_of_step():
    def wrong(party):
        if party.index:
            yield Round({}, {})

    with pytest.raises(ProtocolError, match="finished"):
        LocalSession().call(wrong)


@pytest.mark.parametrize(("count", "kind"), [(0, Compiled), (LARGE, Compiled), (LARGE + 1, Round)])
def test_large_protocols_are_generators_all_the_way(count, kind):
    """They give back memory on the way, and what Python takes does not show."""
    zeros = np.zeros(count, np.uint64)
    first = LocalSession().each(lambda party: next(relu(party, Replicated(zeros, zeros), 3)))
    assert all(isinstance(turn, kind) for turn in first)
