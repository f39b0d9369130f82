"""Every module and function of PyTorch that is taken answers as PyTorch answers."""

import numpy as np
import pytest

from trine.errors import InputError, MissingExtraError, NotFiniteError, UnsupportedModelError
from trine.nn import from_torch

torch = pytest.importorskip("torch", reason="needs pip install 'trine[torch]'", exc_type=ImportError)
nn, F = torch.nn, torch.nn.functional

# Of convolutions with an even kernel and padding "same".
pytestmark = pytest.mark.filterwarnings("ignore:Using padding=:UserWarning")


class Call(nn.Module):
    """A module of one function, with a layer of its own."""

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
    return module


def assert_same_answers(theirs, shape, x=None):
    theirs.eval()
    ours = from_torch(theirs, shape)
    assert ours.input_shape == tuple(shape)
    if x is None:
        x = np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    assert (3, *ours.output_shape) == expected.shape
    np.testing.assert_allclose(ours.predict(x), expected, rtol=1e-5, atol=2e-5)
    return ours


def check(shape, *modules):
    module = modules[0] if len(modules) == 1 else nn.Sequential(*modules)
    return assert_same_answers(randomised(module), shape)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


IMAGE, ROWS = (4, 9, 8), (6, 10)


@pytest.mark.parametrize(
    ("shape", "make"),
    [
        ((5,), lambda: nn.Linear(5, 3)),
        ((7, 5), lambda: nn.Linear(5, 3, bias=False)),
        (IMAGE, lambda: nn.Conv2d(4, 6, 3)),
        (IMAGE, lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), groups=2, bias=False)),
        (IMAGE, lambda: nn.Conv2d(4, 8, 3, groups=4, dilation=2, padding="same")),
        (IMAGE, lambda: nn.Conv2d(4, 8, 4, padding="same")),
        (IMAGE, lambda: nn.Conv2d(4, 2, 2, padding="valid")),
        (ROWS, lambda: nn.Conv1d(6, 4, 3, 2, 1)),
        (ROWS, lambda: nn.Conv1d(6, 4, 3, dilation=2, groups=2)),
        *(
            (IMAGE, lambda s=s, p=p: nn.ConvTranspose2d(4, 6, (3, 4), s, p, output_padding=s - 1, groups=2))
            for s in (1, 2, 3)
            for p in (0, 1, 2)
        ),
        (IMAGE, lambda: nn.ConvTranspose2d(4, 3, 3, 2, dilation=2)),
        (IMAGE, lambda: nn.ConvTranspose2d(4, 3, 1, 1, padding=1)),
        (ROWS, lambda: nn.ConvTranspose1d(6, 3, 3, 2, 1, 1)),
        (IMAGE, lambda: nn.AvgPool2d(2)),
        (IMAGE, lambda: nn.AvgPool2d(3, 2, 1)),
        (IMAGE, lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
        (IMAGE, lambda: nn.AvgPool2d(3, 1, divisor_override=5)),
        (IMAGE, lambda: nn.AvgPool2d((3, 2), ceil_mode=True)),
        (IMAGE, lambda: nn.MaxPool2d(2)),
        (IMAGE, lambda: nn.MaxPool2d(3, 2, 1)),
        (ROWS, lambda: nn.MaxPool1d(2)),
        (ROWS, lambda: nn.AvgPool1d(3, 2, 1)),
        (IMAGE, lambda: nn.AdaptiveAvgPool2d(1)),
        (IMAGE, lambda: nn.AdaptiveAvgPool2d((3, None))),
        (IMAGE, lambda: nn.AdaptiveMaxPool2d((3, 2))),
        (ROWS, lambda: nn.AdaptiveAvgPool1d(5)),
        (IMAGE, lambda: nn.BatchNorm2d(4)),
        (IMAGE, lambda: nn.BatchNorm2d(4, affine=False, eps=0.1)),
        (ROWS, lambda: nn.BatchNorm1d(6)),
        ((6,), lambda: nn.BatchNorm1d(6)),
        (IMAGE, lambda: nn.LayerNorm((4, 9, 8))),
        (IMAGE, lambda: nn.LayerNorm(8)),
        (IMAGE, lambda: nn.LayerNorm((9, 8), elementwise_affine=False)),
        (IMAGE, lambda: nn.GroupNorm(2, 4)),
        (IMAGE, lambda: nn.InstanceNorm2d(4, affine=True)),
        (IMAGE, lambda: nn.Upsample(scale_factor=2)),
        (IMAGE, lambda: nn.ZeroPad2d((1, 2, 0, 3))),
        (IMAGE, lambda: nn.PixelShuffle(2)),
        (IMAGE, lambda: nn.Unflatten(1, (2, 2))),
    ],
)
def test_modules(shape, make):
    check(shape, make())


