"""Compiled protocols on the mesh: the same messages, shares and costs as the generators, whoever runs which."""

import itertools
import threading

import numpy as np
import pytest

from trine import _core
from trine.errors import PartyLostError, PartyTimeoutError, ProtocolError
from trine.mpc import LocalSession, PartySession, PerParty, Replicated
from trine.mpc.compare import draw_rectify, draw_sign_products, rectify, relu, sign_products
from trine.mpc.rounds import together
from trine.mpc.truncation import draw_truncation, truncate
from trine.net.keys import derive_key

SEED = bytes(range(16))
COMMON = [derive_key(SEED, b"common %d" % i) for i in range(3)]
PRIVATE = [derive_key(SEED, b"private %d" % i) for i in range(3)]


class Recording(LocalSession):
    """Writes down what every party receives in every round."""

    def __init__(self):
        super().__init__(SEED)
        self.heard = [[], [], []]

    def _deliver(self, turns):
        received = super()._deliver(turns)
        for party, messages in enumerate(received):
            self.heard[party].append(as_bytes(messages))
        return received


class Watched:
    """A channel of the mesh that a session does not know for one: it runs generators. Writes down what comes."""

    def __init__(self, channel):
        self.party, self.post, self._channel, self.heard = channel.party, channel.post, channel, []

    def collect(self, expect):
        received = self._channel.collect(expect)
        self.heard.append(as_bytes(received))
        return received


def as_bytes(messages):
    return {peer: b"".join(part.tobytes() for part in parts) for peer, parts in messages.items()}


def on_mesh(channels, compiled, program):
    """Runs a program at three parties, of which some run compiled protocols; results, costs, and what others heard."""
    results, costs = [None] * 3, [None] * 3
    watched = [None if party in compiled else Watched(channel) for party, channel in enumerate(channels)]

    def run(i):
        session = PartySession(watched[i] or channels[i], (COMMON[i], COMMON[(i + 1) % 3]), PRIVATE[i])
        results[i] = program(session, i)
        channels[i].finish()
        costs[i] = session.cost

    threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results, costs, watched


def split(rng, values):
    """Three parts that add up to the values."""
    a, b = (np.asarray(rng.integers(0, 2**64, values.shape, np.uint64)) for _ in range(2))
    with np.errstate(over="ignore"):
        return a, b, np.asarray(values - a - b)


def shared(rng, values):
    shares = split(rng, values)
    return [Replicated(shares[i].copy(), shares[(i + 1) % 3].copy()) for i in range(3)]


def additive(rng, values):
    return list(split(rng, values))


def prepared(draw, *args, **options):
    def make(party):
        random = draw(party, *args, **options)
        yield from random.deal(party)
        return random

    return make


def cases():
    rng = np.random.default_rng(11)
    for shape in ((), (0,), (1,), (63,), (64, 3), (2, 5, 131)):
        for shift, width, out_width in ((18, 36, 40), (1, 63, 64), (7, 10, 4), (3, 8, 64), (30, 32, 1), (9, 20, 13)):
            values = rng.integers(-(2 ** (width - 2)), 2 ** (width - 2), shape).astype(np.int64)
            values = np.asarray(values).view(np.uint64)
            for share in (shared, additive):
                options = {"additive": share is additive}
                x, formats = share(rng, values), (shift, width, out_width)
                yield truncate, (x, *formats), (draw_truncation, (shape, *formats), options)
                if shift < width - 1:
                    yield rectify, (x, *formats), (draw_rectify, (shape, *formats), options)
            x = shared(rng, values)
            random = draw_sign_products, (shape, width, out_width), {}
            yield relu, (x, width, out_width), random
            if shape:
                factors = shared(rng, rng.integers(0, 2**64, (3, *shape), np.uint64))
                yield sign_products, (x, factors, width, out_width), (*random[:1], (*random[1], 3), {})
    for width in (1, 2, 5, 6, 9, 64):
        x = shared(rng, rng.integers(0, 2**64, (70,), np.uint64))
        yield relu, (x, width, 64), (draw_sign_products, ((70,), width, 64), {})


def for_party(args, party):
    return [arg[party] if isinstance(arg, list) else arg for arg in args]


def same(mine, expected):
    return all(np.array_equal(getattr(mine, share), getattr(expected, share)) for share in "ab")


