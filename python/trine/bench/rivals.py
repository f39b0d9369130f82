"""Other libraries' products, timed in a process of their own, with one thread and nothing that would slow them.

Reads lines of JSON ``{"rival": name, "size": n}``, and answers each with ``{"name": ..., "seconds": ...}`` or, if the
library is not installed, ``{"missing": "what to install"}``.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from trine.bench.turns import Timed, timed
from trine.ring.field import SEED_PRIME


def numpy_float64(size: int) -> tuple[str, Callable[[], object]]:
    """NumPy's ``@`` on float64, which is BLAS's."""
    a, b = np.random.default_rng(0).random((2, size, size))
    out = np.empty((size, size))
    return f"numpy float64 @ ({_blas_kernel()})", lambda: np.matmul(a, b, out=out)


def numpy_uint64(size: int) -> tuple[str, Callable[[], object]]:
    """NumPy's ``@`` on uint64."""
    a, b = np.random.default_rng(0).integers(0, 1 << 64, (2, size, size), np.uint64)
    out = np.empty((size, size), np.uint64)
    return "numpy uint64 @", lambda: np.matmul(a, b, out=out)


def torch_int64(size: int) -> tuple[str, Callable[[], object]]:
    """PyTorch's ``mm`` on int64."""
    import torch

    torch.set_num_threads(1)
    a, b = torch.from_numpy(np.random.default_rng(0).integers(-(1 << 63), 1 << 63, (2, size, size), np.int64))
    return f"torch {torch.__version__.split('+')[0]} int64 mm", lambda: torch.mm(a, b)


def flint_nmod(size: int) -> tuple[str, Callable[[], object]]:
    """FLINT's ``nmod_mat`` product, modulo a 47-bit prime."""
    import flint

    rng = np.random.default_rng(0)
    a, b = (flint.nmod_mat(size, size, rng.integers(0, SEED_PRIME, size * size).tolist(), SEED_PRIME) for _ in range(2))
    return "flint nmod_mat", lambda: a * b


RIVALS: dict[str, tuple[Callable[[int], tuple[str, Callable[[], object]]], str]] = {
    "numpy-float64": (numpy_float64, "pip install numpy"),
    "numpy-uint64": (numpy_uint64, "pip install numpy"),
    "torch-int64": (torch_int64, "pip install torch"),
    "flint": (flint_nmod, "pip install python-flint"),
}


# Without threadpoolctl nobody says which of its kernels the BLAS has chosen.
UNKNOWN = "kernel unknown"


@functools.cache
def prepare(rival: str, size: int) -> tuple[str, Timed]:
    """Operands are made once."""
    name, call = RIVALS[rival][0](size)
    return name, timed(call)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Time one product."""
    rival = request["rival"]
    try:
        name, measure = prepare(rival, request["size"])
    except ImportError:
        return {"missing": RIVALS[rival][1]}
    return {"name": name, "seconds": measure()}


def _blas_kernel() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return UNKNOWN
    kernels = [pool.get("architecture") for pool in threadpool_info() if pool["user_api"] == "blas"]
    return str(kernels[0]) if kernels and kernels[0] else UNKNOWN


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
