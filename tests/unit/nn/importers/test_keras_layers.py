"""Every layer of Keras that is taken answers as Keras answers."""

import os

import numpy as np
import pytest

from trine.errors import UnsupportedModelError
from trine.nn import from_keras
from trine.nn.importers import keras_layers
from trine.nn.layers.window import same_padding

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="needs pip install 'trine[keras]'", exc_type=ImportError)
torch = pytest.importorskip("torch")
layers, ops = keras.layers, keras.ops

pytestmark = [
    # From within Keras on torch, wherever it turns a tensor into an array of numpy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You might experience inconsistencies across backends"),
    pytest.mark.filterwarnings("ignore:Torch backend requires output_padding"),
]


def with_random_weights(model, seed=0):
    """Weights that are not what Keras starts from, variances that are positive."""
    random = np.random.default_rng(seed)
    model.set_weights(
        [
            random.uniform(0.3, 1.5, v.shape) if "variance" in v.path else 0.5 * random.normal(size=v.shape)
            for v in model.weights
        ]
    )
    return model


def assert_same_answers(theirs, x=None):
    if x is None:
        x = np.random.default_rng(1).normal(size=(3, *theirs.input_shape[1:]))
    try:
        expected = keras.ops.convert_to_numpy(theirs(x.astype(np.float32), training=False))
    except ValueError as error:
        if "Torch output_padding" not in str(error):
            raise
        pytest.skip("this version of Keras cannot do it on PyTorch")
    ours = from_keras(theirs)
    assert (3, *ours.output_shape) == expected.shape
    np.testing.assert_allclose(ours.predict(x), expected, rtol=1e-5, atol=2e-5)
    return ours


def check(shape, *rest):
    keras.utils.set_random_seed(0)
    return assert_same_answers(with_random_weights(keras.Sequential([keras.Input(shape), *rest])))


IMAGE, ROWS = (9, 8, 4), (10, 6)


@pytest.mark.parametrize(
    ("shape", "make"),
    [
        *((ROWS, lambda p=p: layers.Conv1D(4, 3, padding=p)) for p in ("valid", "same", "causal")),
        (ROWS, lambda: layers.Conv1D(4, 3, 2, "same")),
        (ROWS, lambda: layers.Conv1D(4, 3, dilation_rate=2, padding="causal", groups=2, activation="tanh")),
        (IMAGE, lambda: layers.Conv2D(6, 3, dilation_rate=2, groups=2, padding="same")),
        (IMAGE, lambda: layers.Conv2D(6, (3, 2), (2, 1), groups=2, use_bias=False)),
        (IMAGE, lambda: layers.Conv2D(3, 3, data_format="channels_first", padding="same")),
        (IMAGE, lambda: layers.DepthwiseConv2D(3, padding="same")),
        (IMAGE, lambda: layers.DepthwiseConv2D((2, 3), 2, depth_multiplier=2, activation="relu")),
        (IMAGE, lambda: layers.DepthwiseConv2D(2, dilation_rate=2)),
        (ROWS, lambda: layers.DepthwiseConv1D(3, depth_multiplier=2)),
        (IMAGE, lambda: layers.SeparableConv2D(5, 3, padding="same", activation="relu")),
        (IMAGE, lambda: layers.SeparableConv2D(5, 3, 2, depth_multiplier=2, use_bias=False)),
        (ROWS, lambda: layers.SeparableConv1D(5, 3, padding="same")),
        *(
            (IMAGE, lambda p=p, k=k, s=s: layers.Conv2DTranspose(3, k, s, p))
            for p in ("valid", "same")
            for k in (1, 2, 3, (4, 3))
            for s in (1, 2, 3)
        ),
        (IMAGE, lambda: layers.Conv2DTranspose(3, 3, 2, "same", output_padding=1)),
        (IMAGE, lambda: layers.Conv2DTranspose(3, 3, 1, dilation_rate=2)),
        *((ROWS, lambda p=p, s=s: layers.Conv1DTranspose(3, 3, s, p)) for p in ("valid", "same") for s in (1, 2)),
        (ROWS, lambda: layers.Dense(3, activation="gelu")),
        (IMAGE, lambda: layers.Dense(3)),
        (IMAGE, lambda: layers.EinsumDense("abcd,de->abce", output_shape=(None, None, 5), bias_axes="e")),
        (ROWS, lambda: layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 5), bias_axes="de")),
    ],
)
def test_products(shape, make):
    check(shape, make())


