import json
import os
import subprocess
import sys
import zipfile
from itertools import chain

import numpy as np
import pytest

from trine.errors import InputError, MissingExtraError, NotFiniteError, UnsupportedModelError
from trine.nn import AvgPool2D, Conv2D, Dense, Flatten, ReLU, Sequential, from_keras

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="needs pip install 'trine[keras]'", exc_type=ImportError)
h5py = pytest.importorskip("h5py")
layers = keras.layers

# From within Keras on torch, wherever it turns a tensor into an array of numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def sequential(shape, *rest):
    """A built Keras model whose biases are not the zeros that Keras starts from."""
    model = keras.Sequential([keras.Input(shape), *rest])
    random = np.random.default_rng(0)
    model.set_weights([random.normal(size=weight.shape) for weight in model.get_weights()])
    return model


def assert_same_answers(ours: Sequential, theirs):
    x = np.random.default_rng(1).normal(size=(3, *ours.input_shape)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(theirs(x, training=False))
    np.testing.assert_allclose(ours.predict(x), expected, rtol=1e-5, atol=1e-5)


def seed_cnn():
    blocks = ((layers.Conv2D(size, 3), layers.AveragePooling2D(2), layers.ReLU()) for size in (16, 32, 64))
    return sequential((28, 28, 1), *chain.from_iterable(blocks), layers.Flatten(), layers.Dense(10))


def test_the_seed_cnn_answers_alike():
    theirs = seed_cnn()
    theirs.set_weights([weight * 0.1 for weight in theirs.get_weights()])
    ours = from_keras(theirs)
    kinds = [type(layer) for layer in ours.layers]
    assert kinds == [Conv2D, AvgPool2D, ReLU] * 3 + [Flatten, Dense]
    names = [layer.name for layer in theirs.layers if not isinstance(layer, layers.Flatten)]
    assert [layer.name for layer in ours.layers if layer.name] == names
    assert ours.input_range == (0.0, 1.0)
    for mine, keras_weights in zip(
        [array for layer in ours.layers for array in layer.arrays.values()], theirs.get_weights(), strict=True
    ):
        assert np.array_equal(mine, keras_weights)
    assert_same_answers(ours, theirs)


@pytest.mark.parametrize("kernel", [1, 2, 3, (2, 5), (4, 3)])
@pytest.mark.parametrize("stride", [1, 2, (1, 3), (3, 2), 5])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolutions_answer_alike(kernel, stride, padding):
    theirs = sequential((8, 7, 2), layers.Conv2D(3, kernel, stride, padding))
    ours = from_keras(theirs)
    assert ours.output_shape == theirs.output_shape[1:]
    assert_same_answers(ours, theirs)


@pytest.mark.parametrize("window", [1, 2, 3, (1, 4), (3, 2)])
@pytest.mark.parametrize("stride", [None, 1, 2, (3, 1)])
def test_average_pools_answer_alike(window, stride):
    theirs = sequential((9, 8, 2), layers.AveragePooling2D(window, stride))
    ours = from_keras(theirs)
    assert ours.output_shape == theirs.output_shape[1:]
    assert_same_answers(ours, theirs)


def test_fused_activations_missing_biases_and_dropout():
    theirs = sequential(
        (6, 6, 1),
        layers.Conv2D(2, 3, activation="relu", use_bias=False, name="a"),
        layers.Activation("linear"),
        layers.Activation("relu", name="b"),
        layers.Dropout(0.9),
        layers.Flatten(),
        layers.Dense(4, activation="relu", name="c"),
        layers.Dense(3, use_bias=False, activation="linear"),
    )
    ours = from_keras(theirs, input_range=(-4, 4))
    kinds = [type(layer) for layer in ours.layers]
    assert kinds == [Conv2D, ReLU, ReLU, Flatten, Dense, ReLU, Dense]
    assert [layer.name for layer in ours.layers[1:3]] == ["a_activation", "b"]
    assert ours.input_range == (-4.0, 4.0)
    assert_same_answers(ours, theirs)


def test_low_rank_updates_are_merged():
    theirs = sequential((5,), layers.Dense(4))
    theirs.layers[0].enable_lora(2)
    theirs.layers[0].lora_kernel_b.assign(np.ones((2, 4)))
    assert_same_answers(from_keras(theirs), theirs)


def test_a_functional_chain_is_taken_in_the_order_of_its_calls():
    dense = layers.Dense(4, name="twice")
    inputs = keras.Input((4,))
    dense(keras.Input((4,)))  # a call that is not part of the model
    theirs = keras.Model(inputs, layers.Dense(2)(dense(layers.ReLU()(dense(inputs)))))
    ours = from_keras(theirs)
    assert [type(layer) for layer in ours.layers] == [Dense, ReLU, Dense, Dense]
    assert_same_answers(ours, theirs)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
@pytest.mark.parametrize("functional", [False, True])
@pytest.mark.parametrize("kind_of_path", [str, lambda path: path])
def test_saved_models_answer_alike(tmp_path, suffix, functional, kind_of_path):
    theirs = sequential(
        (6, 6, 1), layers.Conv2D(2, 3, activation="relu"), layers.Dropout(0.5), layers.Flatten(), layers.Dense(3)
    )
    if functional:
        theirs = keras.Model(theirs.inputs[0], theirs.outputs[0])
    theirs.compile(optimizer="adam", loss="mse")
    theirs.save(tmp_path / f"model{suffix}")
    ours = from_keras(kind_of_path(tmp_path / f"model{suffix}"))
    assert [type(layer) for layer in ours.layers] == [Conv2D, ReLU, Flatten, Dense]
    assert_same_answers(ours, theirs)


def test_a_file_as_keras_2_wrote_it(tmp_path):
    random = np.random.default_rng(0)
    kernels = {
        "conv2d": (random.normal(size=(3, 3, 1, 2)), random.normal(size=2)),
        "dense": (random.normal(size=(32, 3)), random.normal(size=3)),
    }
    described = [
        ("InputLayer", {"batch_input_shape": [None, 6, 6, 1], "dtype": "float32", "sparse": False, "name": "input"}),
        ("Conv2D", {"name": "conv2d", "filters": 2, "kernel_size": [3, 3], "activation": "relu"}),
        ("Flatten", {"name": "flatten"}),
        ("Dense", {"name": "dense", "units": 3, "activation": "linear"}),
    ]
    config = {"name": "old", "layers": [{"class_name": kind, "config": config} for kind, config in described]}
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["keras_version"] = "2.3.1"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": config}).encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [config["name"].encode() for _, config in described[1:]]
        for _, layer in described[1:]:
            group = weights.create_group(layer["name"])
            arrays = dict(zip(("kernel:0", "bias:0"), kernels.get(layer["name"], ()), strict=False))
            group.attrs["weight_names"] = [f"{layer['name']}/{name}".encode() for name in arrays]
            for name, array in arrays.items():
                group[f"{layer['name']}/{name}"] = array.astype(np.float32)
    ours = from_keras(tmp_path / "old.h5")
    by_hand = Sequential(
        [
            Conv2D(*(array.astype(np.float32) for array in kernels["conv2d"])),
            ReLU(),
            Flatten(),
            Dense(*(array.astype(np.float32) for array in kernels["dense"])),
        ],
        (6, 6, 1),
    )
    x = random.normal(size=(6, 6, 1))
    assert np.array_equal(ours.predict(x), by_hand.predict(x))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: layers.Conv2D(2, 3, activation=lambda x: x, name="odd"), "activation '<lambda>'"),
        (lambda: layers.Dense(2, activation="exponential", name="odd"), "activation 'exponential'"),
        (lambda: layers.ReLU(threshold=1.0, name="odd"), "threshold=1"),
        (lambda: layers.ReLU(max_value=1.0, negative_slope=0.1, name="odd"), "negative_slope=0.1"),
        (lambda: layers.UpSampling2D(2, interpolation="bilinear", name="odd"), "bilinear"),
        (lambda: layers.Conv3D(2, 3, name="odd"), "not supported"),
        (lambda: layers.Resizing(4, 4, name="odd"), "not supported"),
        (lambda: layers.UnitNormalization(name="odd"), "not supported"),
        (lambda: type("Dense", (layers.Dense,), {})(2, name="odd"), "not supported"),
    ],
)
def test_other_layers_are_refused_by_place_class_and_name(layer, reason):
    odd = layer()
    rest = [layers.Reshape((8, 8, 4, 1))] if isinstance(odd, layers.Conv3D) else [layers.ReLU()]
    with pytest.raises(UnsupportedModelError) as raised:
        from_keras(keras.Sequential([keras.Input((8, 8, 4)), *rest, odd]))
    message = str(raised.value)
    assert f"layer 1, {type(odd).__name__} 'odd': " in message
    assert reason in message
    assert "supported: layers: Dense; " in message


