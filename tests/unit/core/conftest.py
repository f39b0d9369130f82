"""What the kernels' tests share: ways to run, arrays of words, and plain references."""

import numpy as np
import pytest

from trine import _core

RUNS = [{"isa": isa, "threads": threads} for isa in _core.available_isas() for threads in (1, 3)]


@pytest.fixture(scope="session", params=RUNS, ids=lambda run: f"{run['isa']}-{run['threads']}")
def run(request):
    """A code path and a number of threads: results must not depend on either."""
    return request.param


@pytest.fixture(scope="session")
def words():
    """Makes an array of random words or residues, extremes among them."""

    def make(seed, *shape, modulus=1 << 64):
        rng = np.random.default_rng(seed)
        array = rng.integers(0, modulus, shape, dtype=np.uint64, endpoint=False)
        extremes = np.array([0, 1, modulus // 2, modulus - 1], np.uint64)
        return np.where(rng.random(shape) < 0.2, rng.choice(extremes, shape), array)

    return make


@pytest.fixture(scope="session")
def conv2d():
    """The convolution by its definition, a kernel position at a time: modulo 2^64, or exact for objects."""

    def reference(x, w, stride, padding, dtype=np.uint64):
        (sh, sw), (top, bottom, left, right) = stride, padding
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0))).astype(dtype)
        (n, height, width, _), (kh, kw, _, filters) = x.shape, w.shape
        oh, ow = max(0, (height - kh) // sh + 1), max(0, (width - kw) // sw + 1)
        out = np.zeros((n, oh, ow, filters), dtype)
        for i in range(kh if oh and ow else 0):
            for j in range(kw):
                out += x[:, i : i + sh * (oh - 1) + 1 : sh, j : j + sw * (ow - 1) + 1 : sw] @ w[i, j].astype(dtype)
        return out

    return reference
