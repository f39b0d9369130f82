"""Operands, and parameters that every kernel is measured over."""

from __future__ import annotations

import numpy as np
import pytest

from trine import _core

ISAS = _core.available_isas()
THREADS = (1, 2)


@pytest.fixture
def words():
    """Makes arrays of random words, always the same."""
    rng = np.random.default_rng(0)
    return lambda *shape: rng.integers(0, 1 << 64, shape, np.uint64)


@pytest.fixture(params=ISAS)
def isa(request) -> str:
    return request.param


@pytest.fixture(params=THREADS, ids=lambda threads: f"{threads}-threads")
def threads(request) -> int:
    return request.param
