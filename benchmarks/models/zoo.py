"""The reference networks, in PyTorch, and how they are trained on MNIST.

``python benchmarks/models/zoo.py [NAME ...]`` trains them and writes them, imported, to
``tests/laws/models``, where the tests and ``benchmarks/models/reference.py`` find them. MNIST is looked for as by the
tests: ``mnist.npz`` in ``$TRINE_DATA`` or beside the checkout.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import trine.nn

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "laws" / "models"


class LeNet5(nn.Sequential):
    """LeNet-5 with ReLU and max pooling."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
        )


class SigmoidMLP(nn.Sequential):
    """A perceptron with two hidden layers of sigmoids."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Flatten(), nn.Linear(784, 64), nn.Sigmoid(), nn.Linear(64, 32), nn.Sigmoid(), nn.Linear(32, 10)),
        )


class Separable(nn.Sequential):
    """Depthwise-separable convolutions with batch norms and ReLU6, as in MobileNet."""

    def __init__(self) -> None:
        layers: list[nn.Module] = [nn.Conv2d(1, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()]
        for inputs, outputs, stride in ((8, 16, 1), (16, 32, 2), (32, 64, 2)):
            layers += [nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), nn.BatchNorm2d(inputs)]
            layers += [nn.ReLU6(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU6()]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.second, self.second_norm = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class ResNet(nn.Sequential):
    """A residual network of seven convolutions, with batch norms."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
            *(Block(8, 8, 2), Block(8, 16, 2), Block(16, 32, 2)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
        )


class Transformer(nn.Module):
    """Two encoder blocks over the image's 28 rows."""

    def __init__(self, size: int = 32, heads: int = 2) -> None:
        super().__init__()
        self.embed = nn.Linear(28, size)
        self.place = nn.Parameter(0.1 * torch.randn(28, size))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(size, heads, 2 * size, 0.0, "gelu", batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(size, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = self.embed(x.squeeze(1)) + self.place
        for block in self.blocks:
            y = block(y)
        return self.head(y.mean(dim=1))


# The architecture, and epochs of training.
NETWORKS: dict[str, tuple[type[nn.Module], int]] = {
    "lenet5": (LeNet5, 2),
    "mlp": (SigmoidMLP, 4),
    "separable": (Separable, 2),
    "resnet": (ResNet, 2),
    "transformer": (Transformer, 3),
}


def mnist() -> dict[str, np.ndarray]:
    """The data, with pixels in 0..1 and a channel axis in front."""
    given = Path(os.environ.get("TRINE_DATA", ROOT.parent / "shared" / "data"))
    with np.load(given / "mnist.npz" if given.is_dir() else given, allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    return {name: a[:, None] / np.float32(255) if name.startswith("x") else a.astype(int) for name, a in data.items()}


def train(network: nn.Module, x: np.ndarray, y: np.ndarray, epochs: int, batch: int = 64) -> None:
    """Adam with one cycle of the learning rate."""
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    optimiser = torch.optim.Adam(network.parameters())
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.004, steps)
    network.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x))[: len(x) // batch * batch].view(-1, batch):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(images[rows]), labels[rows]).backward()
            optimiser.step()
            schedule.step()
    network.eval()


def main() -> None:
    """Train what is named, or all."""
    data = mnist()
    MODELS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or NETWORKS:
        kind, epochs = NETWORKS[name]
        torch.manual_seed(7)
        network = kind()
        train(network, data["x_train"], data["y_train"], epochs)
        model = trine.nn.from_torch(network, (1, 28, 28))
        model.save(MODELS / f"{name}.npz")
        right = (model.predict(data["x_test"]).argmax(1) == data["y_test"]).mean()
        weights = sum(parameter.numel() for parameter in network.parameters())
        print(f"{name}: {weights:,} weights, {right:.2%} of the test images right")


if __name__ == "__main__":
    main()
