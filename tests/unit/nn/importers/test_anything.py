import numpy as np
import pytest

from trine.errors import InputError, UnsupportedModelError
from trine.nn import Dense, Sequential
from trine.nn.importers.anything import imported

X = np.random.default_rng(0).uniform(0, 1, (5, 4))


def test_a_model_stays_as_it_is(tmp_path):
    model = Sequential([Dense(np.eye(4))], (4,))
    assert imported(model) is model
    model.save(tmp_path / "model.npz")
    assert np.array_equal(imported(tmp_path / "model.npz").predict(X), X)
    assert np.array_equal(imported(str(tmp_path / "model.npz")).predict(X), X)


def test_keras_models_and_files(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, kernel_initializer="ones")])  # no sum near 0
    model.save(tmp_path / "model.keras")
    for given in (model, tmp_path / "model.keras"):
        np.testing.assert_allclose(imported(given).predict(X), model.predict(X, verbose=0), rtol=1e-5)


def test_onnx_models_and_files(tmp_path):
    onnx = pytest.importorskip("onnx")
    weights = onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32) * 2, "w")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "double",
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 4]) for name in ("x",)],
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 4]) for name in ("y",)],
        [weights],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "model.onnx")
    for given in (model, tmp_path / "model.onnx"):
        np.testing.assert_allclose(imported(given).predict(X), 2 * X, rtol=1e-6)


def test_what_else_must_be_said_is_asked_for():
    torch = pytest.importorskip("torch")
    linear_model = pytest.importorskip("sklearn.linear_model")
    with pytest.raises(InputError, match="from_torch"):
        imported(torch.nn.Linear(2, 2))
    with pytest.raises(InputError, match="from_sklearn"):
        imported(linear_model.LinearRegression())


def test_anything_else_is_refused():
    with pytest.raises(UnsupportedModelError, match="dict"):
        imported({})
