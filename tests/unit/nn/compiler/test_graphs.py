"""Models that are no chains, and every layer by itself, private against the clear."""

import numpy as np
import pytest

from trine import nn
from trine.errors import RangeError

RNG = np.random.default_rng(6)
IMAGE = (6, 7, 4)


def normal(*shape):
    return RNG.normal(0, np.sqrt(2 / max(1, np.prod(shape[:-1]))), shape)


def chain(*layers, shape=IMAGE):
    return nn.Sequential(layers, shape, (-2.0, 2.0))


def graph(*nodes, shape=IMAGE, **options):
    return nn.Model(nodes, shape, (-2.0, 2.0), **options)


LOCAL = {
    "dilation": chain(nn.Conv2D(normal(3, 2, 4, 3), normal(3), dilation=(2, 3))),
    "groups": chain(nn.Conv2D(normal(3, 3, 2, 6), normal(6), (2, 1), "same", groups=2)),
    "depthwise": chain(nn.Conv2D(normal(3, 3, 1, 4), None, padding="same", groups=4)),
    "depthwise, two outputs each": chain(nn.Conv2D(normal(2, 3, 1, 8), normal(8), (1, 2), groups=4)),
    "depthwise, dilated": chain(nn.Conv2D(normal(2, 2, 1, 4), normal(4), dilation=(2, 2), groups=4)),
    "transposed": chain(nn.Pad((2, 2, 0), (2, 1, 0), (1, 1, 0)), nn.Conv2D(normal(3, 3, 4, 2), normal(2))),
    "dense on rows": chain(nn.Dense(normal(4, 3), normal(3))),
    "affine": chain(nn.Affine(normal(4) + 2, normal(4))),
    "affine with a shape of its own": chain(nn.Affine(normal(6, 7, 4), normal(6, 1, 1))),
    "scale": chain(nn.Scale(-0.3), nn.Conv2D(normal(2, 2, 4, 2)), nn.Scale(1 / 3)),
    "scale before relu": chain(nn.Scale(-0.3), nn.ReLU()),
    "shift at the input": chain(nn.Affine(None, normal(4)), nn.Conv2D(normal(2, 2, 4, 2), padding="same")),
    "batch norm": chain(
        nn.Conv2D(normal(3, 3, 4, 5), normal(5)), nn.batch_norm(normal(5), normal(5), normal(5), np.ones(5), 0.1)
    ),
    "batch norm before": chain(
        nn.ReLU(),
        nn.Affine(normal(4) + 3, normal(4)),
        nn.Conv2D(normal(3, 3, 4, 5), normal(5), padding="same"),
    ),
    "batch norm, pool, flatten, dense": chain(
        nn.ReLU(), nn.Affine(normal(4), normal(4)), nn.AvgPool2D((2, 2)), nn.Flatten(), nn.Dense(normal(36, 3))
    ),
    "mean at the border": chain(nn.AvgPool2D((3, 2), (2, 2), "same")),
    "mean that counts zeros": chain(nn.AvgPool2D((3, 3), (2, 2), "same", count_padding=True), nn.ReLU()),
    "mean at the border, then weights": chain(nn.AvgPool2D((2, 2), (1, 1), "same"), nn.Conv2D(normal(1, 1, 4, 2))),
    "rearranged": chain(
        nn.Permute((2, 0, 1)),
        nn.Reshape((4, 42)),
        nn.Slice((0, 2), (4, 40), (2, 3)),
        nn.Pad((0, -1), (1, 2)),
        nn.Dense(normal(14, 2)),
    ),
    "global mean": chain(nn.AvgPool2D((6, 7)), nn.Flatten(), nn.Dense(normal(4, 3))),
    "residual": graph(
        (nn.Conv2D(normal(3, 3, 4, 4), normal(4), padding="same"), [0]),
        (nn.ReLU(), [1]),
        (nn.Conv2D(normal(3, 3, 4, 4), normal(4), padding="same"), [2]),
        (nn.Add(), [3, 0]),
        (nn.ReLU(), [4]),
        (nn.AvgPool2D((6, 7)), [5]),
    ),
    "additive value taken twice": graph(
        (nn.Conv2D(normal(3, 3, 4, 4), normal(4), padding="same"), [0]),
        (nn.ReLU(), [1]),
        (nn.AvgPool2D((2, 2)), [1]),
        (nn.Flatten(), [2]),
        (nn.Flatten(), [3]),
        (nn.Concatenate(), [4, 5]),
        (nn.Dense(normal(168 + 36, 3)), [6]),
    ),
    "different gains": graph(
        (nn.AvgPool2D((3, 3), (1, 1)), [0]),
        (nn.Slice((1, 1, 0), (5, 6, 4)), [0]),
        (nn.Scale(0.7), [2]),
        (nn.Add(), [1, 3]),
        (nn.Concatenate(axis=0), [1, 4, 2]),
    ),
    "squeeze and excitation": graph(
        (nn.AvgPool2D((6, 7)), [0]),
        (nn.Dense(normal(4, 4), normal(4)), [1]),
        (nn.ReLU(), [2]),
        (nn.Multiply(), [0, 3]),
    ),
    "product of three": graph((nn.ReLU(), [0]), (nn.Multiply(), [0, 1, 0])),
    "products of matrices": graph(
        (nn.Dense(normal(4, 4)), [0]), (nn.Permute((0, 2, 1)), [1]), (nn.MatMul(), [1, 2]), shape=(2, 5, 4)
    ),
    "channels first": graph(
        (nn.Conv2D(normal(3, 3, 4, 2)), [0]), shape=(4, 6, 7), input_axes=(1, 2, 0), output_axes=(2, 0, 1)
    ),
    "one value three times": graph((nn.Add(), [0, 0, 0])),
    "embedding": nn.Sequential([nn.OneHot(7), nn.Dense(normal(7, 3)), nn.Affine(None, normal(5, 3))], (5,), (0, 6)),
}

