"""The model owner's side: a cluster of three parties, and the models shared on it."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trine.cluster.config import ClusterFile
from trine.cluster.http import Parties
from trine.cluster.local import LocalParties
from trine.cluster.wire import ModelStatus, check_model_name, new_identifier, pack_model
from trine.errors import InputError, NetworkError, TrineError, UnknownModelError
from trine.mpc import deal
from trine.net import PARTIES
from trine.net.certificates import CLIENT, OWNER
from trine.nn import Model
from trine.nn.compiler import compile
from trine.nn.importers.anything import imported

__all__ = ["Cluster", "LocalCluster", "Service"]

# Between two looks at how many requests have been answered.
LOOK_SECONDS = 0.2


class Cluster:
    """Three running parties, as a model owner reaches them; see :meth:`local` and :meth:`connect`.

    Attributes:
        owner_file: the cluster file it was reached by.
    """

    def __init__(self, owner_file: Path) -> None:
        self.owner_file = owner_file
        self._parties = Parties(ClusterFile.read(owner_file), OWNER)

    @staticmethod
    def local(ports: Sequence[int] | None = None, timeout: float = 5.0) -> LocalCluster:
        """Start three parties on this machine, each a process of its own, with certificates made on the spot.

        They end with :meth:`stop`, at the end of a ``with`` block, or when this process ends, however it does.

        Args:
            ports: where they answer on localhost, for example ``(4000, 4001, 4002)``; free ports if not given.
            timeout: seconds that anybody waits for a party that says nothing.

        Raises:
            ClusterError: a port is taken, or a party did not start.
        """
        return LocalCluster(LocalParties(ports, timeout))

    @staticmethod
    def connect(owner_file: str | os.PathLike[str]) -> Cluster:
        """Use three parties that somebody else runs.

        Args:
            owner_file: a cluster file with the owner's certificates beside it.

        Raises:
            ClusterError: the file cannot be used.
            CertificateError, PartyLostError, PartyTimeoutError: a party cannot be reached, or trusted.
        """
        cluster = Cluster(Path(owner_file))
        cluster.health()
        return cluster

    def share(self, model: Model | str | os.PathLike[str] | object, name: str = "model") -> Service:
        """Split a model's weights among the parties; none of them can tell anything from its part.

        Args:
            model: a :class:`trine.nn.Model`, a Keras or ONNX model, or the path of a saved one: what
                :func:`trine.nn.importers.anything.imported` takes. PyTorch modules and scikit-learn's estimators come
                by :func:`trine.nn.from_torch` and :func:`trine.nn.from_sklearn`, which ask what else must be known.
            name: what clients call it.

        Raises:
            InputError: the model cannot be run (UnsupportedModelError, RangeError ...), or the name is taken.
            NetworkError: a party cannot be reached.
        """
        check_model_name(name)
        compiled = compile(imported(model))
        plan = compiled.plan.to_json()
        service = Service(self._parties, name, new_identifier())
        bodies = [pack_model(plan, payload) for payload in deal(compiled.tensors)]
        try:
            self._parties.call_all("PUT", service.path(), bodies)
        except BaseException:
            # Some of the parties may have it; by its own name, this takes away no other owner's model.
            with contextlib.suppress(TrineError):
                service.stop()
            raise
        return service

    def service(self, name: str = "model") -> Service:
        """A model that is shared already, perhaps by a process that is no more.

        Raises:
            UnknownModelError: it is not.
            NetworkError: a party cannot be reached.
        """
        answer = self._parties.call(0, "GET", f"/v1/models/{check_model_name(name)}")
        return Service(self._parties, name, ModelStatus.from_json(answer.json()).share)

    def health(self) -> list[dict[str, Any]]:
        """What each party says of itself: its version, and which others it misses."""
        return [answer.json() for answer in self._parties.call_all("GET", "/healthz")]

    def stop(self) -> None:
        """Close the connections to the parties; what they serve, they go on serving."""
        self._parties.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({os.fspath(self.owner_file)!r})"


class LocalCluster(Cluster):
    """Three parties that this process has started.

    Attributes:
        client_file: the cluster file for clients; a client on another machine needs what lies beside it, too.
        processes: ids of the parties' processes, party 0 first.
    """

    def __init__(self, parties: LocalParties) -> None:
        self._local = parties
        self.client_file = parties.file(CLIENT)
        self.processes = parties.processes
        try:
            super().__init__(parties.file(OWNER))
        except BaseException:
            parties.stop()
            raise

    def stop(self) -> None:
        """End the parties, and with them every service; does nothing if that has happened."""
        super().stop()
        self._local.stop()

    def __enter__(self) -> LocalCluster:
        return self


class Service:
    """A shared model, as its owner sees it; made by :meth:`Cluster.share`.

    Attributes:
        name: what clients call it.
    """

    def __init__(self, parties: Parties, name: str, share: str) -> None:
        self._parties = parties
        self.name = name
        self._share = share

    def serve(self, num_requests: int | None = None, block: bool = True) -> None:
        """Let clients query the model.

        Args:
            num_requests: how many queries are answered; None for as many as come.
            block: whether to :meth:`wait`, too.

        Raises:
            InputError: ``num_requests`` is not a positive integer.
            UnknownModelError: the service has been stopped.
            NetworkError: a party cannot be reached.
        """
        if num_requests is not None and (type(num_requests) is not int or num_requests < 1):
            raise InputError(f"num_requests is a positive integer or None, not {num_requests!r}")
        body = json.dumps({"num_requests": num_requests}).encode()
        # Party 0 lets queries in, so it is the last to be told; then none meets a party that is not ready for it.
        for party in reversed(range(PARTIES)):
            self._parties.call(party, "POST", self.path("/serve"), body)
        if block:
            self.wait()

    def wait(self) -> None:
        """Wait until the agreed requests have all been answered. Ctrl-C ends the waiting, and not the service.

        Raises:
            UnknownModelError: the service has been stopped.
            NetworkError: a party cannot be reached any more.
        """
        with contextlib.suppress(KeyboardInterrupt):
            while not all(status.used_up for status in self._statuses()):
                time.sleep(LOOK_SECONDS)

    def status(self) -> ModelStatus:
        """How many requests have been answered, and how many may be.

        Raises:
            UnknownModelError: the service has been stopped.
            NetworkError: a party cannot be reached.
        """
        return self._statuses()[0]

    def stop(self) -> None:
        """Make all parties forget the model; does nothing if they have.

        Raises:
            NetworkError: a party cannot be reached; the others have forgotten it all the same.
        """
        lost: NetworkError | None = None
        for party in range(PARTIES):
            try:
                self._parties.call(party, "DELETE", self.path())
            except UnknownModelError:
                continue
            except NetworkError as error:
                lost = lost or error
        if lost is not None:
            raise lost

    def path(self, action: str = "") -> str:
        """The path of a request on this very sharing of the model."""
        return f"/v1/models/{self.name}{action}?share={self._share}"

    def _statuses(self) -> list[ModelStatus]:
        return [ModelStatus.from_json(answer.json()) for answer in self._parties.call_all("GET", self.path())]

    def __repr__(self) -> str:
        return f"Service({self.name!r})"
