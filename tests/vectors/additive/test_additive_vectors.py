"""The frozen answers: trine still gives them, and an independent verifier derives them."""

import copy
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trine.mpc.additive import AdditiveShare, reconstruct_real

HERE = Path(__file__).parent
FROZEN = json.loads((HERE / "answers.json").read_text())


def test_trine_gives_the_frozen_answers():
    generate = runpy.run_path(str(HERE / "generate.py"))
    assert generate["answers"]() == FROZEN


@pytest.mark.parametrize("name", [*FROZEN["sharings"], *FROZEN["combinations"]])
def test_frozen_messages_stay_readable(name):
    case = (FROZEN["sharings"] | FROZEN["combinations"])[name]
    received = [AdditiveShare.from_bytes(bytes.fromhex(message)) for message in case["messages"]]
    assert np.array_equal(reconstruct_real(received), np.array(case["opened"], float))


def test_the_verifier_accepts_without_trine():
    script = "import runpy, sys; sys.modules['trine'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
    command = [sys.executable, "-I", "-c", script, str(HERE / "verify.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "all answers derived again" in done.stdout


def spoil_word(answers):
    messages = answers["sharings"]["signed matrix"]["messages"]
    messages[1] = messages[1][:-4] + ("0" if messages[1][-4] != "0" else "1") + messages[1][-3:]


def spoil_key(answers):
    answers["sharings"]["seed example"]["key"] = 12345


def spoil_opened(answers):
    answers["sharings"]["reals"]["opened"][0] += 2.0**-16


def spoil_bound(answers):
    answers["sharings"]["signed matrix"]["bound"] += 1


def spoil_sum(answers):
    answers["combinations"]["seed sum"]["opened"] = 134


def spoil_weight(answers):
    answers["combinations"]["weighted"]["weights"][0] += 1


def spoil_hash(answers):
    answers["long"]["sha256"].reverse()


@pytest.mark.parametrize(
    "spoil", [spoil_word, spoil_key, spoil_opened, spoil_bound, spoil_sum, spoil_weight, spoil_hash]
)
def test_the_verifier_refuses_other_answers(spoil):
    verify = runpy.run_path(str(HERE / "verify.py"))["verify"]
    answers = copy.deepcopy(FROZEN)
    spoil(answers)
    with pytest.raises(SystemExit, match="was derived"):
        verify(answers)