@pytest.mark.parametrize(
    "make",
    [
        nn.ReLU, nn.ReLU6, nn.LeakyReLU, lambda: nn.LeakyReLU(0.3), nn.PReLU, lambda: nn.PReLU(4), nn.Hardtanh, nn.ELU,
        lambda: nn.ELU(0.5), nn.SELU, nn.GELU, lambda: nn.GELU("tanh"), nn.SiLU, nn.Mish, nn.Sigmoid, nn.LogSigmoid,
        nn.Hardsigmoid, nn.Hardswish, nn.Tanh, nn.Softplus, lambda: nn.Softplus(2.0), lambda: nn.Softmax(1),
        lambda: nn.Softmax(-1), lambda: nn.LogSoftmax(1), nn.Softmax2d, nn.Identity, nn.Dropout, nn.Dropout2d,
        lambda: nn.ReLU(inplace=True),
    ],
)  # fmt: skip
def test_activations(make):
    check(IMAGE, nn.Conv2d(4, 4, 3), make(), nn.Conv2d(4, 2, 1))
    check(IMAGE, nn.Sequential(nn.Conv2d(4, 4, 3), make(), nn.Flatten(), nn.Linear(4 * 7 * 6, 3)))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.relu(x) + F.relu(x) * x.sigmoid() - torch.tanh(x),
        lambda x: F.gelu(x, approximate="tanh") + F.silu(x) + F.elu(x, 0.5) + F.leaky_relu(x, 0.2) + F.relu6(x),
        lambda x: F.softplus(x) + F.hardswish(x) + F.hardsigmoid(x) + F.selu(x) + F.mish(x) + F.hardtanh(x),
        lambda x: F.softmax(x, dim=-1) + x.softmax(1) + torch.log_softmax(x, 2),
        lambda x: (
            x.clamp(min=-0.5) + x.clamp(max=0.25) + torch.clamp(x, -1, 1) + x.clamp_min(0.0)
            if hasattr(torch, "nothing")
            else x.clamp(min=-0.5) + x.clamp(max=0.25) + torch.clamp(x, -1, 1)
        ),
        lambda x: 2 - x / 8 + 0.5 * x,
        lambda x: torch.maximum(x, torch.zeros(1)) - torch.minimum(x, x * 0.5),
        lambda x: x**2 + x.pow(3) + x.square() + torch.add(x, x, alpha=2),
        lambda x: x.view(x.size(0), -1),
        lambda x: x.view(-1, 60).unsqueeze(1),
        lambda x: torch.flatten(x, 1),
        lambda x: x.reshape(x.shape[0], 2, 3, 10).permute(0, 2, 3, 1),
        lambda x: x.reshape(x.shape[0] * 6, 10).relu().view(-1, 6, 10),
        lambda x: x.transpose(1, 2).contiguous().mean(1),
        lambda x: x.mean(dim=(1, 2)),
        lambda x: x.mean(-1, keepdim=True) * x,
        lambda x: x.sum(1) + x.amax(1) + x.max(1)[0],
        lambda x: torch.cat([x, x.relu()], 1),
        lambda x: torch.stack([x, x.relu()], dim=2),
        lambda x: x.chunk(2, 1)[0] * x.chunk(2, dim=1)[1],
        lambda x: x[:, 0] + x[:, -1],
        lambda x: x[:, 1:5:2, None, ::3],
        lambda x: x.select(1, 2) + x.narrow(1, 1, 1).squeeze(1),
        lambda x: x.unsqueeze(1).expand(-1, 2, -1, -1).relu(),
        lambda x: x.repeat(1, 2, 1) + x.repeat_interleave(2, dim=1),
        lambda x: F.pad(x, (1, 2)),
        lambda x: F.interpolate(x, scale_factor=2),
        lambda x: torch.matmul(x, x.transpose(1, 2)),
        lambda x: x @ x.mT.relu() @ x,
        lambda x: torch.bmm(x.relu(), x.transpose(1, 2)),
        lambda x: torch.einsum("bcl,bkl->bck", x, x.relu()),
        lambda x: F.scaled_dot_product_attention(x, x.relu(), x),
        lambda x: F.avg_pool1d(x, 2) + F.max_pool1d(x, 2) + F.adaptive_avg_pool1d(x, 5),
        lambda x: F.layer_norm(x, (10,)),
        lambda x: (
            F.dropout(x, 0.5, False) + x.new_zeros(1) if hasattr(torch, "nothing") else F.dropout(x, 0.5, False) + 1
        ),
        lambda x: x * torch.linspace(0, 1, 6)[:, None],
    ],
)
def test_functions(function):
    assert_same_answers(Call(function), ROWS)


