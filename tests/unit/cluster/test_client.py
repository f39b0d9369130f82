"""What a client makes of parties that do not agree, or answer nonsense."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from trine.cluster import client as client_module
from trine.cluster.client import Client
from trine.cluster.http import Response
from trine.cluster.wire import COST_HEADER, ModelStatus, PartyCost
from trine.errors import ProtocolError, UnknownModelError
from trine.nn import Dense, Sequential
from trine.nn.compiler import compile

PLAN = compile(Sequential([Dense(np.eye(2))], input_shape=(2,))).plan
STATUS = ModelStatus("ab" * 16, PLAN.to_json(), True, None, 0, 0)
COST = {COST_HEADER: PartyCost(1, 2, 3.0).to_header()}


class Parties:
    """Three parties that answer what the test says."""

    def __init__(self):
        self.names = ["digits"]
        self.statuses = 3 * [STATUS]
        self.parts = [np.array([[part, 0]], "<u8").tobytes() for part in (1 << 31, 1 << 30, 1 << 30)]
        self.headers = 3 * [COST]
        self.closed = False

    def __call__(self, file, role):
        assert role == "client"
        return self

    def call(self, party, method, path):
        return Response(party, {}, json.dumps({"models": self.names}).encode())

    def call_all(self, method, path, bodies=None):
        if method == "GET":
            return [Response(i, {}, json.dumps(status.to_json()).encode()) for i, status in enumerate(self.statuses)]
        assert path.endswith(f"?share={'ab' * 16}&batch=1")
        return [Response(i, *answer) for i, answer in enumerate(zip(self.headers, self.parts, strict=True))]

    def close(self):
        self.closed = True


@pytest.fixture
def parties(monkeypatch):
    parties = Parties()
    monkeypatch.setattr(client_module, "Parties", parties)
    return parties


def connect(model="digits"):
    return Client(SimpleNamespace(), model)


def test_the_parts_are_put_together(parties):
    with connect() as client:
        assert repr(client) == "Client(model='digits', input_shape=(2,), output_shape=(2,))"
        outputs, report = client.query([0, 0], report=True)
        assert outputs.tolist() == [1.0, 0.0]  # 2^32 in units of 2^-32
        assert (report.rounds, report.mesh_bytes, report.computing_seconds) == (1, 6, 3.0)
        assert client.query([[0, 0]]).tolist() == [[1.0, 0.0]]
    assert parties.closed


@pytest.mark.parametrize("change", [{"share": "cd" * 16}, {"plan": "{}"}])
@pytest.mark.parametrize("party", [0, 1, 2])
def test_parties_that_hold_different_models(parties, party, change):
    parties.statuses[party] = ModelStatus(**{**STATUS.to_json(), **change})
    with pytest.raises(ProtocolError, match="do not hold the same model 'digits'"):
        connect()
    assert parties.closed


def test_a_plan_that_is_none(parties):
    parties.statuses = 3 * [ModelStatus(**{**STATUS.to_json(), "plan": "{}"})]
    with pytest.raises(ProtocolError, match="not a plan"):
        connect()


@pytest.mark.parametrize("size", [0, 15, 17, 1000])
def test_parts_of_a_wrong_size(parties, size):
    parties.parts[1] = bytes(size)
    with pytest.raises(ProtocolError, match=f"party 1 sent {size} bytes"):
        connect().query([0, 0])


def test_an_answer_without_its_cost(parties):
    parties.headers[2] = {}
    assert connect().query([0, 0]).tolist() == [1.0, 0.0]
    with pytest.raises(ProtocolError, match="without its cost"):
        connect().query([0, 0], report=True)


def test_the_only_model_need_not_be_named(parties):
    assert connect(None).model == "digits"


@pytest.mark.parametrize("names", [[], ["a", "b"], None])
def test_which_model(parties, names):
    parties.names = names
    with pytest.raises(UnknownModelError, match="say which model"):
        connect(None)
