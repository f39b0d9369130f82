import dataclasses
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trine import nn
from trine.errors import (
    DtypeError,
    InputError,
    NotFiniteError,
    RangeError,
    ShapeError,
    TrineError,
    UnsupportedModelError,
)
from trine.nn import AvgPool2D, Conv2D, Dense, Flatten, ReLU, Sequential


def small_model() -> Sequential:
    random = np.random.default_rng(0)
    return Sequential(
        [
            Conv2D(random.normal(size=(3, 2, 1, 2)).astype(np.float32), None, (2, 1), "same", name="first"),
            AvgPool2D((2, 2), (1, 2)),
            ReLU(),
            Conv2D(random.normal(size=(1, 1, 2, 3)), random.normal(size=3), (1, 1), ((1, 0), (0, 2))),
            Flatten(),
            Dense(random.normal(size=(36, 4)), random.normal(size=4)),
        ],
        input_shape=(6, 5, 1),
        input_range=(-0.5, 2),
    )


def saved(model: Sequential, tmp_path) -> bytes:
    model.save(tmp_path / "model.npz")
    return (tmp_path / "model.npz").read_bytes()


def rewritten(data: bytes, change) -> bytes:
    """The same archive after ``change`` has had its way with {name: bytes}."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    change(contents)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_architecture(data: bytes, change) -> bytes:
    def change_contents(contents: dict[str, bytes]) -> None:
        architecture = json.loads(contents["architecture.json"])
        change(architecture)
        contents["architecture.json"] = json.dumps(architecture).encode()

    return rewritten(data, change_contents)


def test_every_shape_is_known():
    model = small_model()
    assert model.shapes == ((6, 5, 1), (3, 5, 2), (2, 2, 2), (2, 2, 2), (3, 4, 3), (36,), (4,))
    assert model.output_shape == (4,)
    assert model.input_range == (-0.5, 2.0)


def test_a_batch_answers_as_its_images_one_by_one():
    model = small_model()
    # more than one step of 256, the last one cut
    x = np.random.default_rng(1).normal(size=(300, 6, 5, 1))
    y = model.predict(x)
    assert y.shape == (300, 4)
    assert model.predict(x[7]).shape == (4,)
    one_by_one = np.array([model.predict(image) for image in x])
    np.testing.assert_allclose(y, one_by_one, rtol=0, atol=1e-12)
    layer_by_layer = x
    for layer in model.layers:
        layer_by_layer = layer.forward(layer_by_layer)
    np.testing.assert_allclose(y, layer_by_layer, rtol=0, atol=1e-12)
    assert model.predict(x[:0]).shape == (0, 4)


@pytest.mark.parametrize(
    ("x", "error", "complaint"),
    [
        (np.zeros((6, 5)), ShapeError, r"x\[\.\.\., None\]"),
        (np.zeros((9, 6, 5)), ShapeError, r"x\[\.\.\., None\]"),
        (np.zeros((6, 5, 2)), ShapeError, r"expected \(6, 5, 1\) for one input or \(N, 6, 5, 1\)"),
        (np.zeros((2, 3, 6, 5, 1)), ShapeError, "expected"),
        (np.zeros(()), ShapeError, "expected"),
        (np.full((6, 5, 1), np.nan), NotFiniteError, None),
        (np.full((6, 5, 1), -np.inf), NotFiniteError, None),
        (np.zeros((6, 5, 1), complex), DtypeError, None),
        ([["a"]], DtypeError, None),
        (None, DtypeError, None),
        (np.full((6, 5, 1), 1e308), RangeError, "beyond float64"),
    ],
)
def test_unusable_inputs_are_refused(x, error, complaint):
    with pytest.raises(error, match=complaint):
        small_model().predict(x)


def test_the_layer_that_does_not_fit_is_named():
    with pytest.raises(ShapeError, match=r"layer 2, Dense 'logits': takes \(\.\.\., 5\), got .*\(4,\)"):
        Sequential([Flatten(), ReLU(), Dense(np.ones((5, 2)), name="logits")], (2, 2, 1))


@pytest.mark.parametrize("layers", [[], [ReLU(), "relu"], [ReLU]])
def test_a_model_is_made_of_layers(layers):
    with pytest.raises(InputError, match="layer"):
        Sequential(layers, (3,))


@pytest.mark.parametrize("shape", [(), (0,), (3, -1), (2.5,), 3, None, "3", (None, 3)])
def test_an_input_shape_is_made_of_positive_integers(shape):
    with pytest.raises(InputError, match="input_shape"):
        Sequential([ReLU()], shape)


@pytest.mark.parametrize("bounds", [(1, 0), (1, 1), (0, np.inf), (np.nan, 1), (0,), 1, None, ("a", "b"), (0, 10**400)])
def test_an_input_range_is_two_finite_numbers_in_order(bounds):
    with pytest.raises(InputError, match="input_range"):
        Sequential([ReLU()], (3,), bounds)


def test_a_model_cannot_be_changed_and_does_not_print_its_weights():
    model = Sequential([Dense([[0.123], [0.456]])], (2,))
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.input_shape = (3,)
    for shown in (repr(model), str(model), model.summary()):
        assert "Dense" in shown
        assert "123" not in shown
        assert "456" not in shown


def test_the_summary_counts_parameters():
    summary = small_model().summary()
    assert "0 Conv2D 'first'" in summary
    assert f"{12 + 6 + 3 + 144 + 4} parameters" in summary
    assert len(summary.splitlines()) == 2 + 6


def test_saving_and_loading_gives_back_the_same_numbers(tmp_path):
    model = small_model()
    data = saved(model, tmp_path)
    loaded = Sequential.load(tmp_path / "model.npz")
    assert loaded.input_shape == model.input_shape
    assert loaded.input_range == model.input_range
    assert [repr(layer) for layer in loaded.layers] == [repr(layer) for layer in model.layers]
    for layer, copy in zip(model.layers, loaded.layers, strict=True):
        for name, array in layer.arrays.items():
            assert np.array_equal(copy.arrays[name], array)
    assert saved(loaded, tmp_path) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_numpy_reads_the_file_and_numbers_are_stored_no_wider_than_they_need(tmp_path):
    saved(small_model(), tmp_path)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert arrays["0.weights"].dtype == np.float32
        assert arrays["3.weights"].dtype == np.float64


@pytest.mark.parametrize("value", [1e-300, 1e300, 2.0**-149, -0.0, 0.1, np.nextafter(1.0, 2.0)])
def test_no_number_is_rounded_by_saving(tmp_path, value):
    saved(Sequential([Dense([[value]])], (1,)), tmp_path)
    loaded = Sequential.load(str(tmp_path / "model.npz")).layers[0].arrays["weights"][0, 0]
    assert loaded.tobytes() == np.float64(value).tobytes()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda a: a.update(format="other"), InputError),
        (lambda a: a.update(version=1), UnsupportedModelError),
        (lambda a: a.pop("version"), InputError),
        (lambda a: a.pop("nodes"), InputError),
        (lambda a: a.update(nodes=[]), InputError),
        (lambda a: a.update(nodes=[5]), InputError),
        (lambda a: a.update(input_shape=[6, 5]), InputError),
        (lambda a: a.update(input_shape=[10**30, 10**30, 1]), ShapeError),
        (lambda a: a.update(input_shape=None), InputError),
        (lambda a: a.update(input_range=[1, 0]), InputError),
        (lambda a: a.update(input_range=[0, float("nan")]), InputError),
        (lambda a: a["nodes"][0].update(kind="Lambda"), UnsupportedModelError),
        (lambda a: a["nodes"][0].update(kind=["Conv2D"]), InputError),
        (lambda a: a["nodes"][0].update(kind="Layer"), UnsupportedModelError),
        (lambda a: a["nodes"][0].update(code="import os"), InputError),
        (lambda a: a["nodes"][0].update(stride=[0, 1]), InputError),
        (lambda a: a["nodes"][0].update(stride=[1e9, 1]), InputError),
        (lambda a: a["nodes"][0].update(padding="full"), InputError),
        (lambda a: a["nodes"][0].update(name=7), InputError),
        (lambda a: a["nodes"][2].update(inputs=[3]), InputError),
        (lambda a: a["nodes"][2].update(inputs=[1, 2]), InputError),
        (lambda a: a["nodes"][2].update(inputs=[-1]), InputError),
        (lambda a: a["nodes"][2].update(inputs=["0"]), InputError),
        (lambda a: a.update(input_axes=[0, 1]), InputError),
        (lambda a: a.update(output_axes=[1]), InputError),
        (lambda a: a.update(ranges=[[0, 1]]), InputError),
        (lambda a: a["nodes"].pop(), InputError),
        (lambda a: a["nodes"].reverse(), InputError),
    ],
)
def test_a_description_that_cannot_be_is_refused(tmp_path, change, error):
    path = tmp_path / "hostile.npz"
    path.write_bytes(with_architecture(saved(small_model(), tmp_path), change))
    with pytest.raises(error, match=r"hostile\.npz"):
        Sequential.load(path)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npy_that_claims(shape: str) -> bytes:
    """144 numbers under a header with this for a shape."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(144 * 8)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", InputError),
        (b"\x93NUMPY\x01\x00", InputError),
        (b"\x93NUMPY\x02\x00" + npy(np.ones((36, 4)))[8:], InputError),
        (npy(np.array([[print]], dtype=object)), InputError),
        (npy(np.ones((36, 4), complex)), InputError),
        (npy(np.ones((36, 4), [("a", "<f8")])), InputError),
        (npy(np.asfortranarray(np.ones((36, 4)))), InputError),
        (npy(np.ones((36, 4)))[:-8], InputError),
        (npy(np.ones((36, 4))) + bytes(8), InputError),
        (npy_that_claims("(9999999999999999999999, 4)"), InputError),
        (npy_that_claims("(4611686018427387904, 4)"), InputError),
        (npy_that_claims("(-36, -4)"), InputError),
        (npy_that_claims("(36.0, 4)"), InputError),
        (npy_that_claims("(__import__('os'),)"), InputError),
        (npy_that_claims("(" * 5000), InputError),
        (npy(np.ones((35, 4))), ShapeError),
        (npy(np.full((36, 4), np.nan)), NotFiniteError),
        (npy(np.full((36, 4), np.inf, np.float32)), NotFiniteError),
    ],
)
def test_arrays_that_cannot_be_are_refused(tmp_path, content, error):
    path = tmp_path / "hostile.npz"
    data = saved(small_model(), tmp_path)
    path.write_bytes(rewritten(data, lambda contents: contents.update({"5.weights.npy": content})))
    with pytest.raises(error, match=r"hostile\.npz"):
        Sequential.load(path)


