import numpy as np
import pytest

from trine.errors import InputError, RangeError
from trine.mpc import LocalSession, PerParty
from trine.nn import plan as plan_module
from trine.nn.compiler import compile
from trine.nn.infer import infer, pack_weights, prepare
from trine.nn.layers import AvgPool2D, Conv2D, Dense, Flatten, ReLU
from trine.nn.model import Sequential

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.normal(0, np.sqrt(2 / max(1, np.prod(shape[:-1]))), shape)


IMAGE = (9, 8, 2)
MODELS = {
    "linear": ([Flatten(), Dense(normal(144, 5), normal(5))], IMAGE),
    "two linear layers": ([Flatten(), Dense(normal(144, 20)), Dense(normal(20, 5), normal(5))], IMAGE),
    "mlp": ([Flatten(), Dense(normal(144, 20), normal(20)), ReLU(), Dense(normal(20, 5))], IMAGE),
    "ends in relu": ([Flatten(), Dense(normal(144, 20), normal(20)), ReLU()], IMAGE),
    "relu first": ([ReLU(), Flatten(), Dense(normal(144, 5))], IMAGE),
    "relu twice": ([Flatten(), Dense(normal(144, 5)), ReLU(), ReLU()], IMAGE),
    "relu before pool": (
        [Conv2D(normal(3, 3, 2, 4)), ReLU(), AvgPool2D((2, 2)), Flatten(), Dense(normal(36, 5))],
        IMAGE,
    ),
    "pool before relu": (
        [Conv2D(normal(3, 3, 2, 4)), AvgPool2D((2, 2)), ReLU(), Flatten(), Dense(normal(36, 5))],
        IMAGE,
    ),
    "pool of three": ([Conv2D(normal(2, 3, 2, 4)), AvgPool2D((3, 2)), ReLU(), Conv2D(normal(1, 1, 4, 3))], IMAGE),
    "pool at the end": ([Conv2D(normal(3, 3, 2, 4)), AvgPool2D((3, 3), (2, 1))], IMAGE),
    "bias before pools": (
        [
            Conv2D(normal(3, 3, 2, 4), normal(4)),
            AvgPool2D((3, 2)),
            AvgPool2D((2, 1)),
            ReLU(),
            Conv2D(normal(1, 2, 4, 3), normal(3)),
        ],
        IMAGE,
    ),
    "pool first": ([AvgPool2D((3, 2)), Conv2D(normal(2, 2, 2, 3)), ReLU(), AvgPool2D((2, 3))], IMAGE),
    "same padding, strides": ([Conv2D(normal(3, 2, 2, 4), normal(4), (2, 3), "same"), ReLU()], IMAGE),
    "nothing to share": ([AvgPool2D((2, 2)), Flatten()], IMAGE),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch", [1, 5])
def test_private_models_answer_as_in_the_clear(private, name, batch):
    model = Sequential(*MODELS[name], input_range=(-1.0, 2.0))
    x = RNG.uniform(-1, 2, (batch, *IMAGE))
    result, _ = private(model, x)
    assert result.shape == (batch, *model.output_shape)
    assert np.abs(result - model.predict(x)).max() < 0.002


def test_extreme_inputs_stay_within_the_proven_widths(private):
    """Inputs at the corners of their range drive every width to its bound; 30 random sign patterns."""
    model = Sequential(*MODELS["pool before relu"], input_range=(-1.0, 2.0))
    x = RNG.choice([-1.0, 2.0], (30, *IMAGE))
    result, _ = private(model, x)
    assert np.abs(result - model.predict(x)).max() < 0.002


def test_widths_are_as_narrow_as_the_bounds_allow(private):
    """One weight of 1 and inputs in 0..1: products in 0..2^32, so 34 signed bits with the truncation's margin."""
    _, plan = private(Sequential([Dense([[1.0]]), ReLU()], (1,)), np.array([[0.5]]))
    (rectify,) = [step for step in plan.steps if hasattr(step, "shift")]
    assert (rectify.shift, rectify.width) == (16, 34)
    assert plan.output_width == 18


def test_fewer_fractional_bits_cost_less(private):
    model = Sequential(*MODELS["mlp"])
    x = RNG.uniform(0, 1, (2, *IMAGE))
    fine, plan = private(model, x)
    coarse, small = private(model, x, fraction=8)
    assert small.cost().bytes < plan.cost().bytes
    assert np.abs(fine - model.predict(x)).max() < np.abs(coarse - model.predict(x)).max() < 0.1


@pytest.mark.parametrize(
    ("layers", "input_range", "complaint"),
    [
        ([Dense(np.eye(4) * 1e9)], (0, 1e5), "layer 0"),
        ([Dense(np.eye(4) * 1e6), ReLU(), Dense(np.eye(4) * 1e6, name="last")], (0, 1), "layer 2, Dense 'last'"),
        ([Dense(np.eye(4), np.full(4, 1e12))], (0, 1), "layer 0.*bias"),
        ([Dense(np.eye(4) * 1e16)], (0, 1), "layer 0.*weights"),
        ([ReLU()], (-1e15, 0), "input"),
    ],
)
def test_values_that_cannot_be_proven_to_fit_name_the_layer(layers, input_range, complaint):
    with pytest.raises(RangeError, match=complaint):
        compile(Sequential(layers, (4,), input_range))


def test_a_compiled_model_does_not_print_its_weights():
    compiled = compile(Sequential([Dense([[0.1234]])], (1,)))
    assert repr(compiled) == "CompiledModel(1 secret tensors, 1 steps)"
    assert "1234" not in compiled.plan.to_json()


def test_batches_in_parts_give_what_they_give_at_once(private, monkeypatch):
    model = Sequential(*MODELS["bias before pools"], input_range=(-1.0, 2.0))
    x = RNG.uniform(-1, 2, (7, *IMAGE))
    whole, plan = private(model, x)
    assert plan.chunks(7) == [7]
    monkeypatch.setattr(plan_module, "CHUNK_ELEMENTS", 40)
    in_parts, plan = private(model, x)
    sizes = plan.chunks(7)
    assert len(sizes) > 2
    assert sum(sizes) == 7
    assert plan.cost(7).rounds == -(-len(sizes) // 2) * plan.cost(1).rounds
    assert np.abs(in_parts - whole).max() < 0.0002  # truncation is off by one unit now and then


@pytest.mark.parametrize("name", ["two linear layers", "mlp", "relu first", "relu twice", "bias before pools"])
def test_prepared_randomness_is_dealt_ahead_and_the_answer_is_the_same(spread, name):
    model = Sequential(*MODELS[name], input_range=(-1.0, 2.0))
    compiled = compile(model)
    plan, session = compiled.plan, LocalSession()
    x = RNG.uniform(-1, 2, (3, *IMAGE))
    prepared = prepare(session, plan, 3)
    ahead = session.cost
    assert ahead.rounds == 2
    weights = PerParty(pack_weights(plan, held) for held in spread(compiled.tensors))
    inputs = PerParty(held[0] for held in spread([plan.encode_input(x)]))
    result = plan.combine(infer(session, plan, weights, inputs, prepared))
    assert np.abs(result - model.predict(x)).max() < 0.002
    assert session.cost.rounds - ahead.rounds == plan.cost(3).rounds
    assert session.cost.bytes == plan.cost(3).bytes
    assert ahead.bytes > 0
    with pytest.raises(InputError, match="one use"):
        infer(session, plan, weights, inputs, prepared)
