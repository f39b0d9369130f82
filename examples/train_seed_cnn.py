"""Trains the digit classifier that `trine demo` runs: one epoch of MNIST with Keras on PyTorch.

    python examples/train_seed_cnn.py --data mnist.npz

Writes ``seed_cnn.keras`` (``seed_cnn.h5`` too with ``--h5``) and ``seed_cnn.npz``, the same model as trine keeps
it. One machine gives the same file every time; another processor may round differently.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch

from trine import nn

SEED = 0
THREADS = 2
BATCH = 128


def mnist_file(data: Path | None) -> Path | None:
    """Where MNIST lies, as Keras's mnist.npz: the flag, or the file or directory that TRINE_DATA names."""
    if data is None and "TRINE_DATA" in os.environ:
        data = Path(os.environ["TRINE_DATA"])
    return data / "mnist.npz" if data is not None and data.is_dir() else data


def load_mnist(data: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train images, train labels, test images, test labels; images are float32 in 0..1, (N, 28, 28, 1)."""
    path = mnist_file(data)
    if path is not None:
        with np.load(path, allow_pickle=False) as arrays:
            x, y = (np.concatenate([arrays[f"{axis}_train"], arrays[f"{axis}_test"]]) for axis in "xy")
    else:
        print("no --data FILE.npz and no TRINE_DATA: fetching MNIST from OpenML")
        try:
            from sklearn.datasets import fetch_openml
        except ImportError:
            raise SystemExit("pip install scikit-learn, or pass --data mnist.npz") from None
        x, y = fetch_openml("mnist_784", version=1, as_frame=False, return_X_y=True)
    images = (x.reshape(-1, 28, 28, 1) / 255.0).astype(np.float32)
    labels = y.astype(np.int64)
    return images[:60_000], labels[:60_000], images[60_000:], labels[60_000:]


def seed_cnn() -> keras.Sequential:
    """Three convolutions, each pooled then rectified, and ten logits."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3),
            layers.AveragePooling2D(2),
            layers.ReLU(),
            layers.Conv2D(32, 3),
            layers.AveragePooling2D(2),
            layers.ReLU(),
            layers.Conv2D(64, 3),
            layers.AveragePooling2D(2),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10),
        ],
        name="seed_cnn",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FILE.npz", help="MNIST with x_train, y_train, x_test, y_test")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to write (default: here)")
    parser.add_argument("--h5", action="store_true", help="write the older seed_cnn.h5 too")
    options = parser.parse_args()

    keras.utils.set_random_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(THREADS)

    x_train, y_train, x_test, y_test = load_mnist(options.data)
    model = seed_cnn()
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, batch_size=BATCH, epochs=1, verbose=2)

    options.out.mkdir(parents=True, exist_ok=True)
    model.save(options.out / "seed_cnn.keras")
    if options.h5:
        model.save(options.out / "seed_cnn.h5")

    private = nn.from_keras(model, input_range=(0.0, 1.0))
    path = options.out / "seed_cnn.npz"
    private.save(path)
    print(private.summary())
    answers = private.predict(x_test)
    apart = np.abs(answers - model.predict(x_test, verbose=0)).max()
    print(f"test accuracy {(answers.argmax(axis=1) == y_test).mean():.2%}, at most {apart:.1e} from Keras")
    print(f"{path}: {path.stat().st_size:,} bytes, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
