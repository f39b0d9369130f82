"""Starts the three parties of a cluster as processes of this machine, and ends them."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from trine.cluster.config import ClusterFile, listen
from trine.cluster.rendezvous import publish, withdraw
from trine.errors import ClusterError, InputError
from trine.net import PARTIES
from trine.net.certificates import CLIENT, OWNER, Authority, party_role

__all__ = ["READY", "LocalParties"]

# What a party tells this process once all three are linked.
READY = b"ready"

HOST = "127.0.0.1"
FILE_NAME = "cluster.toml"
START_SECONDS = 60.0
STOP_SECONDS = 5.0
LOG_LINES = 15


class LocalParties:
    """Three party processes that live no longer than this one.

    Each is bound to this process by a connection whose end it takes as its own, so none is left even if this process is
    killed. The certificates are made on the spot, in a new directory that goes with the parties; the authority's key is
    never written. If the ports were given, clients of the same user find their file by them.

    Args:
        ports: where owners and clients reach the parties on localhost; free ones if not given.
        timeout: seconds that anybody waits for a party that says nothing.

    Attributes:
        directory: holds a directory for each role, with the cluster file and the role's certificates.
        processes: the three processes' ids, party 0 first.

    Raises:
        ClusterError: a port is taken, or a party did not start; shows the end of its log.
    """

    def __init__(self, ports: Sequence[int] | None, timeout: float) -> None:
        if ports is not None and len(ports) != PARTIES:
            raise InputError(f"ports must be {PARTIES} port numbers, not {ports!r}")
        with contextlib.ExitStack() as stack:
            api = [stack.enter_context(listen((HOST, port))) for port in ports or [0] * PARTIES]
            mesh = [stack.enter_context(listen((HOST, 0))) for _ in range(PARTIES)]
            self.directory = Path(tempfile.mkdtemp(prefix="trine-"))
            lifelines: list[socket.socket] = []
            running: list[subprocess.Popen[bytes]] = []
            published: list[Path] = []
            # Runs at stop(), when this object is collected, or when this process exits; once.
            self._stop = weakref.finalize(self, _end, os.getpid(), self.directory, running, lifelines, published)
            try:
                self._enroll(mesh, api, timeout)
                for party in range(PARTIES):
                    self._start(party, mesh[party], api[party], running, lifelines)
                _wait_until_ready(self.directory, lifelines)
                if ports is not None:
                    link = publish([s.getsockname()[1] for s in api], self.file(CLIENT))
                    published += [link] if link else []
            except BaseException:
                self._stop()
                raise
        self.processes = [process.pid for process in running]

    def file(self, role: str) -> Path:
        """The cluster file in a role's directory."""
        return self.directory / role / FILE_NAME

    def stop(self) -> None:
        """End the parties and delete the directory; does nothing if that has happened."""
        self._stop()

    def _enroll(self, mesh: Sequence[socket.socket], api: Sequence[socket.socket], timeout: float) -> None:
        authority = Authority()
        mesh_addresses = tuple(s.getsockname() for s in mesh)
        api_addresses = tuple(s.getsockname() for s in api)
        for role in (*map(party_role, range(PARTIES)), OWNER, CLIENT):
            directory = self.directory / role
            authority.enroll(directory, role, [HOST, "localhost"])
            ClusterFile(directory, mesh_addresses, api_addresses, timeout).write(directory / FILE_NAME)

    def _start(
        self,
        party: int,
        mesh: socket.socket,
        api: socket.socket,
        running: list[subprocess.Popen[bytes]],
        lifelines: list[socket.socket],
    ) -> None:
        ours, theirs = socket.socketpair()
        lifelines.append(ours)
        file = self.file(party_role(party))
        command = [sys.executable, "-m", "trine.cluster", f"--id={party}", f"--config={file}"]
        command += [f"--mesh-fd={mesh.fileno()}", f"--api-fd={api.fileno()}"]
        command += [f"--lifeline-fd={theirs.fileno()}", f"--scratch={self.directory}"]
        with theirs, _log_file(self.directory, party).open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[mesh.fileno(), api.fileno(), theirs.fileno()],
                # Ctrl-C in a terminal is for this process, which then ends the parties in good order.
                start_new_session=True,
            )
        running.append(process)


def _wait_until_ready(directory: Path, lifelines: Sequence[socket.socket]) -> None:
    deadline = time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as waiting:
        for party, lifeline in enumerate(lifelines):
            waiting.register(lifeline, selectors.EVENT_READ, party)
        while waiting.get_map():
            ready = waiting.select(deadline - time.monotonic())
            if not ready:
                late = min(key.data for key in waiting.get_map().values())
                raise ClusterError(f"party {late} was not ready in {START_SECONDS:g} s\n{_log_tail(directory, late)}")
            for key, _ in ready:
                if key.fileobj.recv(len(READY)) != READY:  # type: ignore[union-attr]
                    raise ClusterError(f"party {key.data} did not start\n{_log_tail(directory, key.data)}")
                waiting.unregister(key.fileobj)


def _log_file(directory: Path, party: int) -> Path:
    return directory / party_role(party) / "log"


def _log_tail(directory: Path, party: int) -> str:
    lines = _log_file(directory, party).read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES:]) or "(its log is empty)"


def _end(
    starter: int,
    directory: Path,
    running: Sequence[subprocess.Popen[bytes]],
    lifelines: Sequence[socket.socket],
    published: Sequence[Path],
) -> None:
    if os.getpid() != starter:
        # A forked copy of the process that started the parties is not to end them.
        return
    for link in published:
        withdraw(link, directory / CLIENT / FILE_NAME)
    for process in running:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for lifeline in lifelines:
        lifeline.close()
    shutil.rmtree(directory, ignore_errors=True)