# torch.fx of PyTorch 2.3 does not follow what such functions make of a size or of a list that it stands for.
newer = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 4), reason="PyTorch 2.3 cannot trace it"
)


@newer
@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.cat(x.split([1, 2, 3], 1)[::-1], dim=1),
        lambda x: torch.cat(x.unbind(1), 1),
        lambda x: x + torch.arange(x.size(2)).float() / 10,
    ],
)
def test_functions_of_traced_sizes_and_lists(function):
    assert_same_answers(Call(function), ROWS)


def test_functions_with_weights():
    def forward(x, conv):
        y = F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1)
        y = F.batch_norm(y, torch.ones(4), torch.full((4,), 2.0))
        return F.linear(torch.flatten(F.max_pool2d(y, 2), 1), torch.arange(48.0).reshape(3, 16) / 50)

    assert_same_answers(randomised(Call(forward, nn.Conv2d(4, 4, 3))), IMAGE)


def test_lenet_keeps_its_images_and_moves_no_data():
    model = check(
        (1, 28, 28), nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10),
    )  # fmt: skip
    assert kinds(model) == ["Conv2D", "ReLU", "MaxPool2D"] * 2 + ["Flatten", "Dense", "ReLU", "Dense"]
    assert model.input_axes == (1, 2, 0)


def test_images_go_in_and_come_out_channels_first():
    model = check((3, 8, 6), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1))
    assert kinds(model) == ["Conv2D", "ReLU", "Conv2D"]
    assert (model.input_axes, model.output_axes) == ((1, 2, 0), (2, 0, 1))
    normalised = check((3, 8, 6), Call(lambda x, conv: conv((x - 0.5) / 0.25), nn.Conv2d(3, 4, 3)))
    assert kinds(normalised) == ["Affine", "Scale", "Conv2D"]