OPENING = {
    "leaky": chain(nn.Conv2D(normal(2, 2, 4, 3)), nn.LeakyReLU(0.3)),
    "leaky, then linear": chain(nn.LeakyReLU(0.01), nn.Conv2D(normal(2, 2, 4, 3))),
    "absolute value": chain(nn.LeakyReLU(-1.0)),
    "relu6": chain(nn.Conv2D(3 * normal(2, 2, 4, 3)), nn.Clip(0, 1.5)),
    "clip": chain(nn.Clip(-0.5, 0.25)),
    "max pool": chain(nn.MaxPool2D((2, 2))),
    "max pool, overlapping": chain(
        nn.Conv2D(normal(2, 2, 4, 3), normal(3)), nn.ReLU(), nn.MaxPool2D((3, 2), (2, 1), "same")
    ),
    "max pool of negatives": chain(nn.Affine(None, np.full(1, -5.0)), nn.MaxPool2D((3, 3), (2, 2), ((1, 1), (1, 1)))),
}


def attention(length, size, heads):
    """Multi-head attention on (length, size), without a mask."""
    depth = size // heads
    split = nn.Reshape((length, heads, depth))
    return nn.Model(
        [
            *((nn.Dense(normal(size, size), normal(size)), [0]) for _ in range(3)),
            *((split, [1 + i]) for i in range(3)),
            (nn.Permute((1, 0, 2)), [4]),
            (nn.Permute((1, 2, 0)), [5]),
            (nn.Permute((1, 0, 2)), [6]),
            (nn.MatMul(), [7, 8]),
            (nn.Scale(depth**-0.5), [10]),
            (nn.Softmax(), [11]),
            (nn.MatMul(), [12, 9]),
            (nn.Permute((1, 0, 2)), [13]),
            (nn.Reshape((length, size)), [14]),
            (nn.Dense(normal(size, size), normal(size)), [15]),
            (nn.Add(), [0, 16]),
            (nn.LayerNorm(1e-5), [17]),
            (nn.Affine(normal(size) + 1, normal(size)), [18]),
            (nn.Dense(normal(size, 5)), [19]),
        ],
        (length, size),
        (-2.0, 2.0),
    )


