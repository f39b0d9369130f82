"""Names and counters of the models that one party has a share of."""

import numpy as np
import pytest

from trine.cluster.models import Models, SharedModel
from trine.errors import InputError, NotServingError, RequestLimitError, UnknownModelError
from trine.nn import Dense, Sequential
from trine.nn.compiler import compile

PLAN = compile(Sequential([Dense(np.eye(2))], input_shape=(2,))).plan


def shared(name="digits", share="ab" * 16):
    return SharedModel(name, share, PLAN, [])


def test_models_are_kept_by_name():
    models = Models()
    first, second = shared("b"), shared("a")
    models.add(first)
    models.add(second)
    assert models.names() == ["a", "b"]
    assert models.get("b") is first
    assert models.get("b", first.share) is first
    models.remove("b")
    assert models.names() == ["a"]


def test_a_name_is_taken_once():
    models = Models()
    models.add(shared())
    with pytest.raises(InputError, match="'digits' is already shared here"):
        models.add(shared(share="cd" * 16))


def test_unknown_models():
    models = Models()
    models.add(shared())
    with pytest.raises(UnknownModelError, match=r"'letters'.*'digits'"):
        models.get("letters")
    with pytest.raises(UnknownModelError, match="shared anew"):
        models.get("digits", "cd" * 16)
    with pytest.raises(UnknownModelError):
        models.remove("digits", "cd" * 16)
    assert models.names() == ["digits"]


def test_requests_are_counted():
    model = shared()
    with pytest.raises(NotServingError, match="not being served"):
        model.admit()
    model.serve(2)
    model.admit()
    model.admit()
    with pytest.raises(RequestLimitError, match="the 2 requests"):
        model.admit()
    assert (model.admitted, model.status().admitted, model.status().num_requests) == (2, 2, 2)
    model.serve(None)
    for _ in range(10):
        model.admit()
    assert model.admitted == 10


def test_status_tells_the_plan_and_repr_tells_nothing():
    status = shared().status()
    assert status.plan == PLAN.to_json()
    assert (status.share, status.serving, status.num_requests) == ("ab" * 16, False, None)
    assert repr(shared()) == "SharedModel('digits')"
