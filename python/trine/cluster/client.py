"""The client: splits its input among the three parties and puts their parts of the output together."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trine.cluster.config import ClusterFile
from trine.cluster.http import Parties, Response
from trine.cluster.wire import (
    COST_HEADER,
    MAX_BATCH,
    ModelStatus,
    PartyCost,
    check_model_name,
    new_identifier,
)
from trine.errors import ProtocolError, ShapeError, UnknownModelError
from trine.mpc import deal
from trine.net.certificates import CLIENT
from trine.nn.plan import Plan

__all__ = ["Client", "QueryReport", "connect"]

Outputs = NDArray[np.float64]


@dataclass(frozen=True)
class QueryReport:
    """What one query cost.

    Attributes:
        seconds: from the call to the answer, as the client saw it.
        computing_seconds: of the slowest party.
        rounds: of communication among the parties.
        mesh_bytes: payload that the parties sent one another, all together.
        client_bytes: bodies of the requests and answers between the client and the parties.
    """

    seconds: float
    computing_seconds: float
    rounds: int
    mesh_bytes: int
    client_bytes: int


class Client:
    """A connection to one shared model; made by :func:`connect`. Threads that use one client wait for each other.

    Args:
        file: where the parties are.
        model: the model's name; may be None if only one model is shared.
        split: how an input is split into payloads for the parties; for those who want to look on.

    Attributes:
        model: its name.
        plan: its public half: shapes, ranges, number formats; not its weights.
    """

    def __init__(
        self,
        file: ClusterFile,
        model: str | None = None,
        split: Callable[[Sequence[NDArray[np.uint64]]], tuple[bytes, bytes, bytes]] = deal,
    ) -> None:
        self._parties = Parties(file, CLIENT)
        self._split = split
        self._lock = threading.Lock()
        try:
            self.model = check_model_name(model) if model is not None else self._only_model()
            self._share, self.plan = self._agreed_plan()
        except BaseException:
            self.close()
            raise

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.plan.input_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one output."""
        return self.plan.output_shape

    @overload
    def query(self, x: ArrayLike, *, report: Literal[False] = False) -> Outputs: ...

    @overload
    def query(self, x: ArrayLike, *, report: Literal[True]) -> tuple[Outputs, QueryReport]: ...

    def query(self, x: ArrayLike, *, report: bool = False) -> Outputs | tuple[Outputs, QueryReport]:
        """What the hidden model says of inputs that nobody else sees.

        The input is split here; each party gets one payload that says nothing by itself. Counts as one request,
        however many inputs there are.

        Args:
            x: one input of shape ``input_shape``, or a batch ``(N, *input_shape)`` of at most 1024; real numbers within
                ``plan.input_range``.
            report: whether to return what it cost, too.

        Returns:
            float64, of shape ``output_shape`` for one input or ``(N, *output_shape)`` for a batch.

        Raises:
            InputError: ShapeError, DtypeError, NotFiniteError or RangeError, before anything is sent.
            ServiceError: UnknownModelError, NotServingError, RequestLimitError or BusyError, from the parties.
            NetworkError: PartyLostError or PartyTimeoutError, naming the party, or CertificateError.
            ProtocolError: the parties' answers do not fit together.
        """
        elements = self.plan.encode_input(x)
        batch = len(elements)
        if batch > MAX_BATCH:
            raise ShapeError(f"a query has at most {MAX_BATCH} inputs, not {batch}: ask in several queries")
        start = time.perf_counter()
        payloads = self._split([elements])
        path = f"/v1/models/{self.model}/queries/{new_identifier()}?share={self._share}&batch={batch}"
        with self._lock:
            answers = self._parties.call_all("POST", path, payloads)
        outputs = self.plan.combine([self._part(answer, batch) for answer in answers])
        seconds = time.perf_counter() - start
        if np.shape(x) == self.input_shape:
            outputs = outputs[0]
        if not report:
            return outputs
        costs = [PartyCost.from_header(answer.headers.get(COST_HEADER)) for answer in answers]
        return outputs, QueryReport(
            seconds=seconds,
            computing_seconds=max(cost.seconds for cost in costs),
            rounds=max(cost.rounds for cost in costs),
            mesh_bytes=sum(cost.bytes for cost in costs),
            client_bytes=sum(map(len, payloads)) + sum(len(answer.body) for answer in answers),
        )

    def status(self) -> ModelStatus:
        """Whether the model is being served, and how many requests are left.

        Raises:
            UnknownModelError: it has been stopped.
            NetworkError: party 0, which lets queries in, cannot be reached.
        """
        with self._lock:
            answer = self._parties.call(0, "GET", f"/v1/models/{self.model}?share={self._share}")
        return ModelStatus.from_json(answer.json())

    def close(self) -> None:
        """Close the connections to the parties."""
        self._parties.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client(model={self.model!r}, input_shape={self.input_shape}, output_shape={self.output_shape})"

    def _only_model(self) -> str:
        names = self._parties.call(0, "GET", "/v1/models").json().get("models")
        if not isinstance(names, list) or len(names) != 1:
            raise UnknownModelError(f"say which model: shared are {names or 'none'}")
        return check_model_name(names[0])

    def _agreed_plan(self) -> tuple[str, Plan]:
        answers = self._parties.call_all("GET", f"/v1/models/{self.model}")
        statuses = [ModelStatus.from_json(answer.json()) for answer in answers]
        # A party that described another model could make this client split its input in a way that gives it away.
        if len({(status.share, status.plan) for status in statuses}) != 1:
            raise ProtocolError(f"the parties do not hold the same model {self.model!r}: its owner must share it anew")
        return statuses[0].share, Plan.from_json(statuses[0].plan)

    def _part(self, answer: Response, batch: int) -> NDArray[np.uint64]:
        shape = (batch, *self.plan.forms[-1].shape)
        if len(answer.body) != 8 * math.prod(shape):
            raise ProtocolError(f"party {answer.party} sent {len(answer.body)} bytes for an output of shape {shape}")
        return np.frombuffer(answer.body, "<u8").reshape(shape).astype(np.uint64)


def connect(client_file: str | os.PathLike[str], model: str | None = None) -> Client:
    """Connect to a shared model.

    Args:
        client_file: a cluster file with a client's certificates beside it (``cluster.client_file`` of a local cluster).
        model: its name; may be left out if only one model is shared.

    Raises:
        ClusterError: the file cannot be used.
        CertificateError, PartyLostError, PartyTimeoutError: a party cannot be reached, or trusted.
        UnknownModelError: no such model is shared.
    """
    return Client(ClusterFile.read(client_file), model)
