"""Three schedulers on one event loop, over a mesh and a computation that are only pretended."""

import asyncio
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from trine.cluster import scheduler as scheduler_module
from trine.cluster.messages import Abort, Hold, Query, Refuse, Run, decode
from trine.cluster.models import Models, SharedModel
from trine.cluster.scheduler import Answer, Scheduler
from trine.cluster.wire import PartyCost, new_identifier
from trine.errors import (
    BusyError,
    InputError,
    NotServingError,
    PartyLostError,
    PartyTimeoutError,
    ProtocolError,
    RequestLimitError,
    TrineError,
    UnknownModelError,
)
from trine.mpc import Replicated

SHARE = "ab" * 16
COST = PartyCost(1, 2, 3.0)
WAIT = 10.0


@dataclass
class Session:
    """One session as all three parties see it; a party gets through it when all three compute."""

    computing: set[int] = field(default_factory=set)
    failed: dict[int, TrineError] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, party):
        with self.changed:
            self.computing.add(party)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: len(self.computing) == 3 or party in self.failed, WAIT)
            if party in self.failed:
                raise self.failed[party]


@dataclass
class Channel:
    party: int
    number: int
    session: Session


class Mesh:
    def __init__(self, trio, party):
        self.trio, self.party = trio, party
        self.gone = []

    def rest(self):
        return False

    def wake(self):
        pass

    def missing(self):
        return self.gone

    def send_control(self, peer, payload):
        if peer in self.gone:
            raise PartyLostError(peer, f"party {peer} is not connected")
        self.trio.loop.call_soon(self.trio.schedulers[peer].on_message, self.party, decode(payload))

    def new_session(self):
        return len(self.trio.sessions) + 1

    def open(self, number):
        return Channel(self.party, number, self.trio.sessions.setdefault(number, Session()))

    def fail_session(self, number, error):
        session = self.trio.sessions.setdefault(number, Session())
        with session.changed:
            session.failed.setdefault(self.party, error)
            session.changed.notify_all()

    def close_session(self, number):
        assert number in self.trio.sessions


class Trio:
    """Three parties that serve the model "digits"."""

    def __init__(self, timeout=WAIT, num_requests=None):
        self.loop = asyncio.get_running_loop()
        self.sessions = {}
        self.meshes = [Mesh(self, party) for party in range(3)]
        self.models = [Models() for _ in range(3)]
        for models in self.models:
            models.add(SharedModel("digits", SHARE, None, [], serving=True, num_requests=num_requests))
        self.schedulers = [
            Scheduler(mesh, models, timeout, self.loop) for mesh, models in zip(self.meshes, self.models, strict=True)
        ]

    async def ask(self, *queries, parties=(0, 1, 2)):
        """What the parties answer to a query, or to a query each."""
        x = Replicated(np.zeros(1, np.uint64), np.zeros(1, np.uint64))
        asked = [self.schedulers[party].answer(queries[party % len(queries)], x) for party in parties]
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), WAIT)


def query(**change):
    return Query(**{"id": new_identifier(), "model": "digits", "share": SHARE, "batch": 1, **change})


@pytest.fixture(autouse=True)
def computed(monkeypatch):
    """Sessions in the order in which party 0 computed them; nothing is prepared, as nobody is idle for so long."""
    order = []
    monkeypatch.setattr(scheduler_module, "IDLE_SECONDS", WAIT)

    def compute(job):
        job.channel.session.wait(job.channel.party)
        if job.channel.party == 0:
            order.append(job.channel.number)
        return Answer(b"%d" % job.channel.number, COST)

    monkeypatch.setattr(scheduler_module, "_compute", compute)
    return order


def run(scenario):
    asyncio.run(scenario())


def assert_all(answers, kind, text, party=None):
    for answer in answers:
        assert type(answer) is kind, answer
        assert text in str(answer)
        assert party is None or answer.party == party


def test_one_query():
    async def scenario():
        trio = Trio()
        assert await trio.ask(query()) == 3 * [Answer(b"1", COST)]
        for models in trio.models:
            assert (models.get("digits").admitted, models.get("digits").finished) == (1, 1)

    run(scenario)


