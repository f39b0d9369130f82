"""The machine's description, and a process's peak memory."""

import json
import sys

import numpy as np
import pytest

from trine import _core
from trine.bench.machine import describe, peak_memory, summary


def test_the_description_is_json_and_says_what_matters():
    machine = json.loads(json.dumps(describe()))
    assert machine["isas"] == _core.available_isas()
    assert machine["numpy"] == np.__version__
    assert machine["cores"] >= machine["usable_cores"] >= 1
    assert machine["memory_bytes"] > 1 << 28
    assert machine["processor"]
    line = summary(machine)
    assert machine["processor"] in line
    assert machine["python"] in line


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says")
def test_peak_memory_is_that_of_the_process():
    before = peak_memory()
    block = np.ones(1 << 25)  # 256 MiB
    after = peak_memory()
    assert before is not None
    assert after is not None
    assert after - before > block.nbytes / 2 or before > block.nbytes
    assert 1 << 20 < after < 1 << 36


def test_a_process_that_is_not_has_none():
    assert peak_memory(1 << 30) is None
