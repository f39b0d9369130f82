"""Bodies and errors: what is written is read, and anything else is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine import errors
from trine.cluster.wire import (
    ModelStatus,
    PartyCost,
    check_model_name,
    error_from_json,
    error_to_json,
    is_identifier,
    new_identifier,
    pack_model,
    status_code,
    unpack_model,
)
from trine.errors import InputError, PartyLostError, PartyTimeoutError, ProtocolError, TrineError

STATUS = ModelStatus("ab" * 16, "{}", True, 3, 2, 1)

TREE = sorted((getattr(errors, name) for name in errors.__all__), key=lambda kind: kind.__name__)


def make(kind):
    return kind(2, "text") if issubclass(kind, (PartyLostError, PartyTimeoutError)) else kind("text")


@pytest.mark.parametrize("kind", TREE)
def test_errors_cross_the_wire(kind):
    error = error_from_json(json.loads(json.dumps(error_to_json(make(kind), 1))))
    assert type(error) is kind
    assert str(error) == "text"
    assert getattr(error, "party", 2) == 2


def test_the_answering_party_is_named_unless_another_is_to_blame():
    assert error_to_json(InputError("x"), 1) == {"error": "InputError", "message": "x", "party": 1}
    assert error_to_json(PartyLostError(2, "x"), 1)["party"] == 2


@pytest.mark.parametrize(
    "content",
    [
        None,
        "HTTP status 500",
        {},
        {"error": "InputError", "message": "x"},
        {"error": "InputError", "message": "x", "party": "?"},
    ],
)
def test_strange_errors_become_protocol_errors(content):
    assert isinstance(error_from_json(content), ProtocolError)


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "annotations", "SystemExit", "NoSuchError", []])
def test_only_errors_of_the_tree_are_made(name):
    assert type(error_from_json({"error": name, "message": "x", "party": 1})) is TrineError


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("AccessDeniedError", 403),
        ("UnknownModelError", 404),
        ("NotServingError", 409),
        ("RequestLimitError", 429),
        ("BusyError", 503),
        ("PartyLostError", 503),
        ("PartyTimeoutError", 503),
        ("ShapeError", 400),
        ("InputError", 400),
        ("ProtocolError", 400),
        ("ClusterError", 500),
        ("TrineError", 500),
    ],
)
def test_status_codes(name, code):
    assert status_code(make(getattr(errors, name))) == code


@given(st.text(), st.binary())
def test_models_cross_the_wire(plan, payload):
    assert unpack_model(pack_model(plan, payload)) == (plan, payload)


@pytest.mark.parametrize("body", [b"", b"\x01\0\0", b"\x05\0\0\0abcd", b"\x01\0\0\0\xff", b"\xff\xff\xff\xff"])
def test_what_is_no_model(body):
    with pytest.raises(ProtocolError, match="not a shared model"):
        unpack_model(body)


def test_status_crosses_the_wire():
    for status in (STATUS, ModelStatus("ab" * 16, "{}", False, None, 0, 0)):
        assert ModelStatus.from_json(json.loads(json.dumps(status.to_json()))) == status


@pytest.mark.parametrize(
    "change",
    [{"admitted": "2"}, {"admitted": True}, {"admitted": 2.0}, {"serving": 1}, {"plan": None}, {"more": 1}],
)
def test_what_is_no_status(change):
    with pytest.raises(ProtocolError, match="ModelStatus"):
        ModelStatus.from_json({**STATUS.to_json(), **change})


@pytest.mark.parametrize("content", [None, [], "x", {}])
def test_what_is_no_status_at_all(content):
    with pytest.raises(ProtocolError, match="expected ModelStatus"):
        ModelStatus.from_json(content)


@pytest.mark.parametrize(
    ("limit", "finished", "used_up"), [(None, 10, False), (3, 2, False), (3, 3, True), (3, 4, True)]
)
def test_used_up(limit, finished, used_up):
    assert ModelStatus("", "", True, limit, finished, finished).used_up is used_up


def test_costs_cross_the_wire():
    cost = PartyCost(18, 78912, 0.0131)
    assert PartyCost.from_header(cost.to_header()) == cost


@pytest.mark.parametrize("header", [None, "", "{}", "x", '{"rounds": 1, "bytes": 2, "seconds": "3"}'])
def test_what_is_no_cost(header):
    with pytest.raises(ProtocolError):
        PartyCost.from_header(header)


def test_identifiers():
    names = {new_identifier() for _ in range(100)}
    assert len(names) == 100
    assert all(map(is_identifier, names))
    assert not any(map(is_identifier, ["", "a" * 31, "a" * 33, "g" * 32, "A" * 32, None, 1, "a" * 32 + "\n"]))


@pytest.mark.parametrize("name", ["a", "0", "seed-cnn_2.1", "x" * 64])
def test_model_names(name):
    assert check_model_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "-a", "a/b", "a b", "ä", "x" * 65, "a\n", "a?b", None, 3])
def test_bad_model_names(name):
    with pytest.raises(InputError, match="a model's name has"):
        check_model_name(name)