def test_entries_may_be_neither_missing_nor_left_over(tmp_path):
    path = tmp_path / "hostile.npz"
    data = saved(small_model(), tmp_path)
    for change in (
        lambda contents: contents.pop("5.weights.npy"),
        lambda contents: contents.pop("architecture.json"),
        lambda contents: contents.update({"../../escape.npy": b""}),
        lambda contents: contents.update({"architecture.json": b"[" * 100_000}),
    ):
        path.write_bytes(rewritten(data, change))
        with pytest.raises(InputError, match=r"hostile\.npz"):
            Sequential.load(path)


def test_a_compressed_bomb_is_refused_before_it_unfolds(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("architecture.json", bytes(50_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="uncompressed"):
        Sequential.load(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_give_the_same_model_or_a_typed_error(tmp_path, data):
    model = small_model()
    content = bytearray(saved(model, tmp_path))
    path = tmp_path / "damaged.npz"
    match data.draw(st.sampled_from(["flip", "cut", "insert", "noise"])):
        case "flip":
            for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
                content[place] ^= data.draw(st.integers(1, 255))
        case "cut":
            del content[data.draw(st.integers(0, len(content) - 1)) :]
        case "insert":
            place = data.draw(st.integers(0, len(content)))
            content[place:place] = data.draw(st.binary(min_size=1, max_size=40))
        case "noise":
            content = bytearray(data.draw(st.binary(max_size=200)))
    path.write_bytes(content)
    try:
        loaded = Sequential.load(path)
    except TrineError:
        return
    x = np.random.default_rng(2).normal(size=model.input_shape)
    assert np.array_equal(loaded.predict(x), model.predict(x))


def test_a_missing_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Sequential.load(tmp_path / "nowhere.npz")


def test_the_undamaged_file_is_read_by_way_of_the_same_rewriting(tmp_path):
    # else the refusals above could be those of `rewritten` and `npy_that_claims`
    data = rewritten(
        saved(small_model(), tmp_path),
        lambda contents: contents.update({"5.weights.npy": npy_that_claims("(36, 4)")}),
    )
    (tmp_path / "rewritten.npz").write_bytes(with_architecture(data, lambda architecture: None))
    loaded = Sequential.load(tmp_path / "rewritten.npz")
    assert np.array_equal(loaded.layers[5].arrays["weights"], np.zeros((36, 4)))
    assert np.array_equal(loaded.layers[0].arrays["weights"], small_model().layers[0].arrays["weights"])


def test_a_graph_answers_and_is_kept(tmp_path):
    random = np.random.default_rng(8)
    nodes = [
        (nn.Dense(random.normal(size=(3, 3))), [0]),
        (nn.ReLU(), [1]),
        (nn.Add(), [0, 2]),
        (nn.Concatenate(), [3, 1]),
        (nn.Permute((1, 0)), [4]),
    ]
    model = nn.Model(nodes, (3, 2), (-1, 1), input_axes=(1, 0), output_axes=(1, 0))
    x = random.uniform(-1, 1, (4, 3, 2))
    rows = x.transpose(0, 2, 1)
    product = rows @ nodes[0][0].weights
    expected = np.concatenate([rows + np.maximum(product, 0), product], axis=-1)
    np.testing.assert_allclose(model.predict(x), expected, rtol=0, atol=1e-12)
    assert model.output_shape == (2, 6)
    model.save(tmp_path / "graph.npz")
    loaded = nn.Model.load(tmp_path / "graph.npz")
    assert np.array_equal(loaded.predict(x), model.predict(x))
    assert loaded.summary() == model.summary()
    assert "3 Concatenate of 2, 0" in model.summary()
