"""One party as a process of its own: its mesh, its models, its computing thread and its HTTPS server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable

import uvloop

from trine import _core
from trine.cluster.api import build_app
from trine.cluster.config import ClusterFile, listen
from trine.cluster.messages import decode
from trine.cluster.models import Models
from trine.cluster.scheduler import Scheduler
from trine.cluster.server import build_server
from trine.net import PARTIES
from trine.net.certificates import party_role
from trine.net.mesh import Mesh
from trine.net.tls import server_context

__all__ = ["run_party"]

log = logging.getLogger(__name__)

# Objects made, less those gone, before Python looks for cycles: what a query makes goes by itself.
GARBAGE = 20_000


def run_party(
    file: ClusterFile,
    party: int,
    *,
    sockets: tuple[socket.socket, socket.socket] | None = None,
    on_start: Callable[[Mesh], None] = lambda mesh: None,
) -> None:
    """Be a party until SIGTERM or SIGINT (Ctrl-C) comes; call it in the main thread.

    Args:
        file: where everybody is; the party's certificates lie beside it.
        party: 0, 1 or 2.
        sockets: listening sockets for the mesh and for HTTPS; opened as the file says if not given.
        on_start: called when the party has begun to link and to answer.

    Raises:
        ClusterError: an address cannot be listened on.
        CertificateError: the certificates cannot be used.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _core.keep_freed_memory()
    loop = uvloop.new_event_loop()
    credentials = file.credentials(party_role(party))
    context = server_context(credentials)
    mesh_socket, api_socket = sockets or (listen(file.mesh[party]), listen(file.api[party]))
    mesh = Mesh(
        party,
        mesh_socket,
        {peer: file.mesh[peer] for peer in range(PARTIES) if peer != party},
        credentials,
        file.timeout,
        lambda peer, payload: _soon(loop, scheduler.on_message, peer, decode(payload)),
        lambda peer, error: _soon(loop, scheduler.on_lost, peer, error),
    )
    models = Models()
    scheduler = Scheduler(mesh, models, file.timeout, loop)
    server = build_server(build_app(mesh, models, scheduler), context)

    def serve() -> None:
        try:
            loop.run_until_complete(server.serve(sockets=[api_socket]))
        finally:
            stop.set()

    service = threading.Thread(target=serve, name="service")
    service.start()
    mesh.start()
    log.info("party %d answers on %s, process %d", party, ":".join(map(str, file.api[party])), os.getpid())
    on_start(mesh)
    gc.collect()
    gc.freeze()  # what is here now stays: not to be looked through again and again while queries are answered
    gc.set_threshold(GARBAGE)
    stop.wait()
    server.should_exit = True
    service.join()
    mesh.close()
    log.info("party %d has stopped", party)


def _soon(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: object) -> None:
    # The loop is closed only when the process is about to end.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *args)
