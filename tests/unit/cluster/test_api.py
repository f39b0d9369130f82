"""The routes of one party, called as an ASGI application; with real parties they are tested end to end."""

import asyncio
import json
from types import SimpleNamespace

import numpy as np
import pytest

from trine.cluster.api import build_app
from trine.cluster.models import Models
from trine.cluster.scheduler import Answer
from trine.cluster.server import ROLE
from trine.cluster.wire import COST_HEADER, PartyCost, pack_model
from trine.errors import BusyError, PartyLostError
from trine.mpc import deal
from trine.nn import Dense, Sequential
from trine.nn.compiler import compile

SHARE = "ab" * 16
COMPILED = compile(Sequential([Dense(np.eye(2))], input_shape=(2,)))
QUERY = f"/v1/models/digits/queries/{'cd' * 16}?share={SHARE}&batch=1"


class Scheduler:
    """Answers as the test says."""

    outcome = Answer(b"part", PartyCost(1, 2, 3.0))
    asked = None

    def __init__(self, models):
        self.models = models

    def serve(self, model, num_requests):
        model.serve(num_requests)

    def stop(self, model):
        self.models.remove(model.name, model.share)

    async def answer(self, query, x):
        self.asked = query, x
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Party:
    """Party 1, which serves the model "digits"."""

    def __init__(self):
        models = Models()
        self.scheduler = Scheduler(models)
        self.app = build_app(SimpleNamespace(party=1, missing=lambda: [2]), models, self.scheduler)
        body = pack_model(COMPILED.plan.to_json(), deal(COMPILED.tensors)[1])
        assert self.ask("PUT", f"/v1/models/digits?share={SHARE}", body, role="owner")[0] == 201
        assert self.ask("POST", "/v1/models/digits/serve", b'{"num_requests": 5}', role="owner")[0] == 204

    def ask(self, method, path, *chunks, role="client", vanish=False):
        """Status, headers and body of the answer to a request whose body comes in these chunks."""
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [],
            "root_path": "",
            ROLE: role,
        }
        coming = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        coming.append({"type": "http.disconnect"} if vanish else {"type": "http.request", "body": b""})
        self.sent = sent = []

        async def receive():
            return coming.pop(0)

        async def send(message):
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        self.unread = coming
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def party():
    return Party()


def test_a_query(party):
    payload = deal([COMPILED.plan.encode_input([1.0, 0.5])])[1]
    status, headers, body = party.ask("POST", QUERY, payload[:5], payload[5:])
    assert (status, headers["content-type"], body) == (200, "application/octet-stream", b"part")
    assert PartyCost.from_header(headers[COST_HEADER]) == party.scheduler.outcome.cost
    query, x = party.scheduler.asked
    assert (query.model, query.share, query.batch) == ("digits", SHARE, 1)
    assert x.shape == (1, 2)


@pytest.mark.parametrize(
    ("error", "status", "answer"),
    [
        (BusyError("later"), 503, {"error": "BusyError", "message": "later", "party": 1}),
        (PartyLostError(2, "gone"), 503, {"error": "PartyLostError", "message": "gone", "party": 2}),
    ],
)
def test_errors_are_json(party, error, status, answer):
    party.scheduler.outcome = error
    code, headers, body = party.ask("POST", QUERY, bytes(32))
    assert (code, json.loads(body)) == (status, answer)
    assert ("retry-after" in headers) == isinstance(error, BusyError)


def test_a_bug_is_no_leak(party):
    party.scheduler.outcome = ZeroDivisionError("a secret")
    with pytest.raises(ZeroDivisionError):  # for the server's log
        party.ask("POST", QUERY, bytes(32))
    start, answer = party.sent
    assert start["status"] == 500
    message = "party 1 failed inside; its log says more"
    assert json.loads(answer["body"]) == {"error": "TrineError", "message": message, "party": 1}


def test_a_body_that_is_too_large_is_not_read_to_its_end(party):
    chunks = 10 * [bytes(40)]
    status, _, body = party.ask("POST", QUERY, *chunks)
    assert status == 400
    assert "more than the 48 bytes" in json.loads(body)["message"]
    assert len(party.unread) == 10 - 2 + 1


def test_a_client_that_vanishes(party):
    status, _, body = party.ask("POST", QUERY, bytes(10), vanish=True)
    assert status == 400
    assert "went away" in json.loads(body)["message"]
    assert party.scheduler.asked is None


def test_health(party):
    status, _, body = party.ask("GET", "/healthz", role="party-0")
    assert (status, json.loads(body)["party"], json.loads(body)["missing"]) == (200, 1, [2])
