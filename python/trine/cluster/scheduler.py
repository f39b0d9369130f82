"""Puts queries into one order for all three parties and computes them, one after the other; idle, it prepares the next.

Everything here happens on the party's event loop, save the computation itself, which has a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trine.cluster.messages import Abort, Hold, Message, Prepare, Query, Refuse, Run, encode
from trine.cluster.models import Models, SharedModel
from trine.cluster.preparation import Preparation
from trine.cluster.wire import PartyCost
from trine.errors import (
    BusyError,
    InputError,
    PartyLostError,
    PartyTimeoutError,
    ProtocolError,
    TrineError,
    UnknownModelError,
)
from trine.mpc import PartySession, Replicated
from trine.net import PARTIES
from trine.net.mesh import Mesh
from trine.net.session import MeshChannel
from trine.nn.infer import Prepared, infer, prepare

__all__ = ["Answer", "Scheduler"]

log = logging.getLogger(__name__)

# Party 0 gives out the order.
LEADER = 0
# Queries that may be computed or wait for it, and elements of inputs that may be held for them.
MAX_QUERIES = 64
MAX_ELEMENTS = 1 << 26
# Nothing to do for so long is an idle moment, in which the next query's randomness is made.
IDLE_SECONDS = 0.005


@dataclass(frozen=True)
class Answer:
    """This party's part of the outputs, and what it cost."""

    part: bytes
    cost: PartyCost


