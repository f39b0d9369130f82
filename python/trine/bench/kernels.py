"""K1 to K7: trine's kernels against other libraries, against themselves, and against what the memory can carry."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trine import _core
from trine.bench.lines import LineProcess
from trine.bench.mode import Mode
from trine.bench.rows import Row, Side
from trine.bench.turns import Pace, Timed, alternate, timed
from trine.ring import Prg
from trine.ring.field import SEED_PRIME

__all__ = ["KERNELS", "Kernels"]

Ring = NDArray[np.uint64]

# The second layer of the demo's network: images, kernels, and the result's rows and columns.
IMAGE, KERNEL, OUTPUT = (13, 13, 16), (3, 3, 16, 32), (11, 11, 32)
OPENSSL_BLOCK = 16384
# Set by some shells to try a kernel out; what NumPy chooses by itself is what its users have.
BLAS_PREFIX = "OPENBLAS_"
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Case(NamedTuple):
    """The first fields of a row."""

    id: str
    what: str
    note: str


class Kernels:
    """Measures the kernels' rows; a context, since other libraries are timed in a process of their own."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._rng = np.random.default_rng(0)
        self._stack = contextlib.ExitStack()
        self._others: LineProcess | None = None

    def k1(self) -> list[Row]:
        """Product modulo 2^64 against float64 BLAS; the arithmetic allows half its speed on AVX2."""
        size = self._mode.matrix
        ours = {
            isa: self._z2k_matmul(size, size, size, isa=name)
            for isa, name in [("avx2", "avx2"), (f"auto: {_core.available_isas()[-1]}", "auto")]
            if name == "auto" or name in _core.available_isas()
        }
        note = "One thread each. The arithmetic limit is 0.5 on AVX2."
        case = Case("K1", f"Z_2^64 GEMM {size}^3", note)
        return self._against(case, ours, {"numpy-float64": 0.40}, size, self._mode.kernels)

    def k2(self) -> list[Row]:
        """The same against what computes in 64-bit integers elsewhere."""
        size = self._mode.slow_matrix
        ours = {"auto": self._z2k_matmul(size, size, size)}
        goals = {"numpy-uint64": 15.0, "torch-int64": 25.0}
        case = Case("K2", f"Z_2^64 GEMM {size}^3", "One thread each.")
        return self._against(case, ours, goals, size, self._mode.slow_kernels)

    def k3(self) -> list[Row]:
        """Product modulo a 47-bit prime against FLINT."""
        size, prime = self._mode.matrix, SEED_PRIME
        a, b = (self._rng.integers(0, prime, (size, size), np.uint64) for _ in range(2))
        out = np.empty((size, size), np.uint64)
        ours = {"auto": timed(lambda: _core.field_matmul(a, b, prime, out))}
        case = Case("K3", f"GEMM mod Q {size}^3", f"Q = {prime}; one thread each.")
        return self._against(case, ours, {"flint": 1.5}, size, self._mode.slow_kernels)

    def k4(self) -> list[Row]:
        """Convolution against a GEMM of the same products: what packing the patches costs."""
        rows = []
        for isa in [name for name in ("avx2", "auto") if name == "auto" or name in _core.available_isas()]:
            sides = {f"conv2d {isa}": self._conv2d(isa=isa), f"GEMM {isa}": self._conv_gemm(isa=isa)}
            what = f"conv2d, batch {self._mode.batch}"
            note = (
                "The demo CNN's second layer, 13 x 13 x 16 by 3 x 3 to 32 channels, against trine's own GEMM of the "
                "same products on patches that are already laid out; one thread each."
            )
            rows.append(self._pair(Case("K4", what, note), sides, 0.8, self._mode.kernels))
        return rows

    def k5(self) -> list[Row]:
        """AES-CTR as trine draws from it against OpenSSL's own benchmark of the cipher."""
        size = self._mode.fill
        prg = Prg(bytes(16))
        # The array is large enough that the call from Python is small beside it, and stays in the cache.
        ours = {"Prg": timed(lambda: prg.uint64(size // 8), self._mode.sample)}
        note = (
            f"A draw from trine.ring.Prg against openssl speed -evp aes-128-ctr -bytes {OPENSSL_BLOCK}, its time for "
            "as many bytes; one thread each."
        )
        case = Case("K5", f"PRG fill of {size >> 10} KiB", note)
        program = shutil.which("openssl")
        if program is None or not _openssl_speed(program, size):
            missing = "install OpenSSL's program: apt-get install openssl"
            return [self._alone(case, ours, 0.8, missing, self._mode.kernels)]
        sides: dict[str, Timed] = {**ours, "openssl speed": lambda: _openssl_speed(program, size) or float("nan")}
        return [self._pair(case, sides, 0.8, self._mode.slow_kernels)]

    def k6(self) -> list[Row]:
        """Element-wise operations against NumPy's float64 addition on the same memory.

        One vector add for two loads and a store, on arrays far beyond the caches: what bounds that loop is the memory
        (it is STREAM's "add"), and every operation here moves the same bytes.
        """
        # Numbers that are doubles in [1, 2) too: no denormals, which would slow the float64 side down.
        a, b = (self._rng.integers(1023 << 52, 1024 << 52, self._mode.elements, np.uint64) for _ in range(2))
        out = np.empty_like(a)
        floats = [array.view(np.float64) for array in (a, b, out)]
        loop = timed(lambda: np.add(floats[0], floats[1], out=floats[2]), self._mode.sample)
        operations = {"add": _core.z2k_add, "sub": _core.z2k_sub, "mul": _core.z2k_mul}
        rows = []
        for name, kernel in operations.items():
            ours = timed(lambda kernel=kernel: kernel(a, b, out), self._mode.sample)  # type: ignore[misc]
            sides = {"auto": ours, "numpy float64 add": loop}
            what = f"{name}, {self._mode.elements:,} elements"
            note = (
                "Against a memory-bandwidth loop of the same traffic, two loads and a store for each element: NumPy's "
                "float64 addition on the same arrays, which are far larger than the caches; one thread each."
            )
            rows.append(self._pair(Case("K6", what, note), sides, 0.8, self._mode.kernels))
        return rows

    def k7(self) -> list[Row]:
        """Two threads against one."""
        size = self._mode.matrix
        cases: dict[str, Callable[[int], Timed]] = {
            f"Z_2^64 GEMM {size}^3": lambda threads: self._z2k_matmul(size, size, size, threads=threads),
            f"conv2d, batch {self._mode.batch}": lambda threads: self._conv2d(threads=threads),
        }
        rows = []
        for what, make in cases.items():
            sides = {"two threads": make(2), "one thread": make(1)}
            rows.append(self._pair(Case("K7", what, "As in K1 and K4."), sides, 1.7, self._mode.kernels))
        return rows

    def _z2k_matmul(self, m: int, k: int, n: int, isa: str = "auto", threads: int = 1) -> Timed:
        a, b, out = self._words(m, k), self._words(k, n), np.empty((m, n), np.uint64)
        return timed(lambda: _core.z2k_matmul(a, b, out, threads=threads, isa=isa), self._mode.sample)

    def _conv2d(self, isa: str = "auto", threads: int = 1) -> Timed:
        batch = self._mode.batch
        x, w, out = self._words(batch, *IMAGE), self._words(*KERNEL), np.empty((batch, *OUTPUT), np.uint64)
        return timed(lambda: _core.z2k_conv2d(x, w, out, threads=threads, isa=isa), self._mode.sample)

    def _conv_gemm(self, isa: str) -> Timed:
        rows, depth = self._mode.batch * OUTPUT[0] * OUTPUT[1], KERNEL[0] * KERNEL[1] * KERNEL[2]
        return self._z2k_matmul(rows, depth, KERNEL[3], isa=isa)

    def _words(self, *shape: int) -> Ring:
        return self._rng.integers(0, 1 << 64, shape, np.uint64)

    def _against(
        self, case: Case, ours: Mapping[str, Timed], goals: Mapping[str, float], size: int, pace: Pace
    ) -> list[Row]:
        """All of ours and all rivals turn by turn; a row for each pair."""
        sides, names, missing = dict(ours), dict[str, str](), dict[str, str]()
        for rival in goals:
            answer = self._ask(rival, size)
            if "missing" in answer:
                missing[rival] = answer["missing"]
            else:
                names[rival] = answer["name"]
                sides[answer["name"]] = lambda rival=rival: float(self._ask(rival, size)["seconds"])  # type: ignore[misc]
        samples = alternate(sides, pace)
        rows = []
        for mine in ours:
            for rival, goal in goals.items():
                other = names.get(rival)
                theirs = None if other is None else Side(other, samples[other])
                rows.append(Row(*case, Side(mine, samples[mine]), theirs, goal, missing.get(rival, "")))
        return rows

    def _pair(self, case: Case, sides: Mapping[str, Timed], goal: float, pace: Pace) -> Row:
        ours, theirs = (Side(name, seconds) for name, seconds in alternate(sides, pace).items())
        return Row(*case, ours, theirs, goal)

    def _alone(self, case: Case, ours: Mapping[str, Timed], goal: float, missing: str, pace: Pace) -> Row:
        [(name, seconds)] = alternate(ours, pace).items()
        return Row(*case, Side(name, seconds), None, goal, missing)

    def _ask(self, rival: str, size: int) -> dict[str, Any]:
        if self._others is None:
            clean = {name: value for name, value in os.environ.items() if not name.startswith(BLAS_PREFIX)}
            environment = clean | dict.fromkeys(ONE_THREAD, "1")
            command = [sys.executable, "-m", "trine.bench.rivals"]
            self._others = self._stack.enter_context(LineProcess("the other libraries' process", command, environment))
        return self._others.ask(json.dumps({"rival": rival, "size": size}))

    def __enter__(self) -> Kernels:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


KERNELS: dict[str, Callable[[Kernels], Sequence[Row]]] = {
    "K1": Kernels.k1,
    "K2": Kernels.k2,
    "K3": Kernels.k3,
    "K4": Kernels.k4,
    "K5": Kernels.k5,
    "K6": Kernels.k6,
    "K7": Kernels.k7,
}


def _openssl_speed(program: str, size: int) -> float | None:
    """Seconds that the openssl program takes for so many bytes; None if it does not know how to tell."""
    # Elapsed time, as on our side: else it is the processor's, which a busy machine does not lengthen.
    command = [
        program,
        "speed",
        "-elapsed",
        "-mr",
        "-seconds",
        "1",
        "-bytes",
        str(OPENSSL_BLOCK),
        "-evp",
        "aes-128-ctr",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in run.stdout.splitlines():
        if line.startswith("+F:"):
            return size / float(line.rsplit(":", 1)[1])
    return None
