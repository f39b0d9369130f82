"""A round of the mesh (TLS, post and collect, from Python) beside a bare socket ping-pong, turn about in one run.

Everything is measured between processes, over loopback, as party 0 sees it, for messages of several sizes:

- ``bare``: a ping-pong between two processes on a plain TCP socket, blocking ``sendall`` and ``recv_into``;
- ``pingpong``: the same between two parties on the mesh; party 0 posts, party 1 collects and posts, party 0 collects;
- ``round``: all three parties post to both others and collect from both: six messages, one after which the next can be.

The ratios are those of the times of one ping-pong, or round, to that of a bare ping-pong right before it.

    python benchmarks/net/round.py [--json FILE] [--turns 9]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from trine.net import PARTIES
from trine.net.certificates import Authority, party_role
from trine.net.mesh import Mesh
from trine.net.session import MeshChannel
from trine.net.tls import Credentials

# Bytes of a message: times of one turn.
SIZES = {64: 1000, 4096: 1000, 1 << 20: 40}
KINDS = ("bare", "pingpong", "round")


class Party:
    """One party's process: does what it is told by ``orders``, as (kind, size, times), and answers how long it took."""

    def __init__(self, party: int, directory: Path, listeners: list[socket.socket], wire: socket.socket | None) -> None:
        self.party = party
        self.others = [peer for peer in range(PARTIES) if peer != party]
        self.wire = wire
        addresses = {peer: listeners[peer].getsockname() for peer in self.others}
        credentials = Credentials(directory, party_role(party))
        self.mesh = Mesh(party, listeners[party], addresses, credentials, 10.0, lambda *_: None, lambda *_: None)
        self.mesh.start()
        if not self.mesh.wait(30):
            raise SystemExit("the parties cannot link")

    def obey(self, orders: Connection) -> None:
        orders.send("ready")
        for number, (kind, size, times) in enumerate(iter(orders.recv, None), 1):
            channel = self.mesh.open(number)
            orders.send("opened")
            orders.recv()
            with channel.attending():
                seconds = getattr(self, kind)(channel, np.zeros(size, np.uint8), times)
            channel.finish()
            orders.send(seconds)
            self.mesh.close_session(number)
        self.mesh.close()

    def bare(self, channel: MeshChannel, message: np.ndarray, times: int) -> float:
        if self.wire is None:
            return 0.0
        wire, data, buffer = self.wire, message.data, memoryview(bytearray(message.size))

        def receive() -> None:
            filled = 0
            while filled < len(buffer):
                filled += wire.recv_into(buffer[filled:])

        return self.alternate(lambda: wire.sendall(data), receive, times)

    def pingpong(self, channel: MeshChannel, message: np.ndarray, times: int) -> float:
        if self.wire is None:
            return 0.0
        peer = 1 - self.party
        send, expect = {peer: [message]}, {peer: [message.size]}
        return self.alternate(lambda: channel.post(send), lambda: channel.collect(expect), times)

    def alternate(self, send: Callable[[], object], receive: Callable[[], object], times: int) -> float:
        first, second = (send, receive) if self.party == 0 else (receive, send)
        start = time.perf_counter()
        for _ in range(times):
            first()
            second()
        return (time.perf_counter() - start) / times

    def round(self, channel: MeshChannel, message: np.ndarray, times: int) -> float:
        send = {peer: [message] for peer in self.others}
        expect = {peer: [message.size] for peer in self.others}
        start = time.perf_counter()
        for _ in range(times):
            channel.post(send)
            channel.collect(expect)
        return (time.perf_counter() - start) / times


def be_party(
    party: int, directory: Path, listeners: list[socket.socket], wire: socket.socket | None, orders: Connection
) -> None:
    Party(party, directory, listeners, wire).obey(orders)


def wire_pair() -> tuple[socket.socket, socket.socket]:
    """The two ends of a TCP connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = socket.create_connection(server.getsockname())
        called, _ = server.accept()
    for end in (caller, called):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return caller, called


def measure(turns: int) -> dict[int, dict[str, list[float]]]:
    """Seconds for one of each kind, by size, in turns."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        authority = Authority()
        for party in range(PARTIES):
            authority.enroll(Path(directory), party_role(party))
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(PARTIES)]
        orders, processes = [], []
        for party, wire in enumerate((*wire_pair(), None)):
            ours, theirs = spawn.Pipe()
            arguments = (party, Path(directory), listeners, wire, theirs)
            processes.append(spawn.Process(target=be_party, args=arguments, daemon=True))
            processes[-1].start()
            orders.append(ours)
        answer(orders)
        times: dict[int, dict[str, list[float]]] = {size: {kind: [] for kind in KINDS} for size in SIZES}
        for turn in range(turns + 1):
            for size, repeats in SIZES.items():
                for kind in KINDS:
                    tell(orders, (kind, size, repeats))
                    answer(orders)
                    tell(orders, "go")
                    seconds = answer(orders)[0]
                    if turn:  # the first one warms up
                        times[size][kind].append(seconds)
        tell(orders, None)
        for process in processes:
            process.join(10)
    return times


def tell(orders: list[Connection], what: object) -> None:
    for pipe in orders:
        pipe.send(what)


def answer(orders: list[Connection]) -> list[float]:
    return [pipe.recv() for pipe in orders]


def main() -> None:
    parser = argparse.ArgumentParser(description="A round of the mesh beside a bare socket ping-pong.")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    times = measure(options.turns)
    results = []
    print(f"{'bytes':>8} {'bare':>10} {'pingpong':>10} {'ratio':>6} {'round':>10} {'ratio':>6}   medians, microseconds")
    for size, kinds in times.items():
        row: dict[str, object] = {"bytes": size, "seconds": kinds}
        line = f"{size:8} {1e6 * statistics.median(kinds['bare']):10.1f}"
        for kind in KINDS[1:]:
            ratio = statistics.median(t / bare for t, bare in zip(kinds[kind], kinds["bare"], strict=True))
            row[f"{kind}_ratio"] = ratio
            line += f" {1e6 * statistics.median(kinds[kind]):10.1f} {ratio:6.2f}"
        results.append(row)
        print(line)
    if options.json:
        options.json.write_text(json.dumps({"machine": platform.platform(), "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