@pytest.mark.parametrize("compiled", [{0}, {1}, {2}, {0, 1, 2}])
@pytest.mark.parametrize("ahead", [False, True])
def test_compiled_protocols_send_and_leave_what_the_generators_do(ring, compiled, ahead):
    number = itertools.count(1)
    for protocol, args, (draw, drawn, options) in cases():
        local = Recording()
        per_party = [PerParty(arg) if isinstance(arg, list) else arg for arg in args]
        random = local.call(prepared(draw, *drawn, **options)) if ahead else PerParty([None] * 3)
        expected = local.call(protocol, *per_party, random)

        def program(session, i):
            random = session.call(prepared(draw, *drawn, **options)) if ahead else None  # noqa: B023
            return session.call(protocol, *for_party(args, i), random)  # noqa: B023

        channels = ring.open(next(number))
        results, costs, watched = on_mesh(channels, compiled, program)
        what = f"{protocol.__name__} {args[1:]} {drawn}"
        assert all(map(same, results, expected)), what
        assert {cost.rounds for cost in costs} == {local.cost.rounds}, what
        assert sum(cost.bytes for cost in costs) == local.cost.bytes, what
        for party, channel in enumerate(watched):
            assert channel is None or channel.heard == local.heard[party], what
        for site in ring.sites:
            site.mesh.close_session(channels[0].number)


def test_joined_and_overlapping_protocols_run_as_generators(ring):
    rng = np.random.default_rng(3)
    x = shared(rng, rng.integers(0, 2**30, (50,), np.uint64))

    def both(party, x):
        return (yield from together(rectify(party, x, 4, 40), truncate(party, x, 7, 40)))

    local = LocalSession(SEED)
    expected = local.call(both, PerParty(x))
    again = local.pipeline(rectify, [(PerParty(x), 4, 40)] * 3)

    def program(session, i):
        return session.call(both, x[i]), session.pipeline(rectify, [(x[i], 4, 40)] * 3)

    results, costs, _ = on_mesh(ring.open(1), {0, 1, 2}, program)
    for party, (joined, piped) in enumerate(results):
        assert all(map(same, joined, expected[party]))
        assert all(same(mine, theirs[party]) for mine, theirs in zip(piped, again, strict=True))
    assert {cost.rounds for cost in costs} == {local.cost.rounds}


@pytest.fixture
def started(ring):
    """Begins a compiled ReLU at party 0, which the others leave waiting; what it ended with."""

    def begin():
        channels = ring.open(1)
        outcome = []

        def run():
            session = PartySession(channels[0], (COMMON[0], COMMON[1]), PRIVATE[0])
            try:
                outcome.append(session.call(relu, Replicated(*np.zeros((2, 5), np.uint64))))
            except Exception as error:
                outcome.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return channels, thread, outcome

    return begin


def test_a_lost_party_ends_a_compiled_protocol(ring, started):
    _, thread, outcome = started()
    ring.sites[1].mesh.close()
    thread.join(timeout=10)
    (error,) = outcome
    assert isinstance(error, PartyLostError)
    assert error.party == 1


def test_a_failed_session_ends_a_compiled_protocol(started):
    channels, thread, outcome = started()
    channels[0].fail(ProtocolError("given up"))
    thread.join(timeout=10)
    assert str(outcome[0]) == "given up"


def test_a_silent_party_ends_a_compiled_protocol(new_ring):
    ring = new_ring(0.2, 0.2, 0.2)  # of which a party that is alive is given twelve
    channels = ring.open(1)
    session = PartySession(channels[0], (COMMON[0], COMMON[1]), PRIVATE[0])
    with pytest.raises(PartyTimeoutError) as caught:
        session.call(relu, Replicated(*np.zeros((2, 5), np.uint64)))
    assert caught.value.party == 1


def test_a_message_of_another_size_ends_a_compiled_protocol(ring, started):
    channels, thread, outcome = started()
    channels[1].post({0: [np.zeros(3, np.uint8)]})
    thread.join(timeout=10)
    assert isinstance(outcome[0], ProtocolError)


def test_a_program_runs_once(ring):
    generators = LocalSession(SEED)._parties[0].generators
    x, y = np.zeros((2, 3), np.uint64), np.zeros((2, 3), np.uint64)
    program = _core.rectify_program(0, generators, list(x), 4, 20, 30, None, None, y[0], y[1])
    channels = ring.open(1)
    channels[0].fail(ProtocolError("not now"))
    with pytest.raises(ProtocolError, match="not now"):
        channels[0].run(program)
    with pytest.raises(ValueError, match="has been run"):
        channels[0].run(program)
