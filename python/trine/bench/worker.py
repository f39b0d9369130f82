"""One of three party processes that run an operation on request: over TLS, as in the service, but without it.

Reads lines of JSON: ``{"do": "prepare", "operation": name, "size": n}`` shares the operands, ``{"do": "run"}`` runs
the operation once, ``{"do": "check"}`` opens the last result. Each is answered by a line of JSON;
:mod:`trine.bench.parties` is the other end.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from trine import _core
from trine.bench.machine import peak_memory
from trine.bench.operations import OPERATIONS, Operation, max_error, opened, share_operands
from trine.errors import TrineError
from trine.mpc import PartySession
from trine.mpc.party import place
from trine.mpc.share import reveal
from trine.net import PARTIES
from trine.net.certificates import party_role
from trine.net.mesh import Address, Mesh
from trine.net.tls import Credentials

LINK_SECONDS = 30.0
TIMEOUT = 30.0


class Worker:
    """A party that keeps the operands and the last result."""

    def __init__(self, session: PartySession) -> None:
        self._session = session
        self._operation: Operation | None = None
        self._size = 0
        self._shares: list[Any] = []
        self._result: Any = None
        zero = np.zeros(1, np.uint64)
        self._token = session.each(lambda me: place(me, 0, zero, zero.shape))

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a line asks for."""
        match request["do"]:
            case "prepare":
                return self._prepare(request["operation"], request["size"])
            case "run":
                return self._run()
            case "check":
                return self._check()
            case other:
                raise TrineError(f"a party can prepare, run and check, not {other!r}")

    def _prepare(self, name: str, size: int) -> dict[str, Any]:
        self._operation, self._size = OPERATIONS[name], size
        self._shares = share_operands(self._session, self._operation, size)
        return {"prepared": name}

    def _run(self) -> dict[str, Any]:
        assert self._operation is not None
        self._result = None  # its memory is not to count twice
        self._session.call(reveal, self._token)  # so that all begin together
        before = self._session.cost
        start = time.perf_counter()
        self._result = self._session.call(self._operation.protocol, *self._shares)
        seconds = time.perf_counter() - start
        cost = self._session.cost
        return {"seconds": seconds, "rounds": cost.rounds - before.rounds, "bytes": cost.bytes - before.bytes}

    def _check(self) -> dict[str, Any]:
        assert self._operation is not None
        result = opened(self._session, self._result)
        error = None if result is None else max_error(self._operation, self._size, result)
        return {"max_error": error, "peak_memory": peak_memory()}


def main() -> None:
    """Be a party until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--id", type=int, required=True)
    parser.add_argument("--certificates", type=Path, required=True)
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--ports", type=int, nargs=PARTIES, required=True)
    options = parser.parse_args()
    _core.keep_freed_memory()  # as the service's parties do
    peers: dict[int, Address] = {i: ("127.0.0.1", port) for i, port in enumerate(options.ports) if i != options.id}
    mesh = Mesh(
        options.id,
        socket.socket(fileno=options.listen_fd),
        peers,
        Credentials(options.certificates, party_role(options.id)),
        TIMEOUT,
        lambda peer, payload: None,
        lambda peer, error: None,
    )
    mesh.start()
    try:
        _converse(mesh, options.id)
    finally:
        mesh.close()


def _converse(mesh: Mesh, party: int) -> None:
    try:
        if not mesh.wait(LINK_SECONDS):
            raise TrineError(f"parties {mesh.missing()} were not linked in {LINK_SECONDS:g} s")
        channel = mesh.open(1)
        worker = Worker(PartySession(channel, channel.keys.common, channel.keys.private))
        _say({"ready": party})
        for line in sys.stdin:
            with channel.attending():
                answer = worker.answer(json.loads(line))
            _say(answer)
    except TrineError as error:
        _say({"error": str(error)})


def _say(content: dict[str, Any]) -> None:
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    main()
