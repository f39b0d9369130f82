"""Operations element by element, from inside the first cache to far beyond the last; ``bytes`` is what a call moves."""

from __future__ import annotations

import numpy as np
import pytest

from trine import _core

COUNTS = [10**3, 10**5, 10**7]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("operation", ["add", "sub", "mul"])
def test_z2k(benchmark, words, isa, threads, operation, count):
    benchmark.group = f"z2k_{operation}, {count} elements"
    benchmark.extra_info["bytes"] = 3 * 8 * count
    a, b, out = words(count), words(count), np.empty(count, np.uint64)
    benchmark(getattr(_core, f"z2k_{operation}"), a, b, out, threads=threads, isa=isa)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("operation", ["mul", "and"])
def test_rss(benchmark, words, isa, operation, count):
    benchmark.group = f"rss_{operation}, {count} elements"
    benchmark.extra_info["bytes"] = 5 * 8 * count
    shares = [words(count) for _ in range(4)]
    benchmark(getattr(_core, f"rss_{operation}"), *shares, np.empty(count, np.uint64), isa=isa)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("width", [1, 31, 64])
@pytest.mark.parametrize("direction", ["pack", "unpack"])
def test_bits(benchmark, words, threads, direction, width, count):
    benchmark.group = f"bits_{direction}, width {width}, {count} elements"
    x, packed = words(count), np.empty((count * width + 7) // 8, np.uint8)
    benchmark.extra_info["bytes"] = x.nbytes + packed.nbytes
    _core.bits_pack(x, width, packed)
    if direction == "pack":
        benchmark(_core.bits_pack, x, width, packed, threads=threads)
    else:
        benchmark(_core.bits_unpack, packed, x.shape, width, threads=threads)


@pytest.mark.parametrize("count", COUNTS[1:])
@pytest.mark.parametrize("width", [4, 32])
def test_planes(benchmark, words, threads, width, count):
    benchmark.group = f"bits_to_planes, width {width}, {count} elements"
    x, planes = words(count), np.empty((width, (count + 63) // 64), np.uint64)
    benchmark.extra_info["bytes"] = x.nbytes + planes.nbytes
    benchmark(_core.bits_to_planes, x, planes, threads=threads)
