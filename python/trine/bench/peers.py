"""Other systems for private inference, each in an environment and a process of its own, driven line by line.

A directory of peers holds ``<name>/peer.py`` and, once ``<name>/setup.sh`` has been run, ``.venvs/<name>/bin/python``.
``peer.py --weights W.npz --images X.npy`` reads lines ``w1``, ``w2``, ``w4`` ... ``w7``, and answers each with one line
of JSON: workload, seconds, bytes, rounds (null where it cannot tell) and max_error.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trine.bench.lines import LineProcess
from trine.bench.workloads import Answer
from trine.demo.data import load_seed_cnn
from trine.errors import BenchmarkError, InputError

__all__ = ["Peer", "find_peers", "running"]

# A peer compiles before its first answer, and may take half a minute for one product.
ANSWER_SECONDS = 900.0


@dataclass(frozen=True)
class Peer:
    """A system beside which trine can be measured.

    Attributes:
        name: that of its directory.
        script: its ``peer.py``.
        python: the interpreter of its environment, there once it has been set up.
    """

    name: str
    script: Path
    python: Path

    @property
    def installed(self) -> bool:
        """Whether it has been set up."""
        return self.python.exists()

    @property
    def setup(self) -> Path:
        """What sets it up."""
        return self.script.with_name("setup.sh")


def find_peers(directory: Path) -> list[Peer]:
    """The peers of a directory, set up or not.

    Raises:
        InputError: there are none.
    """
    scripts = sorted(directory.glob("*/peer.py"))
    if not scripts:
        raise InputError(f"{directory} has no <name>/peer.py: give the directory benchmarks/peers of a checkout")
    return [Peer(s.parent.name, s, (directory / ".venvs" / s.parent.name / "bin/python").absolute()) for s in scripts]


@contextlib.contextmanager
def running(peer: Peer, images: NDArray[np.float64]) -> Iterator[RunningPeer]:
    """A peer's process, with the weights of the demo's network and these images, for as long as the context lasts.

    Raises:
        BenchmarkError: it cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="trine-") as directory:
        weights, inputs = Path(directory, "weights.npz"), Path(directory, "images.npy")
        np.savez(weights, *(array for layer in load_seed_cnn().layers for array in layer.arrays.values()))
        np.save(inputs, images)
        command: list[str | Path] = [peer.python, peer.script.absolute(), "--weights", weights, "--images", inputs]
        with LineProcess(peer.name, command) as process:
            yield RunningPeer(process)


class RunningPeer:
    """A peer that can be asked; made by :func:`running`."""

    def __init__(self, process: LineProcess) -> None:
        self._process = process

    def run(self, workload: str) -> Answer:
        """Run "w1", "w2" or one of "w4" to "w7" once.

        Raises:
            BenchmarkError: it failed, ended, or answered something else.
        """
        answer = self._process.ask(workload, ANSWER_SECONDS)
        try:
            if answer["workload"] != workload:
                raise ValueError(f"it answered {answer['workload']!r}")
            return Answer(
                float(answer["seconds"]),
                _optional(answer["bytes"], int),
                _optional(answer["rounds"], int),
                _optional(answer["max_error"], float),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BenchmarkError(f"{self._process.name} did not answer {workload} as agreed: {error}") from error


def _optional(value: Any, kind: type) -> Any:
    return None if value is None else kind(value)
