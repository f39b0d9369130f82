"""ONNX files, as PyTorch exports them, answer as PyTorch answers; what a stranger may have changed is refused."""

import contextlib
import inspect
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trine.errors import InputError, MissingExtraError, NotFiniteError, UnsupportedModelError
from trine.nn import from_onnx

onnx = pytest.importorskip("onnx", reason="needs pip install 'trine[onnx]'", exc_type=ImportError)
torch = pytest.importorskip("torch", reason="needs pip install 'trine[torch]'", exc_type=ImportError)
nn, F = torch.nn, torch.nn.functional
helper, TensorProto = onnx.helper, onnx.TensorProto

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*:torch.jit.TracerWarning"),
    pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript:"),
    pytest.mark.filterwarnings("ignore:Exporting a model to ONNX with:UserWarning"),
    pytest.mark.filterwarnings("ignore:Constant folding:UserWarning"),
    pytest.mark.filterwarnings("ignore:ONNX export mode is set:UserWarning"),
    pytest.mark.filterwarnings("ignore:Provided key:UserWarning"),
    pytest.mark.filterwarnings("ignore:Using padding=:UserWarning"),
]


class Call(nn.Module):
    def __init__(self, function, layer=None):
        super().__init__()
        self.function, self.layer = function, layer

    def forward(self, x):
        return self.function(x) if self.layer is None else self.function(x, self.layer)


def randomised(module):
    generator = torch.Generator().manual_seed(0)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(noise.abs() + 0.3 if "running_var" in name else 0.5 * noise)
    return module.eval()


def exported(module, shape, opset=17, dynamic=False, x=None):
    """The module in ONNX, batch norms and constants left as they are."""
    buffer = io.BytesIO()
    options = {"dynamic_axes": {"x": {0: "batch"}}} if dynamic else {}
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:  # not in PyTorch 2.3
        options["dynamo"] = False
    torch.onnx.export(
        module.eval(), (torch.zeros(1, *shape) if x is None else x,), buffer, opset_version=opset,
        input_names=["x"], do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE, **options,
    )  # fmt: skip
    return onnx.load_model_from_string(buffer.getvalue())


def check(shape, *modules, **options):
    module = randomised(modules[0] if len(modules) == 1 else nn.Sequential(*modules))
    ours = from_onnx(exported(module, shape, **options))
    assert ours.input_shape == tuple(shape)
    x = np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    with torch.no_grad():
        expected = np.concatenate([module(torch.from_numpy(row[None])).numpy() for row in x])
    assert (3, *ours.output_shape) == expected.shape
    np.testing.assert_allclose(ours.predict(x), expected, rtol=1e-5, atol=2e-5)
    return ours


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


IMAGE, ROWS = (4, 9, 8), (6, 10)


@pytest.mark.parametrize(
    ("shape", "make"),
    [
        ((5,), lambda: nn.Linear(5, 3)),
        ((7, 5), lambda: nn.Linear(5, 3)),
        (IMAGE, lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), groups=2, bias=False)),
        (IMAGE, lambda: nn.Conv2d(4, 8, 3, groups=4, dilation=2, padding=1)),
        (ROWS, lambda: nn.Conv1d(6, 4, 3, 2, 1)),
        (IMAGE, lambda: nn.ConvTranspose2d(4, 6, (3, 4), 2, 1, output_padding=1, groups=2)),
        (ROWS, lambda: nn.ConvTranspose1d(6, 3, 3, 2, 1, 1)),
        (IMAGE, lambda: nn.AvgPool2d(3, 2, 1)),
        (IMAGE, lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
        (IMAGE, lambda: nn.MaxPool2d(3, 2, 1)),
        (ROWS, lambda: nn.MaxPool1d(2)),
        (IMAGE, lambda: nn.AdaptiveAvgPool2d(1)),
        (IMAGE, lambda: nn.AdaptiveAvgPool2d((3, 2))),
        (IMAGE, lambda: nn.AdaptiveMaxPool2d(1)),
        (IMAGE, lambda: nn.BatchNorm2d(4)),
        ((6,), lambda: nn.BatchNorm1d(6)),
        (IMAGE, lambda: nn.LayerNorm((9, 8))),
        (IMAGE, lambda: nn.InstanceNorm2d(4, affine=True)),
        (IMAGE, lambda: nn.Upsample(scale_factor=2)),
        (IMAGE, lambda: nn.ZeroPad2d((1, 2, 0, 3))),
        (IMAGE, lambda: nn.PixelShuffle(2)),
    ],
)
@pytest.mark.parametrize("opset", [13, 17])
def test_layers(shape, make, opset):
    check(shape, make(), opset=opset)


