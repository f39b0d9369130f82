import json

import numpy as np
import pytest

from trine.errors import ProtocolError, RangeError
from trine.mpc import LocalSession, PerParty
from trine.nn import ArgMax, Dense, InputRanges, ReLU, Sequential, Trees, compile, infer
from trine.nn.infer import prepare
from trine.nn.plan import Plan
from trine.nn.steps import LeavesStep

RNG = np.random.default_rng(8)
DEPTHS = (2, 3, 3, 1, 1, 2, 2, 1, 1)  # trees of 3, 2 and 1 tests
NODES, LEAVES = 6, 9


def trees(outputs=3, spread=1.0, features=4):
    return Trees(
        RNG.integers(0, features, NODES),
        spread * RNG.uniform(-1, 1, NODES),
        RNG.normal(0, 5, (LEAVES, outputs)),
        DEPTHS,
        RNG.normal(size=outputs),
    )


@pytest.mark.parametrize("batch", [1, 70])
def test_trees_answer_as_in_the_clear(private, batch):
    model = Sequential([trees()], (4,), (-1, 1))
    x = RNG.uniform(-1, 1, (batch, 4))
    result, plan = private(model, x)
    assert np.abs(result - model.predict(x)).max() < (3 + 1) * 2.0**-25 + 1e-12
    assert plan.cost(batch).rounds == 3 + 3 + 2  # numbers of 19 bits, paths of 3 edges


def test_equals_go_left_and_the_next_number_right(private):
    layer = Trees([0], [0.5], [[1.0], [2.0]], (1, 1))
    x = np.array([[0.5 - 2.0**-16], [0.5], [0.5 + 2.0**-16]])
    result, _ = private(Sequential([layer], (1,)), x)
    assert np.array_equal(result, [[1], [1], [2]])


def test_thresholds_beyond_what_inputs_can_be_change_nothing_and_are_not_seen(private):
    far = Trees([0, 1], [-1e30, 1e30], [[1.0], [2.0], [4.0], [8.0]], (1, 1, 1, 1))
    near = Trees([0, 1], [0.5, 0.5], [[1.0], [2.0], [4.0], [8.0]], (1, 1, 1, 1))
    x = np.array([[0.0, 1.0], [1.0, 0.0]])
    result, plan = private(Sequential([far], (2,)), x)
    assert np.array_equal(result, [[6], [6]])
    assert plan == compile(Sequential([near], (2,))).plan


def test_trees_between_other_layers(private):
    model = Sequential([Dense(RNG.normal(size=(5, 4))), trees(), Dense(RNG.normal(size=(3, 2))), ReLU()], (5,), (-1, 1))
    x = RNG.uniform(-1, 1, (200, 5))
    result, _ = private(model, x)
    apart = np.abs(model.values(x)[1][:, model.layers[1].features.astype(int)] - model.layers[1].thresholds)
    sure = (apart > 1e-3).all(axis=1)
    assert sure.mean() > 0.9
    assert np.abs(result - model.predict(x))[sure].max() < 1e-2


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_argmax_of_what_a_product_leaves_and_of_other_values(private, columns):
    product = Sequential([Dense(RNG.normal(size=(6, columns))), ArgMax()], (6,), (-1, 1))
    rectified = Sequential([Dense(RNG.normal(size=(6, columns))), ReLU(), ArgMax()], (6,), (-1, 1))
    x = RNG.uniform(-1, 1, (100, 6))
    for model in (product, rectified):
        result, plan = private(model, x)
        assert plan.output_width <= 4
        assert (result == model.predict(x)).mean() > 0.98


def test_a_client_brings_each_value_from_its_range(private):
    ranges = InputRanges([0, -1000, 1e-6, 7], [1e-3, 1000, 2e-6, 7], 4.0)
    model = Sequential([ranges, Dense(np.eye(4))], (4,), (-1000, 1000))
    x = RNG.uniform(ranges.low, ranges.high, (20, 4))
    result, plan = private(model, x)
    assert np.abs(result - model.predict(x)).max() < 2.0**-15
    with pytest.raises(RangeError, match=r"value 2 of an input lies outside \[1e-06, 2e-06\]"):
        plan.encode_input([0, 0, 3e-6, 7])
    with pytest.raises(RangeError, match="value 3"):
        plan.encode_input([0, 0, 1e-6, 7.5])


def test_a_preparation_serves_trees():
    model = Sequential([trees(), ArgMax()], (4,), (-1, 1))
    compiled, session = compile(model), LocalSession()
    shares = [session.share(t.view(np.int64), bound=2.0**62) for t in compiled.tensors]
    weights = PerParty([share._value[party] for share in shares] for party in range(3))
    x = RNG.uniform(-1, 1, (9, 4))
    given = session.share(compiled.plan.encode_input(x).view(np.int64), bound=2.0**62)._value
    prepared = prepare(session, compiled.plan, 9)
    before = session.cost
    parts = infer(session, compiled.plan, weights, given, prepared)
    assert np.array_equal(compiled.plan.combine(parts), model.predict(x))
    assert session.cost.bytes - before.bytes < compiled.plan.cost(9).bytes


@pytest.mark.parametrize(
    "change",
    [
        {"depths": [1, 2]},
        {"depths": [1, -1]},
        {"depths": [1, 1, 1, 1]},
        {"depths": "1"},
        {"width": 65},
        {"out_width": 0},
    ],
)
def test_hostile_leaves(change):
    plan = compile(Sequential([Trees([0], [0.5], [[1.0], [2.0]], (1, 1))], (1,))).plan
    entry = json.loads(plan.to_json())
    assert Plan.from_json(json.dumps(entry)) == plan
    (leaves,) = (step for step in entry["steps"] if step["step"] == "leaves")
    leaves |= change
    with pytest.raises(ProtocolError):
        Plan.from_json(json.dumps(entry))


@pytest.mark.parametrize(
    "change",
    [
        {"input_low": [0.0]},
        {"input_low": [0.0, "1"]},
        {"input_high": [1.0, float("inf")]},
        {"input_high": [-1.0, 1.0]},
        {"input_size": 0.0},
        {"input_size": 1e9},
    ],
)
def test_hostile_ranges(change):
    plan = compile(Sequential([InputRanges([0, 0], [1, 1]), Dense(np.eye(2))], (2,))).plan
    with pytest.raises(ProtocolError):
        Plan.from_json(json.dumps(json.loads(plan.to_json()) | change))


def test_the_shapes_of_complete_trees_tell_their_depth_alone():
    one, other = (compile(Sequential([trees().completed()], (4,), (-1, 1))).plan for _ in range(2))
    (leaves,) = (step for step in one.steps if isinstance(step, LeavesStep))
    assert leaves.depths == (3,) * 24
    assert one.steps[:2] == other.steps[:2]
