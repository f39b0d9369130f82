"""PySyft's client: asks a served model, with a batch axis before every input."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trine.cluster import Client, connect
from trine.errors import ClusterError, InputError, NotServingError, PartyLostError, ShapeError, UnknownModelError
from trine.ring.fixed import real_array

if TYPE_CHECKING:
    from trine.syft.workers import TFECluster

__all__ = ["TFEClient"]

# Between two looks whether the model is being served.
LOOK_SECONDS = 0.1

Outputs = NDArray[np.float64]


class TFEClient:
    """A client of one model; threads that use one client wait for each other."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._input_shape: tuple[int | None, ...] = ()
        self._asking: ThreadPoolExecutor | None = None
        self._asked: deque[Future[Outputs]] = deque()

    def connect_to_model(
        self,
        input_shape: Sequence[int | None],
        output_shape: Sequence[int | None],
        cluster: TFECluster,
        *,
        name: str | None = None,
        wait: float = 0.0,
    ) -> None:
        """Connect to a model that is shared on a cluster; must come before any query.

        Args:
            input_shape: what :meth:`query_model` will be given, batch axis first, as ``(1, 28, 28, 1)``; None as the
                first for batches of any size.
            output_shape: what it will return, as ``(1, 10)``.
            cluster: where; made in the same way as the server's, and not to be started here.
            name: which model, if several are shared.
            wait: seconds to wait for it to be served, if it is not; a client may so be started before its server.

        Raises:
            ShapeError: the model has other shapes.
            InputError: these cannot be shapes.
            ClusterError: no such cluster is to be found.
            UnknownModelError: no such model is shared, or several are and no name is given.
            NotServingError: it was shared but not served in the time to wait.
            CertificateError, PartyLostError, PartyTimeoutError: a party cannot be reached, or trusted.
        """
        inputs, outputs = _batch_shape(input_shape, "input_shape"), _batch_shape(output_shape, "output_shape")
        if inputs[0] != outputs[0]:
            raise ShapeError(
                f"input_shape {inputs} and output_shape {outputs} begin with the size of the batch, "
                "which must be the same in both"
            )
        self.close()
        client = _connect(cluster, name, wait)
        if (inputs[1:], outputs[1:]) != (client.input_shape, client.output_shape):
            client.close()
            raise ShapeError(
                f"the model {client.model!r} takes {(inputs[0], *client.input_shape)} and gives "
                f"{(outputs[0], *client.output_shape)}, batch axis first, not {inputs} and {outputs}"
            )
        self._client, self._input_shape = client, inputs

    def query_model(self, data: ArrayLike) -> Outputs:
        """What the hidden model says of inputs that nobody else sees; counts as one request.

        Args:
            data: real numbers, of the ``input_shape`` that was given to :meth:`connect_to_model`.

        Returns:
            float64, of the ``output_shape`` given there.

        Raises:
            InputError: this client is not connected; or ShapeError, DtypeError, NotFiniteError, RangeError: the data
                cannot be used, before anything is sent.
            ServiceError: UnknownModelError, NotServingError, RequestLimitError or BusyError, from the parties.
            NetworkError: PartyLostError or PartyTimeoutError, naming the party, or CertificateError.
        """
        client = self._connected()
        return client.query(self._checked(data))

    def query_model_async(self, data: ArrayLike) -> None:
        """Begin a query, whose answer :meth:`query_model_join` returns.

        Raises:
            InputError: as :meth:`query_model`, at once; all else is raised by :meth:`query_model_join`.
        """
        client, checked = self._connected(), self._checked(data)
        if self._asking is None:
            self._asking = ThreadPoolExecutor(1, "asking")
        self._asked.append(self._asking.submit(client.query, checked))

    def query_model_join(self) -> Outputs:
        """The answer to the earliest :meth:`query_model_async` that has not been fetched; waits for it.

        Raises:
            InputError: nothing has been asked; else as :meth:`query_model`.
        """
        if not self._asked:
            raise InputError("nothing has been asked: query_model_async(data) comes first")
        return self._asked.popleft().result()

    def close(self) -> None:
        """Close the connections to the parties; does nothing if there are none."""
        if self._asking is not None:
            self._asking.shutdown(cancel_futures=True)
            self._asking = None
        self._asked.clear()
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> TFEClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connected(self) -> Client:
        if self._client is None:
            raise InputError("not connected: connect_to_model(input_shape, output_shape, cluster) comes first")
        return self._client

    def _checked(self, data: ArrayLike) -> NDArray[np.float64]:
        values = real_array(data)
        batch, *rest = self._input_shape
        if values.shape[1:] != tuple(rest) or batch not in (None, *values.shape[:1]):
            raise ShapeError(
                f"data has shape {values.shape}, and the client was connected for inputs of shape {self._input_shape}, "
                "batch axis first"
            )
        return values


def _connect(cluster: TFECluster, name: str | None, wait: float) -> Client:
    """A client of a model that is being served, or, with no time to wait, of one that is at least shared."""
    deadline = time.monotonic() + wait
    while True:
        try:
            client = connect(cluster.client_file, name)
            if wait <= 0:
                return client
            with contextlib.ExitStack() as stack:
                stack.enter_context(client)
                if client.status().serving:
                    stack.pop_all()
                    return client
            raise NotServingError(f"the model {client.model!r} is shared but was not served within {wait:g} s")
        except (ClusterError, NotServingError, PartyLostError, UnknownModelError):
            if time.monotonic() >= deadline:
                raise
        time.sleep(LOOK_SECONDS)


def _batch_shape(shape: Sequence[int | None], name: str) -> tuple[int | None, ...]:
    try:
        batch, *rest = shape
        sizes = (None if batch is None else int(batch), *(int(size) for size in rest if size is not None))
        # Whole numbers of other types, as R's 28 or NumPy's, are taken, too.
        if sizes == tuple(shape) and all(size is None or size > 0 for size in sizes):
            return sizes
    except (TypeError, ValueError):
        pass
    raise InputError(f"{name} is a shape with the batch axis first, as (1, 28, 28, 1), not {shape!r:.100}")