@pytest.mark.parametrize(
    "make",
    [
        nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.Hardtanh, nn.ELU, nn.SELU, nn.GELU, lambda: nn.GELU("tanh"),
        nn.SiLU, nn.Mish, nn.Sigmoid, nn.LogSigmoid, nn.Hardsigmoid, nn.Hardswish, nn.Tanh, nn.Softplus,
        lambda: nn.Softmax(1), lambda: nn.LogSoftmax(-1), nn.Dropout,
    ],
)  # fmt: skip
def test_activations(make):
    model = check(IMAGE, nn.Conv2d(4, 4, 3), make(), nn.Flatten(), nn.Linear(4 * 7 * 6, 3))
    name = type(make()).__name__
    if name in ("GELU", "SiLU"):
        assert kinds(model) == ["Conv2D", name, "Flatten", "Dense"]


def test_batch_norms_and_layer_norms_in_pieces():
    model = check(IMAGE, nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.LayerNorm(6), nn.ReLU(), opset=13)
    assert kinds(model) == ["Conv2D", "Affine", "Permute", "LayerNorm", "Affine", "ReLU"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 2 - x / 8 + 0.5 * x,
        lambda x: torch.maximum(x, torch.zeros(1)) - torch.minimum(x, x * 0.5),
        lambda x: x**2 + x.pow(3),
        lambda x: x.clamp(min=-0.5) + x.clamp(max=0.25) + torch.clamp(x, -1, 1),
        lambda x: x.view(x.size(0), -1),
        lambda x: x.reshape(x.shape[0], 2, 3, 10).permute(0, 2, 3, 1),
        lambda x: x.transpose(1, 2).mean(1),
        lambda x: x.mean(-1, keepdim=True) * x,
        lambda x: x.sum(1) + x.amax(1),
        lambda x: torch.cat([x, x.relu()], 1),
        lambda x: torch.stack([x, x.relu()], dim=2),
        lambda x: x.chunk(2, 1)[0] * x.chunk(2, dim=1)[1],
        lambda x: torch.cat(x.split([1, 2, 3], 1)[::-1], dim=1),
        lambda x: x[:, 0] + x[:, -1],
        lambda x: x[:, 1:5:2, None, ::3],
        lambda x: x.unsqueeze(1).expand(-1, 2, -1, -1).relu(),
        lambda x: x.repeat(1, 2, 1),
        lambda x: F.pad(x, (1, 2)),
        lambda x: torch.matmul(x, x.transpose(1, 2)),
        lambda x: torch.einsum("bcl,bkl->bck", x, x.relu()),
        lambda x: F.scaled_dot_product_attention(x, x.relu(), x),
        lambda x: x + torch.arange(10).float() / 10,
    ],
)
@pytest.mark.parametrize("dynamic", [False, True])
def test_functions(function, dynamic):
    check(ROWS, Call(function), dynamic=dynamic)


def test_images_stay_channels_first():
    model = check((3, 8, 8), Call(lambda x, conv: conv((x - 0.5) / 0.25), nn.Conv2d(3, 4, 3)), dynamic=True)
    assert kinds(model) == ["Affine", "Scale", "Conv2D"]
    assert (model.input_axes, model.output_axes) == ((1, 2, 0), (2, 0, 1))


@pytest.mark.parametrize("dynamic", [False, True])
def test_transformers(dynamic):
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True, norm_first=True)
    model = check(
        (5, 8),
        nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
        nn.Flatten(),
        nn.Linear(40, 3),
        dynamic=dynamic,
    )
    assert kinds(model).count("Softmax") == 2
    assert kinds(model).count("GELU") == 2


def test_embeddings():
    module = randomised(nn.Sequential(nn.Embedding(11, 8), nn.Flatten(), nn.Linear(56, 3)))
    numbers = np.random.default_rng(0).integers(0, 11, (3, 7))
    ours = from_onnx(exported(module, (7,), x=torch.from_numpy(numbers[:1])))
    assert kinds(ours) == ["OneHot", "Dense", "Flatten", "Dense"]
    expected = module(torch.from_numpy(numbers)).detach().numpy()
    np.testing.assert_allclose(ours.predict(numbers), expected, rtol=1e-5, atol=1e-5)


# Files by hand.