def test_layers_in_nested_models_are_refused_by_their_place():
    inner = keras.Sequential([keras.Input((4,)), layers.ReLU(), layers.ReLU(threshold=1.0, name="odd")], name="inner")
    outer = keras.Sequential([keras.Input((4,)), layers.Dense(4), inner, layers.Lambda(lambda x: x, name="code")])
    with pytest.raises(UnsupportedModelError, match="layer 2, Lambda 'code': this class"):
        from_keras(outer)
    with pytest.raises(UnsupportedModelError, match=r"layer 1, ReLU 'inner/odd': .*threshold"):
        from_keras(keras.Sequential([keras.Input((4,)), layers.Dense(4), inner]))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files_with_other_layers_are_refused_before_keras_builds_them(tmp_path, suffix, monkeypatch):
    # Keras would run the code of a Lambda, and cannot find a class that is not its own.
    path = tmp_path / f"model{suffix}"
    custom = type("Mine", (layers.Layer,), {"call": lambda self, x: x})
    sequential((4,), layers.Dense(3), layers.Lambda(lambda x: x, name="code"), custom(name="own")).save(path)
    monkeypatch.setattr(keras.saving, "load_model", lambda *args, **kwargs: pytest.fail("Keras was asked to build"))
    with pytest.raises(UnsupportedModelError, match=r"Lambda 'code': this class(.|\n)*Mine 'own': this class"):
        from_keras(path)


