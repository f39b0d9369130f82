"""The same network in Keras, in PyTorch and in ONNX becomes the same model, node for node, and the same plan."""

import inspect
import io
import os

import numpy as np
import pytest

from trine.nn import compile, from_keras, from_onnx, from_torch

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="needs pip install 'trine[keras]'", exc_type=ImportError)
onnx = pytest.importorskip("onnx", reason="needs pip install 'trine[onnx]'", exc_type=ImportError)
torch = pytest.importorskip("torch", reason="needs pip install 'trine[torch]'", exc_type=ImportError)
layers, nn = keras.layers, torch.nn

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:.*:torch.jit.TracerWarning"),
]


def exported(module, shape, dynamic, **more):
    buffer = io.BytesIO()
    options = {"dynamic_axes": {"x": {0: "batch"}}} if dynamic else {}
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:  # not in PyTorch 2.3
        options["dynamo"] = False
    torch.onnx.export(
        module.eval(), (torch.zeros(1, *shape),), buffer, opset_version=17, input_names=["x"],
        **({"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE} | options | more),
    )  # fmt: skip
    return onnx.load_model_from_string(buffer.getvalue())


def assert_same_models(one, two):
    shown = [[f"{type(n.layer).__name__}{n.inputs}{s}" for n, s in zip(m.nodes, m.shapes[1:], strict=True)]
             for m in (one, two)]  # fmt: skip
    assert shown[0] == shown[1]
    for left, right in zip(one.layers, two.layers, strict=True):
        for name, value in vars(left).items():
            other = getattr(right, name)
            if isinstance(value, np.ndarray):
                assert value.shape == other.shape
                np.testing.assert_allclose(value, other, rtol=1e-6, atol=1e-6)
            elif isinstance(value, float):
                assert other == pytest.approx(value, rel=1e-6)
            elif name != "name":
                assert value == other


def assert_agreement(theirs, module, shape, last_shape, plans=True):
    """``shape`` is PyTorch's, ``last_shape`` Keras's."""
    models = [
        from_keras(theirs),
        from_torch(module, shape),
        from_onnx(exported(module, shape, False)),
        from_onnx(exported(module, shape, True)),
    ]
    assert models[0].input_shape == last_shape
    for model in models[1:]:
        assert model.input_shape == shape
        assert_same_models(models[0], model)
    x = np.random.default_rng(0).uniform(size=(2, *last_shape)).astype(np.float32)
    moved = np.moveaxis(x, -1, 1) if shape != last_shape else x
    expected = keras.ops.convert_to_numpy(theirs(x, training=False))
    for model in models[1:]:
        np.testing.assert_allclose(model.predict(moved), expected, rtol=1e-5, atol=1e-5)
    if plans:
        first, *others = (compile(model).plan.steps for model in models)
        for steps in others:
            assert [repr(step) for step in steps] == [repr(step) for step in first]


def random_weights(module):
    generator = torch.Generator().manual_seed(0)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(noise.abs() + 0.5 if "running_var" in name else 0.2 * noise)
    return module


def copied(theirs, arrays):
    """Keras's layers of these names with PyTorch's numbers."""
    for name, values in arrays.items():
        theirs.get_layer(name).set_weights([np.asarray(value) for value in values])
    return theirs


def numbers(layer):
    """A layer's weights as Keras has them."""
    weight = layer.weight.detach().numpy()
    if isinstance(layer, (nn.Conv1d, nn.Conv2d)):
        weight = np.moveaxis(weight, (0, 1), (-1, -2))
        if layer.groups > 1:
            weight = np.swapaxes(weight, -1, -2)  # depthwise
    elif isinstance(layer, nn.ConvTranspose2d):
        weight = weight.transpose(2, 3, 1, 0)
    elif isinstance(layer, nn.Linear):
        weight = weight.T
    arrays = [weight] + ([] if layer.bias is None else [layer.bias.detach().numpy()])
    if isinstance(layer, (nn.BatchNorm2d, nn.BatchNorm1d)):
        arrays += [layer.running_mean.numpy(), layer.running_var.numpy()]
    return arrays


def rows_of_images(layer, channels, height, width):
    """A dense layer's weights after Keras's Flatten, which has channels last."""
    weight, bias = numbers(layer)
    return [weight.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(weight.shape), bias]


def test_lenet():
    module = random_weights(nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2),
        nn.Dropout(0.5), nn.Flatten(), nn.Linear(400, 20), nn.Tanh(), nn.Linear(20, 10), nn.Softmax(-1),
    ))  # fmt: skip
    theirs = keras.Sequential([
        keras.Input((28, 28, 1)), layers.Conv2D(6, 5, padding="same", activation="relu", name="a"),
        layers.MaxPooling2D(), layers.Conv2D(16, 5, activation="relu", name="b"), layers.AveragePooling2D(2),
        layers.Dropout(0.5), layers.Flatten(), layers.Dense(20, activation="tanh", name="c"),
        layers.Dense(10, activation="softmax", name="d"),
    ])  # fmt: skip
    copied(theirs, {"a": numbers(module[0]), "b": numbers(module[3]), "c": rows_of_images(module[8], 16, 5, 5),
                    "d": numbers(module[10])})  # fmt: skip
    assert_agreement(theirs, module, (1, 28, 28), (28, 28, 1))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8, eps=1e-3)
        self.c, self.d = nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 8, 1, bias=False)
        self.e, self.f = nn.BatchNorm2d(8, eps=1e-3), nn.Linear(8, 5)
        self.g = nn.ConvTranspose2d(8, 8, 2, 2)

    def forward(self, x):
        x = torch.relu(self.b(self.a(x)))
        y = self.e(self.d(self.c(x)))
        x = torch.cat([self.g(torch.relu(x + y)), self.g(y)], 1).mean((2, 3))
        return self.f(x[:, :8] * 0.5)


