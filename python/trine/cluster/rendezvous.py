"""Where clients of the same user find a cluster of this machine by its ports, as they know them from a script.

A cluster started on given ports leaves a symbolic link there, named after the ports, to the client's cluster file,
beside which the certificates lie. The link is in a directory that no other user can write to or look into, and goes
with the cluster. One left behind by a process that was killed leads nowhere, since the parties delete what it led to,
and is replaced by the next cluster on these ports.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from trine.errors import ClusterError

__all__ = ["find_client_file", "publish", "withdraw"]

log = logging.getLogger(__name__)


def publish(ports: Sequence[int], client_file: Path) -> Path | None:
    """Lead clients of a cluster on these ports to their cluster file.

    Returns:
        The link, for :func:`withdraw`; None if the user has no place for it, which is logged: clients then have to be
        given the file itself.
    """
    for place in _places():
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(place)
            link = place / _name(ports)
            # Made under another name first: a client that looks meanwhile sees the old link or the new one.
            made = place / f".{secrets.token_hex(8)}"
            made.symlink_to(client_file)
            made.replace(link)
            return link
        except (OSError, ClusterError) as error:
            log.warning("clients cannot be led to this cluster by way of %s: %s", place, error)
    return None


def withdraw(link: Path, client_file: Path) -> None:
    """Take back a link, unless it leads to another cluster by now."""
    with contextlib.suppress(OSError):
        if Path(os.readlink(link)) == client_file:
            link.unlink()


def find_client_file(ports: Sequence[int]) -> Path:
    """The cluster file for clients of the cluster on these ports.

    Raises:
        ClusterError: there is none, none any more, or others could have put it there.
    """
    left_behind = False
    unfit: ClusterError | None = None
    for place in _places():
        link = place / _name(ports)
        if not link.is_symlink():
            continue
        try:
            _check_private(place)
        except ClusterError as error:
            unfit = error
            continue
        client_file = Path(os.readlink(link))
        if client_file.is_file():
            return client_file
        left_behind = True
    if unfit is not None:
        raise unfit
    shown = ", ".join(map(str, ports))
    what = "the cluster is gone that was" if left_behind else "no cluster of this user is"
    raise ClusterError(f"{what} on ports {shown} of this machine: start one there, or name its client file")


def _places() -> Iterator[Path]:
    """Directories of this user, the best first; made when needed."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):
        yield Path(runtime) / "trine"
    state = os.environ.get("XDG_STATE_HOME", "")
    with contextlib.suppress(RuntimeError):  # a user without a home
        yield (Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state") / "trine"


def _name(ports: Sequence[int]) -> str:
    return "-".join(map(str, ports))


def _check_private(place: Path) -> None:
    """Raise ClusterError if anybody else could lead clients astray here."""
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ClusterError(f"{place} is not a directory of this user alone: run chmod 700 on it, or remove it")
