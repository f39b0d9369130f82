"""trine's side of W1, W2 and W4 to W7: queries through the real service, operations among three real parties."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trine.bench.machine import peak_memory
from trine.bench.mode import Mode
from trine.bench.parties import Parties
from trine.cluster import Cluster, connect
from trine.demo.data import load_digits, load_seed_cnn
from trine.nn import Model

__all__ = ["FEW_CLASSES", "MANY_CLASSES", "Answer", "Ours", "Service"]

FEW_CLASSES, MANY_CLASSES = 10, 1000  # of W6 and W7


@dataclass(frozen=True)
class Answer:
    """What one run of a workload came to; the fields are those of a peer's answer.

    Attributes:
        seconds: wall time.
        bytes: sent by all processes, None if unknown.
        rounds: of communication, None if unknown.
        max_error: largest difference from the exact result, None if not looked at.
    """

    seconds: float
    bytes: int | None = None
    rounds: int | None = None
    max_error: float | None = None


class Service:
    """Three parties of a local cluster that serve a model, and a client of theirs; use it as a context."""

    def __init__(self, model: Model) -> None:
        with contextlib.ExitStack() as stack:
            self._cluster = stack.enter_context(Cluster.local())
            self._cluster.share(model).serve(block=False)
            self._client = stack.enter_context(connect(self._cluster.client_file))
            self._stack = stack.pop_all()
        self._model = model

    def query(self, images: NDArray[np.float64]) -> Answer:
        """One query: seconds from clear images to clear logits, bytes among the parties and with the client."""
        start = time.perf_counter()
        logits, report = self._client.query(images, report=True)
        seconds = time.perf_counter() - start
        error = float(np.abs(logits - self._model.predict(images)).max())
        return Answer(seconds, report.mesh_bytes + report.client_bytes, report.rounds, error)

    def peak_memory(self) -> int | None:
        """The most memory that any of the parties has taken so far, in bytes."""
        peaks = [peak_memory(pid) for pid in self._cluster.processes]
        return max((peak for peak in peaks if peak is not None), default=None)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class Ours:
    """Runs the workloads; processes are started when first needed and kept. Use it as a context."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._stack = contextlib.ExitStack()
        self._service: Service | None = None
        self._parties: Parties | None = None
        self._prepared: tuple[str, int] | None = None
        self.images = np.resize(load_digits()[0], (mode.batch, 28, 28, 1))

    def run(self, workload: str) -> Answer:
        """Run "w1", "w2" or one of "w4" to "w7" once; processes and operands come before the time that is taken."""
        if workload in ("w1", "w2"):
            if self._service is None:
                self._service = self._stack.enter_context(Service(load_seed_cnn()))
            return self._service.query(self.images[: 1 if workload == "w1" else self._mode.batch])
        wanted = {
            "w4": ("matmul", self._mode.secret_matrix),
            "w5": ("relu", self._mode.relu),
            "w6": ("softmax", FEW_CLASSES),
            "w7": ("softmax", MANY_CLASSES),
        }[workload]
        if self._parties is None:
            self._parties = self._stack.enter_context(Parties())
        if self._prepared != wanted:
            self._parties.prepare(*wanted)
            self._prepared = wanted
        measured = self._parties.run()
        return Answer(measured.seconds, measured.bytes, measured.rounds)

    def check(self, workload: str) -> tuple[float | None, int | None]:
        """Largest error of the last run of W4 to W7, and the most memory that a party has taken; None if unknown."""
        if workload in ("w1", "w2"):
            return None, None if self._service is None else self._service.peak_memory()
        assert self._parties is not None
        return self._parties.check()

    def __enter__(self) -> Ours:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