@dataclass(repr=False)
class _Waiting:
    """A query whose share is here; its HTTP request waits for the answer."""

    query: Query
    x: Replicated
    answer: asyncio.Future[Answer]
    announced: bool = False

    def fail(self, error: TrineError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass
class _Job:
    waiting: _Waiting
    model: SharedModel
    channel: MeshChannel
    preparation: Preparation | None


@dataclass
class _Claims:
    """What party 0 has heard of one query: the parties that hold a share of it."""

    expiry: asyncio.TimerHandle
    queries: dict[int, Query] = field(default_factory=dict)


class Scheduler:
    """One party's part in keeping all three in step.

    Args:
        mesh: this party's links.
        models: this party's models.
        timeout: seconds in which all three shares of a query must have come.
        loop: the party's event loop; every method here is called in its thread.
    """

    def __init__(self, mesh: Mesh, models: Models, timeout: float, loop: asyncio.AbstractEventLoop) -> None:
        self._party = mesh.party
        self._mesh = mesh
        self._models = models
        self._timeout = timeout
        self._loop = loop
        self._waiting: dict[str, _Waiting] = {}
        self._claims: dict[str, _Claims] = {}
        self._elements = 0
        self._unfinished = 0
        self._idle: asyncio.TimerHandle | None = None
        # Not after a party was lost, until a query has shown that all three are in step again.
        self._may_prepare = True
        # What to compute, and what to be told of the outcome.
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Callable[[Any], None]]] = queue.SimpleQueue()
        threading.Thread(target=self._compute_all, name="computing", daemon=True).start()

    async def answer(self, query: Query, x: Replicated) -> Answer:
        """Hold this party's share of a query's input until the computation is announced, and compute.

        Raises:
            BusyError: too many queries are waiting here.
            InputError: a query of this name is already waiting.
            TrineError: what all three parties' clients are told: why there is no answer.
        """
        if query.id in self._waiting:
            raise InputError("a query of this name is already being answered")
        if len(self._waiting) == MAX_QUERIES or self._elements + x.a.size > MAX_ELEMENTS:
            raise BusyError(f"party {self._party} has too many queries waiting")
        waiting = _Waiting(query, x, self._loop.create_future())
        self._waiting[query.id] = waiting
        self._elements += x.a.size
        # Party 0 refuses a query that stays incomplete; this is for the case that it does not even do that.
        expiry = self._loop.call_later(2 * self._timeout, self._expire_waiting, waiting)
        try:
            if self._party == LEADER:
                self._claim(LEADER, query)
            else:
                self._mesh.send_control(LEADER, encode(Hold(query), self._party))
            return await waiting.answer
        finally:
            expiry.cancel()
            del self._waiting[query.id]
            self._elements -= x.a.size

    def on_message(self, sender: int, message: Message) -> None:
        """Take in what another party says."""
        if isinstance(message, Abort):
            self._mesh.fail_session(message.session, message.error)
            for model in self._models.all():
                if model.stock.take(message.session):
                    self._mesh.close_session(message.session)
        elif isinstance(message, Hold) and self._party == LEADER:
            self._claim(sender, message.query)
        elif isinstance(message, Run) and sender == LEADER:
            self._run(message.query, message.session)
        elif isinstance(message, Prepare) and sender == LEADER:
            self._prepare(message)
        elif isinstance(message, Refuse) and sender == LEADER:
            self._refused(message.query, message.error)
        else:
            log.warning("party %d sent a message that only another party may send: %s", sender, message.kind)

    def on_lost(self, peer: int, error: TrineError) -> None:
        """Take in that a peer's links broke: what has not begun cannot, and what has fails by its channel."""
        self._may_prepare = False
        for model in self._models.all():
            for number in model.stock.drain():
                self._mesh.close_session(number)
                self._abort(number, error)
        if self._party == LEADER:
            for query in list(self._claims):
                self._refuse(query, error)
        elif peer == LEADER:
            for waiting in list(self._waiting.values()):
                if not waiting.announced:
                    waiting.fail(error)

    def serve(self, model: SharedModel, num_requests: int | None) -> None:
        """Answer queries to a model from now on, so many at most, and make ready for the first."""
        model.serve(num_requests)
        self._when_idle(model.name, model.share, 1)

    def stop(self, model: SharedModel) -> None:
        """Forget a model, its shares and what has been prepared for it."""
        self._models.remove(model.name, model.share)
        stopped = UnknownModelError(f"the model {model.name!r} has been stopped")
        for number in model.stock.drain():
            # It may still be in the making, which would wait for messages that a closed session throws away.
            self._mesh.fail_session(number, stopped)
            self._mesh.close_session(number)

    # -- party 0: which query, and in which order --------------------------------------------------------------------

    def _claim(self, holder: int, query: Query) -> None:
        claims = self._claims.get(query.id)
        if claims is None:
            expiry = self._loop.call_later(self._timeout, self._expire_claims, query.id)
            claims = self._claims[query.id] = _Claims(expiry)
        claims.queries[holder] = query
        if missing := self._mesh.missing():
            self._refuse(query.id, PartyLostError(missing[0], f"party {missing[0]} is not connected"))
        elif len(self._claims) > PARTIES * MAX_QUERIES:
            self._refuse(query.id, BusyError("too many queries are waiting"))
        elif len(claims.queries) == PARTIES:
            self._decide(query, claims)

    def _decide(self, query: Query, claims: _Claims) -> None:
        try:
            if any(other != query for other in claims.queries.values()):
                raise ProtocolError("the three parties were sent different queries under one name")
            if self._unfinished >= MAX_QUERIES:
                raise BusyError("too many queries are waiting")
            model = self._models.get(query.model, query.share)
            model.check_open()
        except TrineError as error:
            self._refuse(query.id, error)
            return
        claims.expiry.cancel()
        del self._claims[query.id]
        ready = model.stock.find(query.batch) if self._may_prepare else None
        number = ready or self._mesh.new_session()
        self._tell_others(Run(query, number))
        self._run(query, number)

    def _refuse(self, query: str, error: TrineError) -> None:
        self._claims.pop(query).expiry.cancel()
        self._tell_others(Refuse(query, error))
        self._refused(query, error)

    def _expire_claims(self, query: str) -> None:
        absent = next(party for party in range(PARTIES) if party not in self._claims[query].queries)
        self._refuse(
            query,
            PartyTimeoutError(absent, f"party {absent} did not get its share of the query in {self._timeout:g} s"),
        )

    def _when_idle(self, model: str, share: str, batch: int) -> None:
        if self._party == LEADER:
            if self._idle is not None:
                self._idle.cancel()
            self._idle = self._loop.call_later(IDLE_SECONDS, self._announce_preparation, model, share, batch)

    def _announce_preparation(self, name: str, share: str, batch: int) -> None:
        """Have the randomness of one more query made, if there is nothing better to do and it will be needed."""
        self._idle = None
        try:
            model = self._models.get(name, share)
            model.check_open()
        except TrineError:
            return
        busy = not self._may_prepare or self._unfinished or self._claims or self._mesh.missing()
        if busy or not model.stock.wants(batch) or len(model.plan.chunks(batch)) > 1:
            return
        message = Prepare(name, share, batch, self._mesh.new_session())
        self._tell_others(message)
        self._prepare(message)

    # -- every party: do as party 0 says -----------------------------------------------------------------------------

    def _run(self, query: Query, number: int) -> None:
        channel = None
        try:
            model = self._models.get(query.model, query.share)
            preparation = model.stock.take(number)
            channel = preparation.channel if preparation else self._mesh.open(number)
            waiting = self._waiting.get(query.id)
            if waiting is None or waiting.query != query:
                raise ProtocolError(f"party {self._party} does not hold the query that was announced")
            waiting.announced = True
            model.admit()
        except TrineError as error:
            if channel is not None:
                self._mesh.close_session(number)
            self._abort(number, error)
            self._refused(query.id, error)
            return
        job = _Job(waiting, model, channel, preparation)
        self._start(lambda: _compute(job), lambda outcome: self._computed(job, outcome))

    def _prepare(self, message: Prepare) -> None:
        try:
            model = self._models.get(message.model, message.share)
            channel = self._mesh.open(message.session)
        except TrineError as error:
            self._abort(message.session, error)
            return
        session = PartySession(channel, channel.keys.common, channel.keys.private)
        preparation = Preparation(message.batch, channel, session)
        model.stock.add(preparation)
        self._start(lambda: _make(model, preparation), lambda outcome: self._prepared(model, preparation, outcome))

    def _start(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        self._unfinished += 1
        self._jobs.put((work, done))
        self._mesh.wake()

    def _refused(self, query: str, error: TrineError) -> None:
        if waiting := self._waiting.get(query):
            waiting.fail(error)

    def _expire_waiting(self, waiting: _Waiting) -> None:
        if not waiting.announced:
            waiting.fail(PartyTimeoutError(LEADER, f"party {LEADER} did not announce the query"))

    def _abort(self, number: int, error: TrineError) -> None:
        log.warning("session %d failed: %s: %s", number, type(error).__name__, error)
        self._tell_others(Abort(number, error))

    def _tell_others(self, message: Message) -> None:
        payload = encode(message, self._party)
        for peer in range(PARTIES):
            if peer != self._party:
                # Whoever cannot be told learns by the loss of the link.
                with contextlib.suppress(PartyLostError):
                    self._mesh.send_control(peer, payload)

    # -- the computing thread ----------------------------------------------------------------------------------------

    def _compute_all(self) -> None:
        while True:
            while self._jobs.empty() and self._mesh.rest():
                pass
            work, done = self._jobs.get()
            try:
                outcome = work()
            except TrineError as error:
                outcome = error
            except Exception as error:
                log.exception("computing failed")
                outcome = TrineError(f"party {self._party} failed inside: {type(error).__name__}; its log says more")
            self._loop.call_soon_threadsafe(done, outcome)

    def _computed(self, job: _Job, outcome: Answer | TrineError) -> None:
        self._unfinished -= 1
        job.model.finished += 1
        self._mesh.close_session(job.channel.number)
        query = job.waiting.query
        if isinstance(outcome, TrineError):
            self._abort(job.channel.number, outcome)
            job.waiting.fail(outcome)
        else:
            self._may_prepare = True
            if not job.waiting.answer.done():
                job.waiting.answer.set_result(outcome)
        self._when_idle(query.model, query.share, query.batch)

    def _prepared(self, model: SharedModel, preparation: Preparation, outcome: Prepared | TrineError) -> None:
        self._unfinished -= 1
        number = preparation.channel.number
        if isinstance(outcome, TrineError):
            if model.stock.take(number):
                self._mesh.close_session(number)
            self._abort(number, outcome)
        else:
            self._when_idle(model.name, model.share, preparation.batch)


def _compute(job: _Job) -> Answer:
    start = time.perf_counter()
    if job.preparation is None:
        session, random = PartySession(job.channel, job.channel.keys.common, job.channel.keys.private), None
    else:
        session, random = job.preparation.session, job.preparation.random
        if random is None:
            raise ProtocolError("the query was announced for a session whose preparation has failed")
    before = session.cost
    with job.channel.attending():
        part = infer(session, job.model.plan, job.model.weights, job.waiting.x, random)
    job.channel.finish()
    rounds = session.cost.rounds - before.rounds
    cost = PartyCost(rounds, session.cost.bytes, time.perf_counter() - start)
    return Answer(np.ascontiguousarray(part, "<u8").tobytes(), cost)


def _make(model: SharedModel, preparation: Preparation) -> Prepared:
    with preparation.channel.attending():
        made: Prepared = prepare(preparation.session, model.plan, preparation.batch)
    preparation.random = made
    return made
