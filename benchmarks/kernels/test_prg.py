"""Draws from a keyed generator: a query makes many small ones, a batch large ones; ``bytes`` is what a call draws."""

from __future__ import annotations

import pytest

from trine.ring import Prg
from trine.ring.field import SEED_PRIME


@pytest.mark.parametrize("count", [8, 128, 2048, 1 << 17, 1 << 22])
def test_words(benchmark, count):
    benchmark.group = f"uint64, {8 * count} B"
    benchmark.extra_info["bytes"] = 8 * count
    benchmark(Prg(bytes(16)).uint64, count)


@pytest.mark.parametrize("count", [8, 2048, 1 << 17])
def test_residues(benchmark, count):
    benchmark.group = f"field, {count} residues"
    benchmark.extra_info["bytes"] = 8 * count
    benchmark(Prg(bytes(16)).field, count, SEED_PRIME)


def test_a_new_key(benchmark):
    benchmark.group = "key and first draw, 64 B"
    benchmark.extra_info["bytes"] = 64
    benchmark(lambda: Prg(bytes(16)).uint64(8))