def test_many_queries_get_their_own_answers_in_one_order(computed):
    async def scenario():
        trio = Trio()
        asked = [
            asyncio.create_task(trio.ask(query(), parties=order)) for order in 5 * [(0, 1, 2), (2, 0, 1), (1, 2, 0)]
        ]
        answers = [await task for task in asked]
        for answer in answers:
            assert len({part.part for part in answer}) == 1
        assert len({answer[0].part for answer in answers}) == len(answers)

    run(scenario)
    assert computed == sorted(computed)


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_a_share_that_does_not_come(absent):
    async def scenario():
        trio = Trio(timeout=0.05)
        answers = await trio.ask(query(), parties=[party for party in range(3) if party != absent])
        assert_all(answers, PartyTimeoutError, "did not get its share", absent)
        assert all(models.get("digits").admitted == 0 for models in trio.models)
        assert not trio.schedulers[0]._claims

    run(scenario)


def test_a_share_that_comes_too_late():
    async def scenario():
        trio = Trio(timeout=0.05)
        late = query()
        await trio.ask(late, parties=(0, 1))
        assert_all(await trio.ask(late, parties=(2,)), PartyTimeoutError, "did not get its share", 0)

    run(scenario)


@pytest.mark.parametrize("change", [{"batch": 2}, {"share": "cd" * 16}, {"model": "letters"}])
def test_parties_that_were_sent_different_queries(change):
    async def scenario():
        first = query()
        second = Query(**{**vars(first), **change})
        assert_all(await Trio().ask(first, second), ProtocolError, "different queries under one name")

    run(scenario)


def test_the_request_limit_is_the_same_everywhere():
    async def scenario():
        trio = Trio(num_requests=2)
        for _ in range(2):
            assert isinstance((await trio.ask(query()))[0], Answer)
        assert_all(await trio.ask(query()), RequestLimitError, "the 2 requests")
        assert [models.get("digits").admitted for models in trio.models] == [2, 2, 2]

    run(scenario)


def test_more_queries_at_once_than_are_allowed():
    async def scenario():
        trio = Trio(num_requests=2)
        answers = await asyncio.gather(*[trio.ask(query()) for _ in range(5)])
        kinds = [{type(part) for part in answer} for answer in answers]
        assert kinds.count({Answer}) == 2
        assert kinds.count({RequestLimitError}) == 3

    run(scenario)


@pytest.mark.parametrize("party", [0, 1, 2])
def test_a_party_that_has_no_such_model(party):
    async def scenario():
        trio = Trio()
        trio.models[party].remove("digits")
        assert_all(await trio.ask(query()), UnknownModelError, "no model named 'digits'")
        assert isinstance((await Trio().ask(query()))[0], Answer)

    run(scenario)


def test_a_party_that_does_not_serve():
    async def scenario():
        trio = Trio()
        trio.models[2].get("digits").serving = False
        assert_all(await trio.ask(query()), NotServingError, "is not being served")

    run(scenario)


def test_a_party_that_is_not_linked():
    async def scenario():
        trio = Trio()
        trio.meshes[0].gone = [2]
        assert_all(await trio.ask(query(), parties=(0, 1)), PartyLostError, "party 2 is not connected", 2)

    run(scenario)


def test_party_0_is_not_linked():
    async def scenario():
        trio = Trio()
        trio.meshes[1].gone = [0]
        assert_all(await trio.ask(query(), parties=(1,)), PartyLostError, "party 0 is not connected", 0)

    run(scenario)


@pytest.mark.parametrize("gone", [1, 2])
def test_a_party_is_lost_while_shares_come_in(gone):
    async def scenario():
        trio = Trio()
        asked = asyncio.create_task(trio.ask(query(), parties=[p for p in range(3) if p != gone]))
        await asyncio.sleep(0.01)
        trio.schedulers[0].on_lost(gone, PartyLostError(gone, "it has gone"))
        assert_all(await asked, PartyLostError, "it has gone", gone)

    run(scenario)