def test_all_refusals_come_at_once():
    model = sequential((8, 8, 1), layers.Conv2D(2, 3, activation="exponential"), layers.ReLU(threshold=2.0))
    with pytest.raises(UnsupportedModelError, match=r"layer 0, .*'exponential'\nlayer 1, .*threshold"):
        from_keras(model)


def test_models_of_several_inputs_or_outputs_are_refused():
    a, b = keras.Input((4,)), keras.Input((4,))
    hidden = layers.Dense(4)(a)
    for model, complaint in (
        (keras.Model(a, [hidden, layers.ReLU()(hidden)]), "2 outputs"),
        (keras.Model([a, b], layers.Add()([hidden, b])), "2 inputs"),
        (keras.Model(a, layers.Dropout(0.5)(hidden, training=True)), "training=True"),
        (keras.Model(a, keras.ops.sort(hidden)), "operation Sort 'sort.*not supported"),
        (keras.Model(a, a), "no layers"),
    ):
        with pytest.raises(InputError, match=complaint):
            from_keras(model)


def test_masks_are_refused():
    x = keras.Input((6, 8))
    mask = np.tril(np.ones((6, 6), bool))
    attended = layers.MultiHeadAttention(2, 4, name="masked")
    for y in (attended(x, x, attention_mask=mask), attended(x, x, use_causal_mask=True)):
        with pytest.raises(UnsupportedModelError, match="MultiHeadAttention 'masked': a mask"):
            from_keras(keras.Model(x, y))
    numbers = keras.Input((6,))
    embedded = layers.Embedding(5, 3, mask_zero=True)(numbers)
    with pytest.raises(UnsupportedModelError, match="mask_zero"):
        from_keras(keras.Model(numbers, layers.GlobalAveragePooling1D()(embedded)))


def test_subclasses_of_models_are_refused():
    class Doubled(keras.Sequential):
        def call(self, x, training=None, mask=None):
            return 2 * super().call(x)

    with pytest.raises(UnsupportedModelError, match="subclass Doubled"):
        from_keras(Doubled([keras.Input((4,)), layers.Dense(2)]))


@pytest.mark.parametrize("model", [None, 5, {}, "a layer"])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(InputError, match=r"expected a keras\.Sequential|not a Keras model file"):
        from_keras(layers.Dense(2) if model == {} else model)


