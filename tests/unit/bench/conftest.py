"""Sizes so small that everything is quick, and peers that are no more than a script."""

import os
import sys
from pathlib import Path

import pytest

from trine.bench.mode import Mode
from trine.bench.turns import Pace

# What a peer is by contract, with figures that a test knows; "odd" lines are what libraries print besides.
PEER = """
import argparse, json, pathlib, sys, zipfile

parser = argparse.ArgumentParser()
parser.add_argument("--weights", type=pathlib.Path, required=True)
parser.add_argument("--images", type=pathlib.Path, required=True)
options = parser.parse_args()
assert len(zipfile.ZipFile(options.weights).namelist()) == 8
assert options.images.read_bytes()[:6] == b"\\x93NUMPY"
print("an odd line", flush=True)
for line in sys.stdin:
    workload = line.strip()
    if workload == "stop":
        break
    seconds = {"w1": 1.5, "w2": 30.0, "w4": 4.0, "w5": 5.0, "w6": 0.5, "w7": 3.0}[workload]
    answer = {"workload": workload, "seconds": seconds, "bytes": 1000, "rounds": None, "max_error": 0.25}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def tiny() -> Mode:
    two = Pace(warm_up=0, least=2, most=2)
    return Mode("tiny", 16, 8, 1000, 1 << 14, 2, 4, 100, 0.0, two, two, two, two, two)


class Peers:
    """A directory of peers, as a checkout has it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, name: str, script: str = PEER, installed: bool = True) -> None:
        (self.directory / name).mkdir()
        (self.directory / name / "peer.py").write_text(script)
        if installed:
            python = self.directory / ".venvs" / name / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
            os.chmod(python, 0o755)


@pytest.fixture
def peers(tmp_path) -> Peers:
    return Peers(tmp_path)


@pytest.fixture(scope="session")
def peer_script() -> str:
    return PEER