FUNCTIONS = {
    "sigmoid": chain(nn.Dense(normal(4, 3)), nn.Sigmoid()),
    "tanh": chain(nn.Tanh(), nn.Dense(normal(4, 3))),
    "gelu": chain(nn.Dense(3 * normal(4, 3)), nn.GELU()),
    "gelu by tanh": chain(nn.Scale(0.7), nn.GELU(approximate=True)),
    "silu": chain(nn.AvgPool2D((3, 3)), nn.SiLU()),
    "elu": chain(nn.Dense(normal(4, 3)), nn.ELU()),
    "elu with alpha": chain(nn.Dense(normal(4, 3)), nn.ELU(1.6732632), nn.Scale(1.050701)),
    "softplus": chain(nn.Softplus()),
    "softmax": chain(nn.Flatten(), nn.Dense(normal(168, 10)), nn.Softmax()),
    "softmax of rows": chain(nn.Softmax()),
    "log softmax": chain(nn.Flatten(), nn.Dense(normal(168, 10)), nn.LogSoftmax()),
    "layer norm": chain(nn.LayerNorm()),
    "layer norm of seven": chain(nn.Permute((0, 2, 1)), nn.Scale(1 / 3), nn.LayerNorm(1e-3)),
    "layer norm of large numbers": chain(
        nn.Scale(300.0), nn.Affine(None, np.array([1000.0, 0, 10, -50])), nn.LayerNorm()
    ),
    "attention": attention(6, 8, 2),
}


@pytest.mark.parametrize("name", [*LOCAL, *OPENING, *FUNCTIONS])
def test_private_models_answer_as_in_the_clear(private, name):
    model = (LOCAL | OPENING | FUNCTIONS)[name]
    x = RNG.integers(0, 7, (3, 5)) if name == "embedding" else RNG.uniform(-2, 2, (3, *model.input_shape))
    result, _ = private(model, x)
    assert result.shape == (3, *model.output_shape)
    assert np.abs(result - model.predict(x)).max() < 0.002


@pytest.mark.parametrize("name", sorted(LOCAL.keys() - {"embedding"}))
def test_extreme_inputs_stay_within_the_proven_widths(private, name):
    model = LOCAL[name]
    x = RNG.choice([-2.0, 2.0], (20, *model.input_shape))
    result, _ = private(model, x)
    assert np.abs(result - model.predict(x)).max() < 0.005


SCALED = {
    "pixels of 0 to 255": nn.Sequential([nn.Scale(1 / 255), nn.Conv2D(0.1 * normal(3, 3, 4, 5))], IMAGE, (0, 255)),
    "a small factor before a mean": nn.Sequential(
        [nn.Scale(1e-4), nn.AvgPool2D((3, 3)), nn.Dense(normal(4, 3))], IMAGE, (0, 10_000)
    ),
    "a small factor before a bias": nn.Sequential([nn.Scale(1e-5), nn.Dense(normal(4, 3), normal(3))], IMAGE, (0, 1e5)),
    "products of small ones": nn.Model(
        [(nn.Scale(1e-3), [0]), (nn.Multiply(), [1, 1]), (nn.Dense(normal(4, 3)), [2])], IMAGE, (0, 1000)
    ),
    "a large factor before a shift": nn.Sequential([nn.Scale(1000.0), nn.Affine(None, np.array([0.3]))], IMAGE),
    "a large factor before a clip": nn.Sequential([nn.Scale(1000.0), nn.Clip(0.3, 0.7)], IMAGE, (0, 2e-3)),
    "a large factor at the end": nn.Sequential([nn.Scale(2.0**20)], IMAGE),
    "a large factor before weights": nn.Sequential([nn.Scale(1000.0), nn.Dense(1e-3 * normal(4, 3))], IMAGE),
}


