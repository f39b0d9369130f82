"""Four sites: network namespaces joined by links with a delay and a rate, made and always taken away again."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hub import Hub

__all__ = ["Link", "Sites", "joined"]

SUBNET = "10.203.71"
DEVICE = "eth0"
# Packets that wait in a link; more than any test has under way, so that none is lost.
QUEUE = 100_000


@dataclass(frozen=True)
class Link:
    """What every site's link to the others is like.

    Attributes:
        name: what it stands for.
        delay: seconds, one way, from any site to any other; a ping takes twice as long.
        rate: bits a second that each site may send.
    """

    name: str
    delay: float
    rate: float


@dataclass(frozen=True)
class Sites:
    """The namespaces that are there.

    Attributes:
        names: of the namespaces.
        addresses: of the sites in them.
        means: how the links are made: "netem", or "hub" where the kernel has no netem.
    """

    names: Sequence[str]
    addresses: Sequence[str]
    means: str

    def at(self, site: int, command: Sequence[str]) -> list[str]:
        """The command that runs a command at a site."""
        return ["ip", "netns", "exec", self.names[site], *command]

    def ping(self) -> float | None:
        """Median round-trip time in seconds from site 0 to site 1; None if there is no ping here."""
        if shutil.which("ping") is None:
            return None
        output = _run(self.at(0, ["ping", "-n", "-c", "7", "-i", "0.2", self.addresses[1]]))
        times = sorted(float(found) for found in re.findall(r"time=([\d.]+) ms", output))
        return times[len(times) // 2] / 1e3


@contextlib.contextmanager
def joined(link: Link, count: int = 4) -> Iterator[Sites]:
    """Make so many sites and join them; all is gone at the end, come what may.

    Needs root, and iproute2. Whether the kernel has netem is tried out.
    """
    if os.geteuid():
        raise SystemExit("network namespaces are made by root alone: run this with sudo")
    tag = f"trine{os.getpid()}"
    names = [f"{tag}-{i}" for i in range(count)]
    addresses = [f"{SUBNET}.{i + 1}" for i in range(count)]
    with contextlib.ExitStack() as stack:
        for name in names:
            _run(["ip", "netns", "add", name])
            stack.callback(_run, ["ip", "netns", "delete", name])
            _run(["ip", "-n", name, "link", "set", "lo", "up"])
        devices = [f"{tag}{i}" for i in range(count)]
        means = "netem" if _has_netem(names[0], link) else "hub"
        if means == "netem":
            _bridge(stack, tag, devices)
        else:
            stack.callback(Hub(dict(zip(devices, addresses, strict=True)), link.delay, link.rate / 8).stop)
        for name, device, address in zip(names, devices, addresses, strict=True):
            _run(["ip", "link", "set", device, "netns", name, "name", DEVICE])
            _run(["ip", "-n", name, "address", "add", f"{address}/24", "dev", DEVICE])
            _run(["ip", "-n", name, "link", "set", DEVICE, "txqueuelen", str(QUEUE), "up"])
            if means == "netem":
                _run(["tc", "-n", name, *_shape(link, DEVICE)])
        yield Sites(names, addresses, means)


def _shape(link: Link, device: str) -> list[str]:
    delay, rate = f"{link.delay * 1e6:.0f}us", f"{link.rate:.0f}bit"
    return ["qdisc", "add", "dev", device, "root", "netem", "delay", delay, "rate", rate, "limit", str(QUEUE)]


def _has_netem(name: str, link: Link) -> bool:
    """Whether the kernel takes it, on a device that is used for nothing else."""
    tried = subprocess.run(["tc", "-n", name, *_shape(link, "lo")], capture_output=True, check=False)
    if tried.returncode == 0:
        _run(["tc", "-n", name, "qdisc", "delete", "dev", "lo", "root"])
    return tried.returncode == 0


def _bridge(stack: contextlib.ExitStack, bridge: str, devices: Sequence[str]) -> None:
    """A bridge here, and a pair of devices for each site: one end at the bridge, the other to be moved away."""
    _run(["ip", "link", "add", bridge, "type", "bridge"])
    stack.callback(_run, ["ip", "link", "delete", bridge])
    _run(["ip", "link", "set", bridge, "up"])
    for device in devices:
        # If one end goes, with its namespace, so does the other.
        _run(["ip", "link", "add", f"{device}b", "type", "veth", "peer", "name", device])
        _run(["ip", "link", "set", f"{device}b", "master", bridge, "up"])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
