import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import DtypeError, NotFiniteError, ProtocolError, RangeError, ShapeError
from trine.nn.compiler import compile
from trine.nn.layers import AvgPool2D, Conv2D, Dense, Flatten, ReLU
from trine.nn.model import Sequential
from trine.nn.plan import Plan

MODEL = Sequential(
    [Conv2D(np.ones((3, 3, 1, 2)), np.zeros(2)), AvgPool2D((2, 2)), ReLU(), Flatten(), Dense(np.ones((8, 3)))],
    (6, 6, 1),
)
PLAN = compile(MODEL).plan


def test_json_there_and_back():
    text = PLAN.to_json()
    assert Plan.from_json(text) == PLAN
    assert Plan.from_json(text.encode()).to_json() == text


def test_what_a_plan_tells():
    assert PLAN.tensors == [(3, 3, 1, 2), (2,), (8, 3)]
    assert PLAN.cost(3).rounds == PLAN.cost(1).rounds
    assert PLAN.output_shape == (3,)


def edited(**changes):
    return json.dumps(json.loads(PLAN.to_json()) | changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '"plan"',
        "\x00\xff",
        edited(version=1),
        edited(output_shape=[4]),
        edited(output_width=65),
        edited(output_width=0),
        edited(fraction=40),
        edited(input_range=[1, 0]),
        edited(output_gain=float("nan")),
        edited(surplus=1),
        edited(steps=[{"step": "reveal"}]),
        edited(steps=[{"step": "dense", "inputs": [0], "weights": [36, -3], "bias": False}]),
        edited(steps=[{"step": "dense", "inputs": [0], "weights": "many", "bias": False}]),
        edited(steps=[{"step": "truncate", "inputs": [0], "shift": 1.5, "width": 30, "out_width": 3}]),
        edited(steps=[{"step": "truncate", "inputs": [0], "shift": 40, "width": 30, "out_width": 3}]),
        edited(steps=[{"step": "pool", "inputs": [0], "window": [0, 0], "stride": [1, 1]}]),
        edited(steps=[{"step": "pool", "inputs": [0], "window": [1, 1], "stride": [0, 1]}]),
        edited(steps=[{"step": "pool", "inputs": [0], "window": [2, 2], "stride": [2, 2], "bias": 1}]),
        edited(steps=[{"step": "dense", "inputs": [0], "weights": [36, 3], "bias": False}] * 2),
        edited(steps=[{"step": "sum", "inputs": [1]}]),
        edited(steps=[{"step": "sum", "inputs": []}]),
        edited(steps=[{"step": "add", "inputs": [0, 0], "shifts": [0, 64]}]),
        edited(steps=[{"step": "function", "inputs": [0], "function": "open", "width": 20, "fraction": 16}]),
        edited(input_axes=[0, 1, 1]),
        edited(output_axes=[1]),
        edited(tokens=-1),
        edited(input_shape=[6, 6]),
        edited(input_shape="abc"),
        "[" * 100_000,
    ],
)
def test_garbage_is_no_plan(text):
    with pytest.raises(ProtocolError, match="plan"):
        Plan.from_json(text)


@given(st.data())
def test_damaged_plans_are_refused_or_whole(data):
    text = bytearray(PLAN.to_json().encode())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        plan = Plan.from_json(bytes(text))
    except ProtocolError:
        return
    assert Plan.from_json(plan.to_json()) == plan


def test_inputs_and_outputs():
    assert PLAN.encode_input(np.zeros((6, 6, 1))).shape == (1, 6, 6, 1)
    assert PLAN.encode_input(np.ones((4, 6, 6, 1)))[0, 0, 0, 0] == 1 << PLAN.fraction
    outputs = np.array([[1.5, -2.25, 0.0]])
    units = np.ldexp(outputs, PLAN.output_fraction).astype(np.int64).view(np.uint64)
    masks = np.random.default_rng(0).integers(0, 2**64, (2, 1, 3), dtype=np.uint64)
    kept = np.uint64((1 << PLAN.output_width) - 1)
    assert np.array_equal(
        PLAN.combine([masks[0] & kept, masks[1] & kept, (units - masks[0] - masks[1]) & kept]), outputs
    )


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (np.zeros((6, 6)), ShapeError),
        (np.zeros((0, 6, 6, 1)), ShapeError),
        (np.zeros((2, 6, 5, 1)), ShapeError),
        (np.zeros(()), ShapeError),
        (np.full((6, 6, 1), 255), RangeError),
        (np.full((6, 6, 1), -0.01), RangeError),
        (np.full((6, 6, 1), np.nan), NotFiniteError),
        (np.full((6, 6, 1), np.inf), NotFiniteError),
        (np.full((6, 6, 1), "7"), DtypeError),
        ([[1], [2, 3]], DtypeError),
    ],
)
def test_unusable_inputs(x, error):
    with pytest.raises(error):
        PLAN.encode_input(x)