def test_transposed_convolutions_of_an_older_keras(monkeypatch):
    # What PyTorch itself gives, cut as Keras 3.12 asks it to: padding 1, and 1 more behind.
    monkeypatch.setattr(keras_layers, "_shifts_answers", lambda: True)
    theirs = with_random_weights(keras.Sequential([keras.Input(IMAGE), layers.Conv2DTranspose(3, 3, 2, "same")]))
    x = np.random.default_rng(1).normal(size=(2, *IMAGE))
    kernel, bias = (torch.from_numpy(weight) for weight in theirs.get_weights())
    moved = torch.from_numpy(x.astype(np.float32)).permute(0, 3, 1, 2)
    y = torch.nn.functional.conv_transpose2d(moved, kernel.permute(3, 2, 0, 1), bias, 2, 1, 1)
    np.testing.assert_allclose(from_keras(theirs).predict(x), y.permute(0, 2, 3, 1).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [layers.AveragePooling2D, layers.MaxPooling2D])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("window", "stride"), [(2, None), (3, 2), ((3, 2), (1, 3)), (2, 3)])
def test_pools_of_images(kind, padding, window, stride):
    pair = (window, window) if isinstance(window, int) else window
    steps = stride or window
    sides = same_padding(IMAGE[:2], pair, (steps, steps) if isinstance(steps, int) else steps)
    if kind is layers.AveragePooling2D and padding == "same" and any(a != b for a, b in sides):
        # Keras on PyTorch counts the zeros on the longer side, on TensorFlow and JAX it does not.
        with pytest.raises(UnsupportedModelError, match="unequal sides"):
            check(IMAGE, kind(window, stride, padding))
    else:
        check(IMAGE, kind(window, stride, padding))


@pytest.mark.parametrize(
    "make",
    [
        *(
            lambda k=k, p=p: getattr(layers, k)(3, 3 if p == "same" else 2, p)
            for k in ("AveragePooling1D", "MaxPooling1D")
            for p in ("valid", "same")
        ),
        *(
            lambda k=k, keep=keep: getattr(layers, k)(keepdims=keep)
            for k in ("GlobalAveragePooling1D", "GlobalMaxPooling1D")
            for keep in (False, True)
        ),
    ],
)
def test_pools_of_sequences(make):
    check(ROWS, make())


@pytest.mark.parametrize(
    "make",
    [
        *(
            lambda k=k, keep=keep: getattr(layers, k)(keepdims=keep)
            for k in ("GlobalAveragePooling2D", "GlobalMaxPooling2D")
            for keep in (False, True)
        ),
        lambda: layers.GlobalAveragePooling2D(data_format="channels_first"),
        lambda: layers.MaxPooling2D(2, data_format="channels_first"),
    ],
)
def test_other_pools_of_images(make):
    check(IMAGE, make())


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.BatchNormalization(),
        lambda: layers.BatchNormalization(scale=False),
        lambda: layers.BatchNormalization(center=False, axis=1, epsilon=0.01),
        lambda: layers.LayerNormalization(),
        lambda: layers.LayerNormalization(axis=[2, 3]),
        lambda: layers.LayerNormalization(axis=[1, 2, 3], center=False),
        lambda: layers.LayerNormalization(scale=False, center=False),
        lambda: layers.GroupNormalization(2),
        lambda: layers.GroupNormalization(-1),
        lambda: layers.Rescaling(1 / 255),
        lambda: layers.Rescaling(2.0, offset=-1.0),
        lambda: layers.Rescaling([1.0, 2.0, 3.0, 4.0], offset=[0.0, 1.0, 2.0, 3.0]),
        lambda: layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[4.0, 1.0, 9.0, 0.25]),
        lambda: layers.Normalization(mean=0.5, variance=4.0, invert=True),
    ],
)
def test_norms(make):
    check(IMAGE, make())
    check(IMAGE, layers.Conv2D(4, 3, use_bias=False), make(), layers.ReLU(), layers.Flatten(), layers.Dense(2))


