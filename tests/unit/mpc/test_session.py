"""The same protocols on three parties in lockstep, and on three threads with queues between them."""

import queue
import threading

import numpy as np
import pytest

from trine.errors import ProtocolError
from trine.mpc import LocalSession, PartySession
from trine.mpc.compare import rectify
from trine.net.keys import derive_key
from trine.ring import Prg

SEED = bytes(range(16))


class Queues:
    """A channel made of queues, one for each ordered pair of parties."""

    def __init__(self, party, pipes):
        self.party = party
        self._pipes = pipes

    def post(self, send):
        for peer, parts in send.items():
            self._pipes[self.party, peer].put([part.copy() for part in parts])

    def collect(self, expect):
        received = {peer: self._pipes[peer, self.party].get(timeout=10) for peer in expect}
        for peer, sizes in expect.items():
            came = [part.size for part in received[peer]]
            if came != list(sizes):
                raise ProtocolError(f"{came} bytes came where {list(sizes)} were expected")
        return received


def on_three_threads(program, seed=SEED):
    common = [derive_key(seed, b"common %d" % i) for i in range(3)]
    private = [derive_key(seed, b"private %d" % i) for i in range(3)]
    pipes = {(i, j): queue.Queue() for i in range(3) for j in range(3) if i != j}
    results, costs = [None] * 3, [None] * 3

    def run(i):
        session = PartySession(Queues(i, pipes), (common[i], common[(i + 1) % 3]), private[i])
        results[i] = program(session, i)
        costs[i] = session.cost

    threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results, costs


def test_threads_and_lockstep_give_the_same_bits():
    x = np.arange(-50, 50).astype(np.int64).view(np.uint64) << np.uint64(20)

    def program(session, i=None):
        secret = session.share(x.view(np.int64), owner=1, bound=2**40) if i in (None, 1) else None
        if i in (0, 2):
            secret = session.share(None, owner=1, shape=x.shape, fraction=0, bound=2**40)
        return session.call(rectify, secret._value, 16, 50, 64)

    local = LocalSession(SEED)
    expected = program(local)
    results, costs = on_three_threads(program)
    for mine, theirs in zip(results, expected, strict=True):
        assert np.array_equal(mine.a, theirs.a)
        assert np.array_equal(mine.b, theirs.b)
    assert {cost.rounds for cost in costs} == {local.cost.rounds}
    assert sum(cost.bytes for cost in costs) == local.cost.bytes


def test_a_program_is_the_same_at_every_party():
    salaries = {0: 1200.0, 1: 3400.5, 2: 2600.25}

    def program(session, i):
        shared = [session.share(salaries[j] if i == j else None, owner=j, shape=()) for j in range(3)]
        total = shared[0] + shared[1] + shared[2]
        richest = (shared[1] > shared[0]).reveal()
        return float(total.reveal()), int(richest), total.reveal(to=2)

    results, _ = on_three_threads(program)
    assert [r[:2] for r in results] == [(7200.75, 1)] * 3
    assert [r[2] for r in results] == [None, None, 7200.75]


def test_keys_are_not_printed_or_pickled():
    prg = Prg(SEED)
    assert SEED.hex() not in repr(prg)
    with pytest.raises(TypeError, match="secret key"):
        prg.__reduce__()
