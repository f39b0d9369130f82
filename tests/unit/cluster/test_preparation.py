"""Randomness made ahead: bounded, used once, thrown away; on the pretended mesh of the scheduler's tests."""

import asyncio
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from trine.cluster import preparation as preparation_module
from trine.cluster import scheduler as scheduler_module
from trine.cluster.messages import Prepare, Query, decode
from trine.cluster.models import Models, SharedModel
from trine.cluster.preparation import Preparation, Stock
from trine.cluster.scheduler import Answer, Scheduler
from trine.cluster.wire import PartyCost, new_identifier
from trine.errors import PartyLostError, ProtocolError, UnknownModelError
from trine.mpc import Replicated

SHARE = "ab" * 16
WAIT = 10.0


def prepared(number, batch=1, made=True):
    return Preparation(batch, SimpleNamespace(number=number, finish=lambda: None), None, [] if made else None)


def test_a_stock_is_bounded_and_gives_everything_once():
    stock = Stock()
    for number in range(preparation_module.SAME_BATCH):
        assert stock.wants(1)
        stock.add(prepared(number))
    assert not stock.wants(1)
    assert stock.wants(2)
    assert stock.find(2) is None
    assert stock.find(1) == 0
    assert stock.take(0).channel.number == 0
    assert stock.take(0) is None
    assert stock.find(1) == 1
    assert stock.drain() == [1, 2, 3]
    assert stock.find(1) is None


def test_all_batch_sizes_together_are_bounded_too():
    stock = Stock()
    for number in range(preparation_module.ALL_BATCHES):
        assert stock.wants(number + 1)
        stock.add(prepared(number, batch=number + 1))
    assert not stock.wants(20)


def test_large_batches_are_few():
    stock = Stock()
    assert not stock.wants(preparation_module.INPUTS + 1)
    stock.add(prepared(1, batch=preparation_module.INPUTS - 1))
    assert stock.wants(1)
    assert not stock.wants(2)


def test_a_preparation_whose_session_has_failed_is_not_given_out():
    def broken():
        raise PartyLostError(2, "it has gone")

    stock = Stock()
    failed = prepared(1)
    failed.channel.finish = broken
    stock.add(failed)
    stock.add(prepared(2))
    assert stock.find(1) == 2
    stock.take(2)
    assert stock.find(1) is None


def test_what_is_not_made_yet_is_not_given_out():
    stock = Stock()
    stock.add(prepared(1, made=False))
    assert stock.find(1) is None
    assert stock.take(1).random is None


class Mesh:
    def __init__(self, trio, party):
        self.trio, self.party = trio, party
        self.sent = []
        self.open_sessions = set()
        self.last = 0

    def rest(self):
        return False

    def wake(self):
        pass

    def missing(self):
        return []

    def send_control(self, peer, payload):
        message = decode(payload)
        self.sent.append(message)
        self.trio.loop.call_soon(self.trio.schedulers[peer].on_message, self.party, message)

    def new_session(self):
        return self.last + 1

    def open(self, number):
        if number <= self.last:
            raise ProtocolError(f"session {number} was announced after session {self.last}")
        self.last = number
        self.open_sessions.add(number)
        keys = SimpleNamespace(common=(bytes(16), bytes(16)), private=bytes(16))
        return SimpleNamespace(party=self.party, number=number, keys=keys, finish=lambda: None)

    def fail_session(self, number, error):
        pass

    def close_session(self, number):
        self.open_sessions.discard(number)


class Trio:
    """Three parties that serve the model "digits", whose batches of more than 8 would be computed in parts."""

    def __init__(self, num_requests=None):
        self.loop = asyncio.get_running_loop()
        self.meshes = [Mesh(self, party) for party in range(3)]
        self.models = [Models() for _ in range(3)]
        plan = SimpleNamespace(chunks=lambda batch: [batch] if batch <= 8 else [8, batch - 8])
        for models in self.models:
            models.add(SharedModel("digits", SHARE, plan, []))
        self.schedulers = [
            Scheduler(mesh, models, WAIT, self.loop) for mesh, models in zip(self.meshes, self.models, strict=True)
        ]
        for scheduler, models in zip(self.schedulers, self.models, strict=True):
            scheduler.serve(models.get("digits"), num_requests)

    async def ask(self, batch=1):
        x = Replicated(np.zeros(1, np.uint64), np.zeros(1, np.uint64))
        query = Query(new_identifier(), "digits", SHARE, batch)
        asked = [scheduler.answer(query, x) for scheduler in self.schedulers]
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), WAIT)

    def sessions(self, party, batch=1):
        stock = self.models[party].get("digits").stock
        return [number for number, kept in stock._kept.items() if kept.batch == batch and kept.random is not None]

    async def until(self, condition):
        deadline = self.loop.time() + WAIT
        while not condition():
            assert self.loop.time() < deadline
            await asyncio.sleep(0.002)

    async def full(self, batch=1):
        await self.until(
            lambda: all(len(self.sessions(party, batch)) == preparation_module.SAME_BATCH for party in range(3))
        )