@pytest.mark.parametrize("name", SCALED)
def test_public_factors_cost_no_precision(private, name):
    """What is as large as 1 is as precise as without the factor, however small or large that is."""
    model = SCALED[name]
    x = RNG.uniform(*model.input_range, (5, *IMAGE))
    result, _ = private(model, x)
    expected = model.predict(x)
    inputs = np.ldexp(np.rint(np.ldexp(x, 16)), -16)  # what the client's rounding alone does is not the compiler's
    rounding = np.abs(model.predict(inputs) - expected).max()
    assert np.abs(result - expected).max() < 0.0005 * max(1.0, np.abs(expected).max() / 1000) + rounding


def kinds(plan):
    return [type(step).__name__.removesuffix("Step") for step in plan.steps]


def test_a_batch_norm_costs_nothing_where_it_can_be_folded():
    assert kinds(nn.compile(LOCAL["batch norm"]).plan) == ["Conv2D"]
    assert kinds(nn.compile(LOCAL["batch norm, pool, flatten, dense"]).plan) == ["ReLU", "Pool", "Reshape", "Dense"]
    assert kinds(nn.compile(LOCAL["batch norm before"]).plan) == ["ReLU", "Shift", "Conv2D"]


def test_branches_share_rounds():
    """Two truncations side by side take the rounds of one."""
    branches = [(nn.Dense(normal(4, 4)), [0]), (nn.Dense(normal(4, 4)), [0]), (nn.Dense(normal(4, 2)), [1])]
    model = graph(*branches, (nn.Dense(normal(4, 2)), [2]), (nn.Add(), [3, 4]), shape=(4,))
    plan = nn.compile(model).plan
    assert kinds(plan).count("Truncate") == 2
    assert plan.cost().rounds == 2


def test_what_two_layers_need_is_truncated_once():
    nodes = [
        (nn.Dense(normal(4, 4)), [0]),
        (nn.Dense(normal(4, 2)), [1]),
        (nn.Dense(normal(4, 2)), [1]),
        (nn.Add(), [2, 3]),
    ]
    assert kinds(nn.compile(graph(*nodes, shape=(4,))).plan).count("Truncate") == 1


def deep(layers):
    size = 16
    weights = [nn.Dense(RNG.normal(0, np.sqrt(2 / size), (size, size))) for _ in range(layers)]
    return nn.Sequential([part for dense in weights for part in (dense, nn.ReLU())], (size,), (-1.0, 1.0))


def test_a_calibrated_model_is_narrower_and_answers_the_same(private):
    model = deep(4)
    x = RNG.uniform(-1, 1, (200, 16))
    calibrated = nn.calibrate(model, x)
    assert np.array_equal(calibrated.predict(x), model.predict(x))
    proven, narrow = nn.compile(model).plan, nn.compile(calibrated).plan
    assert narrow.cost().bytes < proven.cost().bytes
    result, _ = private(calibrated, x[:20])
    assert np.abs(result - model.predict(x[:20])).max() < 0.002


def test_a_model_too_deep_to_prove_says_how_to_go_on(private):
    model = deep(30)
    with pytest.raises(RangeError, match=r"layer \d+, Dense.*calibrate"):
        nn.compile(model)
    x = RNG.uniform(-1, 1, (100, 16))
    result, _ = private(nn.calibrate(model, x), x[:5])
    assert np.abs(result - model.predict(x[:5])).max() < 0.01


def test_calibration_survives_a_file(tmp_path):
    model = nn.calibrate(LOCAL["residual"], RNG.uniform(-2, 2, (20, *IMAGE)))
    model.save(tmp_path / "model.npz")
    assert nn.Model.load(tmp_path / "model.npz").ranges == model.ranges
