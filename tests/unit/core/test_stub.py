"""The stub that type checkers read, against the module."""

import subprocess
import sys
from pathlib import Path

import pytest

import trine


def test_the_stub_is_what_the_generator_makes_of_the_module(tmp_path):
    """When the module changes: python -m pybind11_stubgen trine._core -o python"""
    pytest.importorskip("pybind11_stubgen", reason="pybind11-stubgen is not installed")
    subprocess.run(
        [sys.executable, "-m", "pybind11_stubgen", "trine._core", "--exit-code", "-o", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    generated = (tmp_path / "trine" / "_core.pyi").read_text()
    assert generated == (Path(trine.__file__).parent / "_core.pyi").read_text()