@pytest.fixture(autouse=True)
def used(monkeypatch):
    """For every query that party 0 computed, its session, and whether its randomness was ready."""
    seen = []

    def compute(job):
        if job.channel.party == 0:
            seen.append((job.channel.number, job.preparation is not None and job.preparation.random is not None))
        return Answer(b"", PartyCost(1, 2, 3.0))

    def make(model, preparation):
        assert threading.current_thread().name == "computing"
        preparation.random = []
        return preparation.random

    monkeypatch.setattr(scheduler_module, "_compute", compute)
    monkeypatch.setattr(scheduler_module, "_make", make)
    monkeypatch.setattr(scheduler_module, "IDLE_SECONDS", 0.001)
    return seen


def run(scenario):
    asyncio.run(scenario())


def test_served_models_are_made_ready_for_and_every_preparation_serves_one_query(used):
    async def scenario():
        trio = Trio()
        await trio.full()
        first = trio.sessions(0)
        assert trio.sessions(1) == trio.sessions(2) == first
        for _ in range(3):
            assert all(isinstance(answer, Answer) for answer in await trio.ask())
        await trio.full()
        assert used == [(number, True) for number in first[:3]]
        assert not set(first[:3]) & set(trio.sessions(0))
        for mesh in trio.meshes:
            assert mesh.open_sessions == set(trio.sessions(0))

    run(scenario)


def test_a_burst_goes_on_without_preparations(used):
    async def scenario():
        trio = Trio()
        await trio.full()
        await asyncio.gather(*[trio.ask() for _ in range(10)])
        assert len({number for number, _ in used}) == 10
        assert sum(ready for _, ready in used) >= preparation_module.SAME_BATCH

    run(scenario)


def test_batches_that_are_computed_in_parts_are_not_prepared(used):
    async def scenario():
        trio = Trio()
        await trio.full()
        await trio.ask(batch=9)
        await trio.ask(batch=3)
        await trio.full(batch=3)
        assert not trio.sessions(0, 9)
        assert [ready for _, ready in used] == [False, False]

    run(scenario)


def test_nothing_is_prepared_beyond_the_last_request():
    async def scenario():
        trio = Trio(num_requests=1)
        await trio.full()
        await trio.ask()
        made = sum(isinstance(message, Prepare) for message in trio.meshes[0].sent)
        await asyncio.sleep(0.05)
        assert sum(isinstance(message, Prepare) for message in trio.meshes[0].sent) == made

    run(scenario)


def test_stopping_a_model_drains_its_stock():
    async def scenario():
        trio = Trio()
        await trio.full()
        for scheduler, models in zip(trio.schedulers, trio.models, strict=True):
            scheduler.stop(models.get("digits"))
        assert all(not mesh.open_sessions for mesh in trio.meshes)
        await asyncio.sleep(0.02)
        assert all(not mesh.open_sessions for mesh in trio.meshes)
        assert all(isinstance(answer, UnknownModelError) for answer in await trio.ask())

    run(scenario)


def test_a_lost_party_makes_all_parties_forget_what_was_prepared(used):
    async def scenario():
        trio = Trio()
        await trio.full()
        old = set(trio.sessions(0))
        trio.schedulers[1].on_lost(2, PartyLostError(2, "it has gone"))
        await trio.until(lambda: not any(old & mesh.open_sessions for mesh in trio.meshes))
        assert all(isinstance(answer, Answer) for answer in await trio.ask())
        assert used[0][0] not in old

    run(scenario)


def test_a_preparation_that_fails_at_one_party_is_dropped_by_all(monkeypatch, used):
    working = scheduler_module._make
    failed = []

    def make(model, preparation):
        if preparation.channel.party == 2 and not failed:
            failed.append(preparation.channel.number)
            raise ProtocolError("no")
        return working(model, preparation)

    monkeypatch.setattr(scheduler_module, "_make", make)

    async def scenario():
        trio = Trio()
        await trio.full()
        assert all(failed[0] not in trio.sessions(party) for party in range(3))
        assert all(failed[0] not in mesh.open_sessions for mesh in trio.meshes)
        assert all(isinstance(answer, Answer) for answer in await trio.ask())

    run(scenario)