def proto(nodes, arrays=(), shape=(None, 4), outputs=("y",), opset=17):
    graph = helper.make_graph(
        [helper.make_node(kind, takes, gives, **options) for kind, takes, gives, options in nodes],
        "by hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in dict(arrays).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


@pytest.mark.parametrize(
    ("model", "error", "complaint"),
    [
        (proto([("Erf", ["x"], ["y"], {})]), UnsupportedModelError, "Erf: this operator is not supported"),
        (proto([("Fft", ["x"], ["z"], {}), ("Loop", ["z"], ["y"], {})]), UnsupportedModelError, r"Fft(.|\n)*Loop"),
        (proto([("Relu", ["x"], ["y"], {"domain": "mine"})]), UnsupportedModelError, "domain 'mine'"),
        (proto([("Relu", ["x"], ["y"], {})], opset=8), UnsupportedModelError, "opset"),
        (proto([("Relu", ["x"], ["y"], {})], outputs=("y", "x")), UnsupportedModelError, "2 outputs"),
        (proto([("Relu", ["x"], ["y"], {})], shape=(None, None)), UnsupportedModelError, "fixed size"),
        (proto([("Relu", ["x"], ["y"], {})], shape=(4,)), UnsupportedModelError, "fixed size"),
        (proto([("Relu", ["z"], ["y"], {})]), InputError, "not there yet"),
        (proto([("Relu", ["y"], ["y"], {})]), InputError, "not there yet"),
        (proto([("Relu", ["x"], ["y"], {})] * 2), InputError, "made twice"),
        (proto([("Identity", ["w"], ["y"], {})], {"w": np.ones(4, np.float32)}), InputError, "does not depend"),
        (proto([("Conv", ["x", "w"], ["y"], {})], {"w": np.ones(4, np.float32)}), InputError, "."),
        (proto([("Add", ["x"], ["y"], {})]), InputError, "not a sound ONNX model"),
        (proto([("Gemm", ["x", "w"], ["y"], {})], {"w": np.ones((3, 2), np.float32)}), InputError, "weights"),
        (proto([("ConstantOfShape", ["n"], ["c"], {}), ("Add", ["x", "c"], ["y"], {})], {"n": np.full(3, 2**20)}),
         UnsupportedModelError, "more than"),
        (proto([("Expand", ["x", "n"], ["y"], {})], {"n": np.array([1, 9, 4])}), UnsupportedModelError, "expanded"),
        (proto([("Tile", ["x", "n"], ["y"], {})], {"n": np.array([1, 2**40])}), UnsupportedModelError, "copies"),
        (proto([("Pad", ["x", "n"], ["y"], {})], {"n": np.array([0, 2**40, 0, 0])}), UnsupportedModelError, "larger"),
        (proto([("Reshape", ["x", "n"], ["y"], {})], {"n": np.array([3, 5])}), UnsupportedModelError, "cannot become"),
        (proto([("ReduceMean", ["x"], ["y"], {"axes": [0]})]), UnsupportedModelError, "mixes"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused(model, error, complaint):
    with pytest.raises(error, match=complaint):
        from_onnx(model)


def test_weights_must_be_finite():
    with pytest.raises(NotFiniteError):
        from_onnx(proto([("MatMul", ["x", "w"], ["y"], {})], {"w": np.full((4, 2), np.nan, np.float32)}))


def external(tmp_path, location):
    model = proto([("MatMul", ["x", "w"], ["y"], {})], {"w": np.arange(8, dtype=np.float32).reshape(4, 2)})
    tensor = model.graph.initializer[0]
    data = tensor.raw_data
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "weights.bin").write_bytes(data)
    (tmp_path / "secret.bin").write_bytes(data)
    path = tmp_path / "models" / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path, model


def test_weights_in_a_file_beside_the_model(tmp_path):
    path, model = external(tmp_path, "weights.bin")
    assert np.array_equal(from_onnx(str(path)).layers[0].weights, np.arange(8).reshape(4, 2))
    with pytest.raises(InputError, match="pass the model's path"):
        from_onnx(model)
    (path.parent / "weights.bin").write_bytes(b"short")
    with pytest.raises(InputError, match="does not fit"):
        from_onnx(path)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "link.bin", "missing.bin", "", "."])
def test_weights_elsewhere_are_not_read(tmp_path, location):
    path, _ = external(tmp_path, location)
    (path.parent / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(InputError, match="no file beside the model"):
        from_onnx(path)


def test_damaged_and_missing_files(tmp_path):
    path = tmp_path / "model.onnx"
    for content in (b"", b"garbage" * 100, proto([("Relu", ["x"], ["y"], {})]).SerializeToString()[:40]):
        path.write_bytes(content)
        with pytest.raises(InputError):
            from_onnx(path)
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "no.onnx")
    with pytest.raises(InputError, match=r"expected a path or an onnx\.ModelProto"):
        from_onnx(5)


SOUND = proto(
    [
        ("Transpose", ["x"], ["a"], {"perm": [0, 2, 1]}),
        ("MatMul", ["a", "w"], ["b"], {}),
        ("Softmax", ["b"], ["c"], {"axis": -1}),
        ("Reshape", ["c", "n"], ["d"], {}),
        ("Slice", ["d", "one", "three", "one"], ["y"], {}),
    ],
    {"w": np.ones((4, 2), np.float32), "n": np.array([-1, 6]), "one": np.array([1]), "three": np.array([3])},
    shape=(None, 4, 3),
).SerializeToString()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_changed_file_is_read_or_refused(changes):
    data = bytearray(SOUND)
    for place, value in changes:
        data[place] = value
    try:
        model = onnx.load_model_from_string(bytes(data))
    except Exception:
        return
    with contextlib.suppress(InputError):
        from_onnx(model)


def test_onnx_that_is_missing_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"trine\[onnx\]"):
        from_onnx("model.onnx")
