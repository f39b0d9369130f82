"""The cluster file: where the three parties are. It is the same for everybody and holds no secret.

::

    timeout = 5.0                    # seconds that anybody waits for a party that says nothing

    [[party]]
    mesh = "10.0.0.1:4100"           # where the other parties reach it
    api = "alpha.example.org:4000"   # where owners and clients reach it

    [[party]]                        # ... party 1, party 2

Beside it lie the certificates of whoever uses it: ``ca.crt``, ``<role>.crt`` and ``<role>.key``.
"""

from __future__ import annotations

import json
import math
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trine.errors import ClusterError
from trine.net import PARTIES
from trine.net.mesh import Address
from trine.net.tls import Credentials

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["ClusterFile", "listen"]


@dataclass(frozen=True)
class ClusterFile:
    """What a cluster file says.

    Attributes:
        directory: where it lies; the certificates are looked for there.
        mesh: the parties' addresses for one another, party 0 first.
        api: the parties' addresses for owners and clients.
        timeout: seconds that anybody waits for a party that says nothing.
    """

    directory: Path
    mesh: tuple[Address, ...]
    api: tuple[Address, ...]
    timeout: float = 5.0

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ClusterFile:
        """Read a cluster file.

        Raises:
            ClusterError: it is missing or does not say what it should.
        """
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ClusterError(f"cannot read the cluster file {os.fspath(path)}: {error.strerror}") from error
        except ValueError as error:
            raise ClusterError(f"the cluster file {os.fspath(path)} is not TOML: {error}") from error
        try:
            return cls._parse(Path(path).absolute().parent, content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ClusterError(f"the cluster file {os.fspath(path)} is wrong: {what}") from error

    @classmethod
    def _parse(cls, directory: Path, content: dict[str, Any]) -> ClusterFile:
        parties = content["party"]
        if not isinstance(parties, list) or len(parties) != PARTIES:
            raise ValueError(f"it must have {PARTIES} sections [[party]]")
        timeout = content.get("timeout", cls.timeout)
        if type(timeout) not in (int, float) or not 0 < timeout < math.inf:
            raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
        unknown = content.keys() - {"party", "timeout"}
        for party in parties:
            unknown |= party.keys() - {"mesh", "api"}
        if unknown:
            raise ValueError(f"it has unknown entries: {', '.join(sorted(unknown))}")
        mesh = tuple(parse_address(party["mesh"]) for party in parties)
        return cls(directory, mesh, tuple(parse_address(party["api"]) for party in parties), float(timeout))

    def write(self, path: Path) -> None:
        """Write a cluster file that says the same."""
        lines = [f"timeout = {self.timeout!r}"]
        for mesh, api in zip(self.mesh, self.api, strict=True):
            lines += ["", "[[party]]", f"mesh = {_quoted(mesh)}", f"api = {_quoted(api)}"]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def credentials(self, role: str) -> Credentials:
        """Where the certificates of a role lie."""
        return Credentials(self.directory, role)


def parse_address(text: object) -> Address:
    """Host and port of "host:port", where an IPv6 host stands in brackets.

    >>> parse_address("localhost:4000"), parse_address("[::1]:4000")
    (('localhost', 4000), ('::1', 4000))

    Raises:
        ValueError: it is not an address.
    """
    host, _, port = str(text).rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not isinstance(text, str) or not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 1 << 16:
        raise ValueError(f'an address is "host:port", not {text!r}')
    return host, int(port)


def _quoted(address: Address) -> str:
    host, port = address
    return json.dumps(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", ensure_ascii=False)


def listen(address: Address) -> socket.socket:
    """A listening socket.

    Raises:
        ClusterError: the address cannot be used, for example because another process has it.
    """
    host, port = address
    try:
        listener = socket.create_server(address, family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        # What is accepted inherits it; else an answer may wait for the acknowledgement of the one before.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise ClusterError(f"cannot listen on port {port} of {host}: {error.strerror or error}") from error