def test_a_residual_net_with_separable_and_transposed_convolutions():
    module = random_weights(Residual())
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(8, 3, padding="same", use_bias=False, name="a")(x)
    y = layers.ReLU()(layers.BatchNormalization(name="b")(y))
    z = layers.DepthwiseConv2D(3, padding="same", name="c")(y)
    z = layers.BatchNormalization(name="e")(layers.Conv2D(8, 1, use_bias=False, name="d")(z))
    up = layers.Conv2DTranspose(8, 2, 2, name="g")
    w = layers.Concatenate()([up(layers.ReLU()(layers.Add()([y, z]))), up(z)])
    w = layers.GlobalAveragePooling2D()(w)
    theirs = keras.Model(x, layers.Dense(5, name="f")(w[:, :8] * 0.5))
    copied(theirs, {name: numbers(getattr(module, name)) for name in "abcdefg"})
    assert_agreement(theirs, module, (3, 8, 8), (8, 8, 3))


def test_a_batch_norm_that_the_exporter_folds_gives_the_same_plan():
    module = random_weights(Residual())
    folding = {"do_constant_folding": True, "training": torch.onnx.TrainingMode.EVAL}
    folded = from_onnx(exported(module, (3, 8, 8), False, **folding))
    whole = from_torch(module, (3, 8, 8))
    assert len(folded.layers) < len(whole.layers)
    plans = [[repr(step) for step in compile(model).plan.steps] for model in (folded, whole)]
    assert plans[0] == plans[1]


def test_what_keras_itself_exports(tmp_path):
    pytest.importorskip("onnxscript")
    theirs = keras.Sequential([
        keras.Input((12, 12, 3)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
        layers.Dense(3),
    ])  # fmt: skip
    theirs(np.zeros((1, 12, 12, 3)))
    theirs.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    ours = from_onnx(tmp_path / "model.onnx")
    assert ours.input_axes == (0, 1, 2)
    assert_same_models(from_keras(theirs), ours)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(6, 8)
        self.positions = nn.Parameter(torch.randn(5, 8))
        self.norm1, self.norm2 = nn.LayerNorm(8, 1e-3), nn.LayerNorm(8, 1e-3)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.wide, self.narrow, self.head = nn.Linear(8, 16), nn.Linear(16, 8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.embed(x) + self.positions
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.narrow(nn.functional.gelu(self.wide(self.norm2(x))))
        return self.head(x.mean(1))


@pytest.fixture
def encoders():
    module = random_weights(Encoder())
    x = keras.Input((5, 6))
    y = layers.Dense(8, name="embed")(x) + module.positions.detach().numpy()
    z = layers.LayerNormalization(name="norm1")(y)
    y = layers.Add()([y, layers.MultiHeadAttention(2, 4, name="attention")(z, z)])
    z = layers.Dense(16, activation="gelu", name="wide")(layers.LayerNormalization(name="norm2")(y))
    y = layers.Add()([y, layers.Dense(8, name="narrow")(z)])
    theirs = keras.Model(x, layers.Dense(3, name="head")(layers.GlobalAveragePooling1D()(y)))
    names = ("embed", "norm1", "norm2", "wide", "narrow", "head")
    copied(theirs, {name: numbers(getattr(module, name)) for name in names})
    m = module.attention
    weights = [part.T.reshape(8, 2, 4) for part in np.split(m.in_proj_weight.detach().numpy(), 3)]
    biases = [part.reshape(2, 4) for part in np.split(m.in_proj_bias.detach().numpy(), 3)]
    arrays = [array for pair in zip(weights, biases, strict=True) for array in pair]
    out = m.out_proj
    arrays += [out.weight.detach().numpy().T.reshape(2, 4, 8), out.bias.detach().numpy()]
    copied(theirs, {"attention": arrays})
    return theirs, module


def test_a_transformer(encoders):
    assert_agreement(*encoders, (5, 6), (5, 6))


def test_a_convolution_of_sequences():
    module = random_weights(nn.Sequential(
        nn.Conv1d(4, 6, 3, padding=1), nn.SiLU(), nn.MaxPool1d(2), nn.Conv1d(6, 6, 3, stride=2),
        nn.BatchNorm1d(6, 1e-3), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 2), nn.Sigmoid(),
    ))  # fmt: skip
    theirs = keras.Sequential([
        keras.Input((12, 4)), layers.Conv1D(6, 3, padding="same", activation="silu", name="a"), layers.MaxPooling1D(2),
        layers.Conv1D(6, 3, 2, name="b"), layers.BatchNormalization(name="c"), layers.GlobalAveragePooling1D(),
        layers.Dense(2, activation="sigmoid", name="d"),
    ])  # fmt: skip
    copied(theirs, {name: numbers(module[at]) for name, at in {"a": 0, "b": 3, "c": 4, "d": 7}.items()})
    assert_agreement(theirs, module, (4, 12), (12, 4))
