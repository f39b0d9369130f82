"""The process that times other libraries."""

import builtins
import json

import pytest

from trine.bench import rivals
from trine.bench.kernels import Kernels


@pytest.mark.parametrize("rival", rivals.RIVALS)
def test_a_rival_is_timed_or_named(rival):
    answer = rivals.answer({"rival": rival, "size": 8})
    assert answer.keys() in ({"name", "seconds"}, {"missing"})
    assert answer.get("seconds", 1.0) > 0
    assert answer.get("missing", "pip install").startswith("pip install")


def test_a_library_that_is_not_installed(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name in ("torch", "flint", "threadpoolctl"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert rivals.answer({"rival": "torch-int64", "size": 9}) == {"missing": "pip install torch"}
    assert rivals.answer({"rival": "flint", "size": 9}) == {"missing": "pip install python-flint"}
    assert rivals.answer({"rival": "numpy-float64", "size": 9})["name"] == "numpy float64 @ (kernel unknown)"


def test_its_process_has_one_thread_and_the_blas_s_own_kernel(monkeypatch, tiny):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    seen = {}

    class Recorder:
        def __init__(self, name, command, environment):
            seen.update(environment)

        def ask(self, line):
            return json.loads(line)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("trine.bench.kernels.LineProcess", Recorder)
    with Kernels(tiny) as measuring:
        assert measuring._ask("flint", 3) == {"rival": "flint", "size": 3}
    assert "OPENBLAS_CORETYPE" not in seen
    assert seen["OPENBLAS_NUM_THREADS"] == "1"
    assert seen["PATH"]
