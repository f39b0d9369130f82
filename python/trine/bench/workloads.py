"""trine's side of W1, W2, W4 and W5: queries through the real service, operations among three real parties."""

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

__all__ = ["Answer", "Ours", "Service"]


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
        self._prepared = ""
        self.images = np.resize(load_digits()[0], (mode.batch, 28, 28, 1))

    def run(self, workload: str) -> Answer:
        """Run "w1", "w2", "w4" or "w5" once; processes and operands come before the time that is taken."""
        if workload in ("w1", "w2"):
            if self._service is None:
                self._service = self._stack.enter_context(Service(load_seed_cnn()))
            return self._service.query(self.images[: 1 if workload == "w1" else self._mode.batch])
        operation, size = ("matmul", self._mode.secret_matrix) if workload == "w4" else ("relu", self._mode.relu)
        if self._parties is None:
            self._parties = self._stack.enter_context(Parties())
        if self._prepared != operation:
            self._parties.prepare(operation, size)
            self._prepared = operation
        measured = self._parties.run()
        return Answer(measured.seconds, measured.bytes, measured.rounds)

    def check(self, workload: str) -> tuple[float | None, int | None]:
        """Largest error of the last run of W4 or W5, and the most memory that a party has taken; None if unknown."""
        if workload in ("w1", "w2"):
            return None, None if self._service is None else self._service.peak_memory()
        assert self._parties is not None
        return self._parties.check()

    def __enter__(self) -> Ours:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