ACTIVATIONS = (
    "linear relu relu6 leaky_relu elu selu sigmoid hard_sigmoid tanh gelu silu swish softplus softmax log_softmax "
    "hard_silu hard_swish hard_tanh log_sigmoid mish"
)


@pytest.mark.parametrize("name", ACTIVATIONS.split())
def test_activations(name):
    model = check((7,), layers.Dense(5, activation=name), layers.Activation(name), layers.Dense(2))
    assert len(model.layers) >= 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.ReLU(),
        lambda: layers.ReLU(max_value=1.0),
        lambda: layers.ReLU(negative_slope=0.2),
        lambda: layers.LeakyReLU(0.3),
        lambda: layers.PReLU(),
        lambda: layers.PReLU(shared_axes=[1, 2]),
        lambda: layers.ELU(0.7),
        lambda: layers.Softmax(),
        lambda: layers.Softmax(axis=1),
        lambda: layers.Softmax(axis=[1, 2]),
        lambda: layers.Dense(3, activation=layers.LeakyReLU(0.1)),
    ],
)
def test_activation_layers(make):
    check(IMAGE, make())


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Flatten(),
        lambda: layers.Flatten(data_format="channels_first"),
        lambda: layers.Reshape((8, -1)),
        lambda: layers.Reshape((6, 6, 8)),
        lambda: layers.Permute((3, 1, 2)),
        lambda: layers.ZeroPadding2D(1),
        lambda: layers.ZeroPadding2D(((1, 0), (2, 3))),
        lambda: layers.Cropping2D(((1, 2), (0, 3))),
        lambda: layers.UpSampling2D(2),
        lambda: layers.UpSampling2D((1, 3)),
        lambda: layers.Dropout(0.5),
        lambda: layers.SpatialDropout2D(0.5),
        lambda: layers.GaussianNoise(1.0),
        lambda: layers.RandomFlip(),
        lambda: layers.ActivityRegularization(0.1),
        lambda: layers.RandomRotation(0.1),
        lambda: layers.Identity(),
    ],
)
def test_moves(make):
    check(IMAGE, make(), layers.ReLU())
    check(IMAGE, layers.Conv2D(4, 3, activation="relu", padding="same"), make(), layers.Flatten(), layers.Dense(3))


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.ZeroPadding1D((1, 2)),
        lambda: layers.Cropping1D((1, 2)),
        lambda: layers.UpSampling1D(3),
    ],
)
def test_moves_of_sequences(make):
    check(ROWS, make(), layers.Conv1D(2, 3))


def test_a_repeated_vector():
    check((5,), layers.Dense(4), layers.RepeatVector(3), layers.Conv1D(2, 2))


