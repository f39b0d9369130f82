"""How :mod:`trine.cluster.local` starts a party: on sockets it has opened, and bound to the life of its process."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import threading
from pathlib import Path

from trine.cluster.config import ClusterFile
from trine.cluster.local import READY
from trine.cluster.logs import start_logging
from trine.cluster.party import run_party
from trine.net.mesh import Mesh


def main() -> None:
    """Be a party until SIGTERM comes or the parent dies."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--id", type=int, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--mesh-fd", type=int, required=True)
    parser.add_argument("--api-fd", type=int, required=True)
    parser.add_argument("--lifeline-fd", type=int, required=True, help="a connection to the parent")
    parser.add_argument("--scratch", type=Path, required=True, help="a directory to delete if the parent dies")
    options = parser.parse_args()
    lifeline = socket.socket(fileno=options.lifeline_fd)

    def die_with_parent() -> None:
        with contextlib.suppress(OSError):
            lifeline.recv(1)
        shutil.rmtree(options.scratch, ignore_errors=True)
        os._exit(1)

    def tell_ready(mesh: Mesh) -> None:
        mesh.wait()
        with contextlib.suppress(OSError):
            lifeline.sendall(READY)

    threading.Thread(target=die_with_parent, daemon=True).start()
    start_logging(options.id, "info")
    sockets = socket.socket(fileno=options.mesh_fd), socket.socket(fileno=options.api_fd)
    run_party(
        ClusterFile.read(options.config),
        options.id,
        sockets=sockets,
        on_start=lambda mesh: threading.Thread(target=tell_ready, args=(mesh,), daemon=True).start(),
    )


if __name__ == "__main__":
    main()