def test_party_0_is_lost_while_shares_come_in():
    async def scenario():
        trio = Trio()
        asked = asyncio.create_task(trio.ask(query(), parties=(1, 2)))
        await asyncio.sleep(0.01)
        for party in (1, 2):
            trio.schedulers[party].on_lost(0, PartyLostError(0, "it has gone"))
        assert_all(await asked, PartyLostError, "it has gone", 0)

    run(scenario)


def test_party_0_stays_silent():
    async def scenario():
        trio = Trio(timeout=0.03)
        trio.schedulers[0].on_message = lambda sender, message: None
        assert_all(await trio.ask(query(), parties=(1, 2)), PartyTimeoutError, "did not announce", 0)

    run(scenario)


def test_a_failure_inside_one_party_reaches_all(monkeypatch, caplog):
    computing = scheduler_module._compute

    def compute(job):
        if job.channel.party == 1:
            raise ZeroDivisionError("a secret")
        return computing(job)

    monkeypatch.setattr(scheduler_module, "_compute", compute)

    async def scenario():
        trio = Trio()
        answers = await trio.ask(query())
        assert_all(answers, TrineError, "party 1 failed inside: ZeroDivisionError")
        assert not any("secret" in str(answer) for answer in answers)

    run(scenario)
    assert "computing failed" in caplog.text


def test_one_name_twice():
    async def scenario():
        trio = Trio()
        twice = query()
        answers = await trio.ask(twice, parties=(1, 1, 0, 2))
        assert [type(answer) for answer in answers] == [Answer, InputError, Answer, Answer]

    run(scenario)


def test_too_much_is_waiting(monkeypatch):
    async def scenario():
        monkeypatch.setattr(scheduler_module, "MAX_QUERIES", 2)
        trio = Trio(timeout=0.05)
        answers = await asyncio.gather(*[trio.ask(query(), parties=(1,)) for _ in range(3)])
        assert [type(answer) for (answer,) in answers] == [PartyTimeoutError, PartyTimeoutError, BusyError]
        monkeypatch.setattr(scheduler_module, "MAX_ELEMENTS", 0)
        assert_all(await trio.ask(query(), parties=(1,)), BusyError, "party 1 has too many queries waiting")

    run(scenario)


def test_too_much_is_computing(monkeypatch):
    async def scenario():
        trio = Trio()
        monkeypatch.setattr(trio.schedulers[0], "_unfinished", scheduler_module.MAX_QUERIES)
        assert_all(await trio.ask(query()), BusyError, "too many queries are waiting")

    run(scenario)


def test_too_many_claims(monkeypatch):
    async def scenario():
        trio = Trio(timeout=0.05)
        monkeypatch.setattr(scheduler_module, "MAX_QUERIES", 1)
        for _ in range(3):
            trio.schedulers[0].on_message(1, Hold(query()))
        assert_all(await trio.ask(query(), parties=(2,)), BusyError, "too many")

    run(scenario)


@pytest.mark.parametrize("message", [Run(query(), 1), Refuse("ab" * 16, InputError("x"))])
def test_only_party_0_gives_orders(message, caplog):
    async def scenario():
        trio = Trio()
        trio.schedulers[1].on_message(2, message)
        assert not trio.sessions

    run(scenario)
    assert "only another party may send" in caplog.text


def test_an_announcement_of_something_unknown_is_aborted():
    async def scenario():
        trio = Trio()
        trio.schedulers[1].on_message(0, Run(query(), 1))
        await asyncio.sleep(0.01)
        for party in (0, 2):
            assert "does not hold the query" in str(trio.sessions[1].failed[party])

    run(scenario)


def test_a_session_that_cannot_be_opened(monkeypatch):
    def refuse(number):
        raise PartyLostError(2, "party 2 is not connected")

    async def scenario():
        trio = Trio()
        monkeypatch.setattr(trio.meshes[1], "open", refuse)
        assert_all(await trio.ask(query()), PartyLostError, "party 2 is not connected", 2)

    run(scenario)


def test_an_abort_fails_the_session():
    async def scenario():
        trio = Trio()
        trio.schedulers[2].on_message(1, Abort(5, PartyLostError(0, "gone")))
        assert trio.sessions[5].failed[2].party == 0

    run(scenario)