@pytest.mark.parametrize(
    "merge",
    [
        layers.Add(),
        layers.Subtract(),
        layers.Multiply(),
        layers.Average(),
        layers.Maximum(),
        layers.Minimum(),
        layers.Concatenate(),
        layers.Concatenate(axis=1),
        layers.Dot(axes=1),
    ],
    ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize("shape", [(6,), (5, 6)])
def test_merges(merge, shape):
    if isinstance(merge, layers.Dot) and len(shape) == 2:
        merge = layers.Dot(axes=(2, 2))
    x = keras.Input(shape)
    a, b = layers.Dense(6)(x), layers.Dense(6, activation="relu")(x)
    axis = {"axis": len(shape)} if isinstance(merge, layers.Concatenate) and merge.axis == 1 else {}
    merge = layers.Concatenate(**axis) if axis else type(merge).from_config(merge.get_config())
    assert_same_answers(with_random_weights(keras.Model(x, merge([a, b]))))


def test_an_embedding_with_positions():
    x = keras.Input((7,), dtype="int32")
    tokens = layers.Embedding(11, 6)(x)
    y = layers.GlobalAveragePooling1D()(layers.Dense(4, activation="relu")(tokens))
    theirs = with_random_weights(keras.Model(x, y))
    numbers = np.random.default_rng(0).integers(0, 11, (3, 7))
    ours = from_keras(theirs)
    np.testing.assert_allclose(ours.predict(numbers), ops.convert_to_numpy(theirs(numbers)), rtol=1e-5, atol=1e-5)
    assert [type(layer).__name__ for layer in ours.layers[:2]] == ["OneHot", "Dense"]


@pytest.mark.parametrize("options", [{}, {"value_dim": 5}, {"use_bias": False}, {"output_shape": 7}])
def test_self_and_cross_attention(options):
    x = keras.Input((6, 8))
    memory = layers.Dense(5)(layers.Cropping1D(1)(x))
    y = layers.MultiHeadAttention(2, 4, **options)(x, x)
    z = layers.MultiHeadAttention(2, 3, **options)(y, memory)
    assert_same_answers(with_random_weights(keras.Model(x, z)))


def test_plain_attention():
    x = keras.Input((6, 8))
    y = layers.Attention(use_scale=True)([x, layers.Dense(8)(x)])
    assert_same_answers(with_random_weights(keras.Model(x, y)))


def functional(shape, call):
    x = keras.Input(shape)
    return assert_same_answers(with_random_weights(keras.Model(x, call(x))))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x + layers.Dense(6)(x),
        lambda x: x * 0.5 - 3,
        lambda x: 1 - x / 8,
        lambda x: -layers.Dense(4)(x) * np.arange(4.0),
        lambda x: ops.maximum(x, 0.3) + ops.minimum(x, layers.Dense(6)(x)),
        lambda x: ops.square(x) + x**2,
        lambda x: layers.Dense(3)(x[:, 0]) + layers.Dense(3)(x[:, -1, :]),
        lambda x: layers.Dense(3)(x[:, 2:8:2, ::2]),
        lambda x: ops.mean(layers.Dense(3)(x), axis=1),
        lambda x: ops.mean(x, axis=-1, keepdims=True) * x,
        lambda x: ops.sum(x, axis=[1, 2]),
        lambda x: ops.max(x, axis=1, keepdims=True) + x,
        lambda x: layers.Dense(4)(ops.transpose(x, (0, 2, 1))),
        lambda x: layers.Dense(4)(ops.swapaxes(x, 1, 2)),
        lambda x: layers.Dense(4)(ops.reshape(x, (-1, 60))),
        lambda x: layers.Dense(4)(ops.squeeze(ops.expand_dims(x, 1), 1)),
        lambda x: ops.concatenate([x, layers.Dense(6)(x)], axis=1),
        lambda x: ops.stack([x, layers.Dense(6)(x)], axis=1),
        lambda x: ops.add(*ops.split(x, 2, axis=-1)),
        lambda x: ops.repeat(x, 2, axis=1),
        lambda x: layers.Conv1D(2, 3)(ops.pad(x, ((0, 0), (1, 2), (0, 0)))),
        lambda x: ops.clip(x, -0.5, 0.7),
        lambda x: ops.matmul(x, ops.transpose(layers.Dense(6)(x), (0, 2, 1))),
        lambda x: ops.einsum("btd,bsd->bts", x, layers.Dense(6)(x)),
        lambda x: ops.softmax(x, axis=1) + ops.log_softmax(x),
        lambda x: ops.relu(x) + ops.gelu(x) + ops.silu(x) + ops.elu(x, 0.5) + ops.leaky_relu(x, 0.1) + ops.tanh(x),
        lambda x: (
            ops.selu(x) + ops.hard_sigmoid(x) + ops.hard_silu(x) + ops.softplus(x) + ops.sigmoid(x) + ops.relu6(x)
        ),
    ],
)
def test_operations(call):
    functional((10, 6), call)


def test_shared_layers_and_nested_models():
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(6, activation="relu"), layers.Dense(6)], name="inner")
    a = keras.Input((6,))
    deeper = keras.Model(a, layers.Add()([a, inner(a)]), name="deeper")
    x = keras.Input((6,))
    assert_same_answers(with_random_weights(keras.Model(x, deeper(inner(deeper(x))))))
    assert_same_answers(with_random_weights(keras.Sequential([keras.Input((6,)), deeper, inner, layers.Dense(2)])))


def test_a_residual_net():
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    z = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", use_bias=False)(y))
    w = layers.ReLU()(layers.Add()([y, z]))
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(w))
    w = layers.Multiply()([w, gate])
    w = layers.Concatenate()([w, layers.Conv2D(2, 1)(x)])
    assert_same_answers(with_random_weights(keras.Model(x, layers.Dense(5)(layers.GlobalAveragePooling2D()(w)))))