def test_sizes_must_be_known_and_fixed():
    with pytest.raises(InputError, match="no input shape yet"):
        from_keras(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(UnsupportedModelError, match="sizes must be fixed"):
        from_keras(keras.Sequential([keras.Input((None, 8, 1)), layers.Conv2D(2, 3)]))


def test_weights_must_be_finite():
    model = sequential((4,), layers.Dense(2, name="lost"))
    model.layers[0].bias.assign([np.nan, 0.0])
    with pytest.raises(NotFiniteError, match="Dense 'lost': bias"):
        from_keras(model)


def test_quantized_weights_are_refused():
    model = sequential((4,), layers.Dense(2))
    model.layers[0].quantize("int8")
    with pytest.raises(UnsupportedModelError, match="quantized to int8"):
        from_keras(model)


@pytest.mark.parametrize(
    "planted",
    [
        {"module": "os", "class_name": "system", "config": {}, "registered_name": None},
        {"module": "keras.config", "class_name": "enable_unsafe_deserialization", "config": {}},
        {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l"}, "registered_name": None},
        {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"},
    ],
)
@pytest.mark.parametrize("place", ["activation", "kernel_initializer", "bias_regularizer"])
def test_objects_that_are_no_settings_of_layers_are_refused_unbuilt(tmp_path, planted, place, monkeypatch):
    path = tmp_path / "model.keras"
    sequential((4,), layers.Dense(2)).save(path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(entries["config.json"])
    description["config"]["layers"][1]["config"][place] = planted
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (entries | {"config.json": json.dumps(description)}).items():
            archive.writestr(name, content)
    monkeypatch.setattr(keras.saving, "load_model", lambda *args, **kwargs: pytest.fail("Keras was asked to build"))
    with pytest.raises(UnsupportedModelError, match=r"asks for .*, which is no layer of Keras"):
        from_keras(path)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
def test_damaged_files_are_input_errors(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    for content in (b"", b"garbage" * 100):
        path.write_bytes(content)
        with pytest.raises(InputError, match="cannot be loaded as a Keras model"):
            from_keras(path)
    if suffix == ".keras":
        sequential((4,), layers.Dense(2)).save(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match="cannot be loaded as a Keras model"):
            from_keras(path)


@pytest.mark.parametrize(
    "description",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"class_name": "Sequential", "config": {"layers": [5]}}',
        b'{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"name": "d"}}]}}',
        b'{"class_name": "Sequential", "config": {"layers": [{"class_name": ["Dense"], "config": {"name": "d"}}]}}',
        b'{"class_name": "Mine", "config": {}}',
    ],
)
def test_files_with_another_description_are_input_errors(tmp_path, description):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", description)
    with pytest.raises(InputError, match=r"model\.keras"):
        from_keras(path)


def test_other_suffixes_and_missing_files(tmp_path):
    with pytest.raises(InputError, match=r"expected \.keras, \.h5 or \.hdf5"):
        from_keras(tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError):
        from_keras(tmp_path / "model.keras")


def python(code: str, folder, **variables: str) -> str:
    """What a new interpreter prints that finds modules in ``folder`` first."""
    places = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment |= {"PYTHONPATH": os.pathsep.join(places), **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_keras_is_not_imported_before_it_is_asked_for(tmp_path):
    assert python("import sys, trine.nn; print({'keras', 'torch', 'h5py'} & set(sys.modules))", tmp_path) == "set()"


def test_torch_is_the_backend_unless_the_user_chose_another(tmp_path):
    # a stand-in that only says which backend it was asked for
    (tmp_path / "keras.py").write_text("import os\nops = Model = str\nprint(os.environ.get('KERAS_BACKEND'))")
    ask = "from trine.nn import from_keras\ntry: from_keras(5)\nexcept ValueError: pass"
    assert python(ask, tmp_path) == "torch"
    assert python(ask, tmp_path, KERAS_BACKEND="jax") == "jax"
    assert python(f"import keras, os\n{ask}\nprint('KERAS_BACKEND' in os.environ)", tmp_path) == "None\nFalse"


@pytest.mark.parametrize("stand_in", ["import no_such_backend", "__version__ = '2.15.0'"])
def test_a_missing_keras_names_the_extra(tmp_path, stand_in):
    (tmp_path / "keras.py").write_text(stand_in)
    ask = "from trine.nn import from_keras\ntry: from_keras(5)\nexcept ImportError as e: print(type(e).__name__, e)"
    said = python(ask, tmp_path)
    assert said.startswith(MissingExtraError.__name__)
    assert "pip install 'trine[keras]'" in said