class Residual(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.down = nn.Conv2d(inside, outside, 1, stride) if stride > 1 else None

    def forward(self, x):
        identity = x if self.down is None else self.down(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


def test_residual_nets():
    model = check(
        (3, 16, 16), nn.Conv2d(3, 4, 3), Residual(4, 4, 1), Residual(4, 6, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 3),
    )  # fmt: skip
    assert "Permute" not in kinds(model)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_multi_head_attention(batch_first, bias):
    def forward(x, attention):
        y = x if batch_first else x.transpose(0, 1)
        y, _ = attention(y, y, y, need_weights=False)
        return y if batch_first else y.transpose(0, 1)

    assert_same_answers(
        randomised(Call(forward, nn.MultiheadAttention(8, 2, bias=bias, batch_first=batch_first))), (5, 8)
    )


def test_cross_attention():
    attention = nn.MultiheadAttention(8, 2, kdim=6, vdim=4, batch_first=True)
    assert_same_answers(randomised(Call(lambda x, a: a(x, x[:, :3, :6], x[:, :3, 4:])[0], attention)), (5, 8))


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu", nn.SiLU()])
def test_transformer_encoders(norm_first, activation):
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=activation, batch_first=True, norm_first=norm_first)
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False)
    check((5, 8), encoder, nn.Flatten(), nn.Linear(40, 3))


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.positions = nn.Parameter(torch.randn(1, 5, 8))
        self.qkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        B, N, C = x.shape
        x = torch.cat([self.token.expand(B, -1, -1), x], dim=1) + self.positions
        q, k, v = self.qkv(self.norm(x)).reshape(B, N + 1, 3, 2, C // 2).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1)) * (C // 2) ** -0.5
        x = x + self.out((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(B, N + 1, C))
        return self.head(x[:, 0])


def test_a_vision_transformer():
    assert_same_answers(randomised(VisionTransformer()), (3, 8, 8))


class Characters(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 8), nn.Embedding(7, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        return self.head((self.tokens(x) + self.places(torch.arange(x.shape[1]))).mean(dim=1))


@newer
def test_embeddings():
    x = np.random.default_rng(0).integers(0, 11, (3, 7))
    model = assert_same_answers(randomised(Characters()), (7,), x)
    assert kinds(model)[:3] == ["OneHot", "Dense", "Affine"]


def test_a_mixer():
    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.norm = nn.Linear(5, 5), nn.Linear(8, 8), nn.LayerNorm(8)

        def forward(self, x):
            x = x + F.gelu(self.a(self.norm(x).transpose(1, 2))).transpose(1, 2)
            return x + self.b(self.norm(x))

    check((5, 8), Mixer())


def test_the_module_stays_as_it_was_and_answers_as_in_eval_mode():
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.9), Call(lambda x: x.relu()))
    module[1].eval()
    ours = from_torch(module, (4,))
    assert module.training
    assert not module[1].training
    x = torch.randn(2, 4)
    np.testing.assert_allclose(ours.predict(x.numpy()), module.eval()(x).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_an_operation_in_place_changes_what_others_see():
    def forward(x, linear):
        y = linear(x)
        z = y
        F.relu(y, inplace=True)
        return z + y

    assert_same_answers(Call(forward, nn.Linear(4, 4)), (4,))

    def viewed(x, linear):
        y = linear(x)
        z = y.view(-1, 2, 2)
        y.relu_()
        return z

    with pytest.raises(UnsupportedModelError, match="in place on a tensor of which a view is still used"):
        from_torch(Call(viewed, nn.Linear(4, 4)), (4,))


@pytest.mark.parametrize(
    ("module", "complaint"),
    [
        (nn.LSTM(4, 4), "this module is not supported"),
        (nn.Sequential(nn.Linear(4, 4), nn.Softshrink()), r"Softshrink '1': this module is not supported"),
        (Call(lambda x: torch.fft.fft(x)), r"function is not supported"),
        (Call(lambda x: x.sort()[0]), "sort.* not supported"),
        (Call(lambda x: x / x), "division by what depends on the input"),
        (Call(lambda x: x.view(2, -1)), "mixes the inputs of a batch|cannot become"),
        (Call(lambda x: x.mean()), "over the batch"),
        (Call(lambda x: x.mean(0, keepdim=True)), "mixes the inputs of a batch"),
        (Call(lambda x: x[0]), "a part of the batch"),
        (Call(lambda x: x if x.sum() > 0 else -x), "cannot follow this module"),
        (Call(lambda x: x * 0), "factor of 0"),
        (Call(lambda x: (x, x)), "gives a tuple"),
        (Call(lambda x: torch.softmax(x, 0)), "mixes the inputs of a batch"),
        (Call(lambda x: x @ x.T), "product of tensors|mixes"),
    ],
)
def test_what_is_not_supported_is_named(module, complaint):
    with pytest.raises(UnsupportedModelError, match=complaint):
        from_torch(module, (4,))


def test_everything_refused_is_named_at_once():
    module = nn.Sequential(nn.Conv2d(1, 2, 3, padding_mode="circular", padding=1), nn.Softsign(), nn.Softmax())
    with pytest.raises(UnsupportedModelError) as raised:
        from_torch(module, (1, 6, 6))
    message = str(raised.value)
    assert "Conv2d '0': padding_mode='circular'" in message
    assert "Softsign '1': this module is not supported" in message
    assert "Softmax '2': a softmax without dim" in message
    assert "supported: modules: Linear" in message


def test_options_that_are_refused():
    for module, complaint in (
        (nn.AvgPool2d(2, ceil_mode=True), "ceil_mode"),
        (nn.MaxPool2d(2, dilation=2), "dilation"),
        (nn.AdaptiveAvgPool2d(4), "unequal size"),
        (nn.BatchNorm2d(2, track_running_stats=False), "track_running_stats"),
        (nn.Upsample(scale_factor=2, mode="bilinear"), "bilinear"),
        (nn.ConstantPad2d(1, 3.0), "value"),
    ):
        with pytest.raises(UnsupportedModelError, match=complaint):
            from_torch(module, (2, 7, 7))


def test_other_arguments():
    with pytest.raises(UnsupportedModelError, match=r"expected a torch\.nn\.Module in memory"):
        from_torch("model.pt", (4,))
    for shape in ((), (0,), 5, (2.5,)):
        with pytest.raises(InputError, match="input_shape"):
            from_torch(nn.ReLU(), shape)
    broken = nn.Linear(2, 2)
    broken.weight.data[0, 0] = float("nan")
    with pytest.raises(NotFiniteError, match="weights"):
        from_torch(broken, (2,))


def test_pytorch_that_is_missing_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"trine\[torch\]"):
        from_torch(None, (2,))
