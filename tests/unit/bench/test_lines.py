"""A process in conversation: answers, silence, and its end."""

import contextlib
import os
import sys
import time

import pytest

from trine.bench import lines
from trine.bench.lines import LineProcess
from trine.errors import BenchmarkError

ECHO = """
import sys
for line in sys.stdin:
    print("noise")
    print("[1]")
    print('{"said": ' + line.strip() + "}", flush=True)
"""


def python(code):
    return LineProcess("it", [sys.executable, "-c", code])


def test_it_answers_and_noise_is_passed_over():
    with python(ECHO) as process:
        assert process.ask("1") == {"said": 1}
        assert process.ask("2") == {"said": 2}


def test_two_answers_that_come_together_are_kept_apart():
    with python('print(\'{"a": 1}\\n{"a": 2}\')') as process:
        assert [process.answer(10) for _ in range(2)] == [{"a": 1}, {"a": 2}]


def test_its_end_is_told_with_its_last_words():
    with python("import sys; sys.exit('it cannot go on')") as process, pytest.raises(BenchmarkError) as caught:
        process.ask("1", timeout=10)
    assert str(caught.value).splitlines() == ["it ended", "it cannot go on"]


def test_an_error_is_raised():
    with python("""print('{"error": "no such thing"}')""") as process, pytest.raises(BenchmarkError) as caught:
        process.answer(10)
    assert str(caught.value) == "it: no such thing"


def test_silence_ends():
    with python("import time; time.sleep(60)") as process:
        with pytest.raises(BenchmarkError, match=r"did not answer in 0\.05 s"):
            process.answer(0.05)
        process._process.kill()


def test_a_program_that_is_not_there():
    with pytest.raises(BenchmarkError, match=r"it cannot be started: .*/no/such"):
        LineProcess("it", ["/no/such/program"])


def test_one_that_does_not_heed_is_ended_with_what_it_started(monkeypatch):
    monkeypatch.setattr(lines, "END_SECONDS", 0.2)
    child = "import time; time.sleep(60)"
    code = (
        f"import json, subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', '{child}']);"
        "print(json.dumps({'pid': p.pid}), flush=True); time.sleep(60)"
    )
    with python(code) as process:
        pid = process.answer(10)["pid"]
    # The orphan is ended at once and taken off the list of processes by whoever adopts it, a moment later.
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _runs(pid):
        time.sleep(0.01)
    assert not _runs(pid)


def _runs(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not os.path.exists("/proc/self")
