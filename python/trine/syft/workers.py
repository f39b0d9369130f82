"""PySyft's workers and their cluster: three parties at addresses that server and client both know."""

from __future__ import annotations

import os
from pathlib import Path

from trine.cluster import Cluster, LocalCluster
from trine.cluster.config import ClusterFile, parse_address
from trine.cluster.rendezvous import find_client_file
from trine.errors import ClusterError, InputError
from trine.net import PARTIES
from trine.net.mesh import Address
from trine.syft.client import TFEClient

__all__ = ["TFECluster", "TFEWorker"]

# Names of the address on which auto-managed workers answer.
THIS_MACHINE = ("localhost", "127.0.0.1")


class TFEWorker(TFEClient):
    """One of the three parties, by its address; without an address it may be a client, as in PySyft.

    Args:
        host: where owners and clients reach it, "localhost:4000"; None to leave the choice to the cluster.
        auto_managed: whether the cluster starts it, on this machine; else somebody has it running, by ``trine party``.

    Raises:
        InputError: ``host`` is not an address, or an auto-managed worker would be on another machine.

    >>> TFEWorker(host="localhost:4000", auto_managed=True)
    TFEWorker(host='localhost:4000', auto_managed=True)
    """

    def __init__(self, host: str | None = None, auto_managed: bool = True) -> None:
        super().__init__()
        try:
            self.address: Address | None = None if host is None else parse_address(host)
        except ValueError as error:
            raise InputError(f"host={host!r}: {error}") from None
        if auto_managed and self.address is not None and self.address[0] not in THIS_MACHINE:
            raise InputError(
                f"host={host!r}: auto-managed workers are started on this machine, at localhost:PORT; start those of "
                "other machines there, by `trine party`, and say auto_managed=False"
            )
        self.host = host
        self.auto_managed = auto_managed

    def __repr__(self) -> str:
        return f"TFEWorker(host={self.host!r}, auto_managed={self.auto_managed})"


class TFECluster:
    """Three workers, as a model's owner or a client names them.

    Args:
        workers: three, party 0 first.
        cluster_file: for workers that are not auto-managed: where the parties are, with the certificates of whoever
            uses it beside it (the owner's to :meth:`start`, a client's to ask).

    Raises:
        InputError: there are not three, some have an address and some do not, or two have the same; some are
            auto-managed and some are not; or auto-managed ones are given a cluster file.

    Attributes:
        workers: the three.
        auto_managed: whether they are.
    """

    def __init__(self, *workers: TFEWorker, cluster_file: str | os.PathLike[str] | None = None) -> None:
        if len(workers) != PARTIES or not all(isinstance(worker, TFEWorker) for worker in workers):
            raise InputError(f"a cluster has {PARTIES} workers, TFECluster(julia, greg, me), not {workers!r:.200}")
        if len({worker.auto_managed for worker in workers}) != 1:
            raise InputError("either all three workers are auto-managed, or none is")
        hosts = [worker.address for worker in workers if worker.address is not None]
        if len(hosts) not in (0, PARTIES) or len(set(map(_canonical, hosts))) != len(hosts):
            raise InputError(f"the three workers need an address each, or none, not {[w.host for w in workers]}")
        if workers[0].auto_managed and cluster_file is not None:
            raise InputError("cluster_file is for workers that somebody else runs: TFEWorker(..., auto_managed=False)")
        self.workers = list(workers)
        self._hosts = hosts
        self.auto_managed = workers[0].auto_managed
        self._file = None if cluster_file is None else Path(cluster_file)
        self._running: Cluster | None = None

    def start(self) -> None:
        """Start the three workers, or connect to them if they are not auto-managed; does nothing if that was done.

        Auto-managed workers end with :meth:`stop`, or with this process, however it ends.

        Raises:
            ClusterError: a port is taken, or a worker did not start; or the workers are not auto-managed and the
                cluster file is missing, or says that they are elsewhere.
            NetworkError: a worker that is not auto-managed cannot be reached, or trusted.
        """
        if self._running is not None:
            return
        if self.auto_managed:
            self._running = Cluster.local(ports=[port for _, port in self._hosts] or None)
        else:
            self._running = Cluster.connect(self._checked_file())

    def stop(self) -> None:
        """End the workers that :meth:`start` has started, and every model on them; does nothing if there are none.

        From workers that are not auto-managed it only disconnects; their models stay, until ``model.stop()``.
        """
        if self._running is not None:
            self._running.stop()
            self._running = None

    @property
    def running(self) -> Cluster | None:
        """The cluster that :meth:`start` has started or connected to; None before that, and after :meth:`stop`."""
        return self._running

    @property
    def client_file(self) -> Path:
        """The cluster file for clients.

        Raises:
            ClusterError: it is not to be found.
        """
        if not self.auto_managed:
            return self._checked_file()
        if isinstance(self._running, LocalCluster):
            return self._running.client_file
        if not self._hosts:
            raise ClusterError(
                "workers without a host are known to the process only that has started them: say host='localhost:4000'"
            )
        return find_client_file([port for _, port in self._hosts])

    def __enter__(self) -> TFECluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"TFECluster({', '.join(map(repr, self.workers))})"

    def _checked_file(self) -> Path:
        if self._file is None:
            raise ClusterError(
                "these workers are not auto-managed: start each where it is to run, by `trine party --id 0 --config "
                "cluster.toml` (then 1 and 2), and name the file, with your own certificates beside it: "
                "TFECluster(..., cluster_file='cluster.toml')"
            )
        listed = list(ClusterFile.read(self._file).api)
        if self._hosts and list(map(_canonical, listed)) != list(map(_canonical, self._hosts)):
            raise ClusterError(
                f"the workers are at {_shown(self._hosts)}, but the cluster file {self._file} has {_shown(listed)}"
            )
        return self._file


def _canonical(address: Address) -> Address:
    host, port = address
    return ("localhost" if host in THIS_MACHINE else host), port


def _shown(addresses: list[Address]) -> str:
    return ", ".join(f"{host}:{port}" for host, port in addresses)
