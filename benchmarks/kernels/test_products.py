"""Matrix products and convolutions, from one small query to 1024^3; ``products`` is multiplications in a call."""

from __future__ import annotations

import numpy as np
import pytest

from trine import _core
from trine.ring.field import SEED_PRIME

# Rows, depth and columns of the demo CNN's layers as the parties multiply them, for one image.
LAYERS = [(676, 9, 16), (121, 144, 32), (9, 288, 64), (1, 64, 10)]
IMAGE, KERNEL, OUTPUT = (13, 13, 16), (3, 3, 16, 32), (11, 11, 32)


@pytest.mark.parametrize("size", [64, 256, 1024])
def test_z2k_matmul(benchmark, words, isa, threads, size):
    benchmark.group = f"z2k_matmul {size}^3"
    benchmark.extra_info["products"] = size**3
    a, b, out = words(size, size), words(size, size), np.empty((size, size), np.uint64)
    benchmark(_core.z2k_matmul, a, b, out, threads=threads, isa=isa)


@pytest.mark.parametrize("batch", [1, 128])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: "x".join(map(str, layer)))
def test_rss_matmul(benchmark, words, isa, layer, batch):
    rows, depth, columns = layer
    benchmark.group = f"rss_matmul {layer}, batch {batch}"
    benchmark.extra_info["products"] = 2 * batch * rows * depth * columns
    xa, xb = words(2, batch * rows, depth)
    ya, yb = words(2, depth, columns)
    benchmark(_core.rss_matmul, xa, xb, ya, yb, np.empty((batch * rows, columns), np.uint64), isa=isa)


@pytest.mark.parametrize("batch", [1, 128])
def test_z2k_conv2d(benchmark, words, isa, threads, batch):
    benchmark.group = f"z2k_conv2d, batch {batch}"
    benchmark.extra_info["products"] = batch * np.prod(OUTPUT).item() * np.prod(KERNEL[:3]).item()
    x, w, out = words(batch, *IMAGE), words(*KERNEL), np.empty((batch, *OUTPUT), np.uint64)
    benchmark(_core.z2k_conv2d, x, w, out, threads=threads, isa=isa)


@pytest.mark.parametrize("size", [64, 256, 1024])
def test_field_matmul(benchmark, words, isa, threads, size):
    benchmark.group = f"field_matmul {size}^3"
    benchmark.extra_info["products"] = size**3
    a, b = words(2, size, size) % np.uint64(SEED_PRIME)
    out = np.empty((size, size), np.uint64)
    benchmark(_core.field_matmul, a, b, SEED_PRIME, out, threads=threads, isa=isa)
