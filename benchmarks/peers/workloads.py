"""What every peer computes, its right answers, and the lines in which it is asked and answers; needs numpy alone.

``w1`` and ``w2``: 1 and 128 images through the seed CNN, weights and images secret. ``w4``: the product of two secret
1024 x 1024 matrices, with truncation. ``w5``: ReLU of 10^6 secret values. ``w6`` and ``w7``: softmax of 128 secret rows
of 10 and of 1000.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

BATCHES = {"w1": 1, "w2": 128}
CLASSES = {"w6": 10, "w7": 1000}
NAMES = ("w1", "w2", "w4", "w5", *CLASSES)
SHAPES = [(3, 3, 1, 16), (16,), (3, 3, 16, 32), (32,), (3, 3, 32, 64), (64,), (64, 10), (10,)]


class Workload(NamedTuple):
    """Arguments in clear and the float result; ``query`` workloads also run the model whose weights are shared."""

    query: bool
    arguments: list[np.ndarray]
    expected: np.ndarray

    def error(self, result: np.ndarray) -> float:
        """Largest difference between an entry of ``result`` and the float result."""
        return float(np.abs(np.asarray(result, np.float64).reshape(self.expected.shape) - self.expected).max())


def workload(name: str, weights: list[np.ndarray], images: np.ndarray) -> Workload:
    """One of ``NAMES``; a batch repeats the images."""
    rng = np.random.default_rng(0)
    if name in BATCHES:
        batch = np.resize(images, (BATCHES[name], *images.shape[1:]))
        return Workload(True, [batch.astype(np.float32)], seed_cnn(weights, batch))
    if name == "w4":
        left, right = rng.normal(size=(2, 1024, 1024))
        return Workload(False, [left.astype(np.float32), right.astype(np.float32)], left @ right)
    if name == "w5":
        values = rng.normal(0, 10, 10**6)
        return Workload(False, [values.astype(np.float32)], np.maximum(values, 0))
    if name in CLASSES:
        logits = np.random.default_rng(0).normal(0, 5, (128, CLASSES[name]))
        powers = np.exp(logits - logits.max(-1, keepdims=True))
        return Workload(False, [logits.astype(np.float32)], powers / powers.sum(-1, keepdims=True))
    raise ValueError(f"expected one of {NAMES}, got {name!r}")


def load_weights(path: Path | None) -> list[np.ndarray]:
    """The eight arrays of the seed CNN, float32, in Keras' layout and order (random ones if there is no file)."""
    if path is None:
        rng = np.random.default_rng(0)
        arrays = [rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape) for shape in SHAPES]
    else:
        with np.load(path) as file:
            arrays = [file[name] for name in file.files]
    if [array.shape for array in arrays] != SHAPES:
        raise SystemExit(f"expected arrays of shapes {SHAPES}, got {[array.shape for array in arrays]}")
    return [np.ascontiguousarray(array, np.float32) for array in arrays]


def load_images(path: Path | None) -> np.ndarray:
    """Images (n, 28, 28, 1) scaled to 0..1 (random ones if there is no file)."""
    return np.random.default_rng(0).random((128, 28, 28, 1)) if path is None else np.load(path)


def seed_cnn(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The seed CNN in float64: images (n, 28, 28, 1) to logits (n, 10)."""
    x = x.astype(np.float64)
    for kernel, bias in zip(weights[0:6:2], weights[1:6:2], strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
        x = np.einsum("nhwcij,ijco->nhwo", windows, kernel.astype(np.float64), optimize=True) + bias
        height, width = x.shape[1] // 2, x.shape[2] // 2
        x = x[:, : 2 * height, : 2 * width].reshape(len(x), height, 2, width, 2, -1).mean(axis=(2, 4))
        x = np.maximum(x, 0)
    return x.reshape(len(x), -1) @ weights[6] + weights[7]


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that all peers have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help=".npz of the eight arrays in Keras' layout and order")
    parser.add_argument("--images", type=Path, help=".npy of images (n, 28, 28, 1) in 0..1; a batch repeats them")
    return parser


def answer_lines(answer: Callable[[str], dict[str, object]]) -> None:
    """Answers each line of standard input by one JSON line, until ``stop`` or its end, or this process' parent's.

    What a peer's libraries print goes to standard error, so that standard output holds answers alone.
    """
    end_with_parent()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        name = line.strip()
        if name == "stop":
            break
        if name not in NAMES:
            raise SystemExit(f"expected one of {NAMES} or 'stop', got {name!r}")
        print(json.dumps({"workload": name} | answer(name)), file=answers, flush=True)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free, below those that systems give to outgoing connections."""
    ports: list[int] = []
    for port in random.sample(range(20000, 32000), 1000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise SystemExit("no free ports between 20000 and 32000")


def end_with_parent() -> None:
    """Ends this process within a second of its parent's end, whatever it is waiting for."""
    started_by = multiprocessing.parent_process()  # known even if it has ended before this is called
    parent = os.getppid() if started_by is None else started_by.pid

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
