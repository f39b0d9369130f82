"""SecretFlow SPU's party processes over loopback compute the workloads of ``benchmarks/peers/workloads.py``.

This process is model owner and client: it splits arrays, hands each party its share over a pipe, and puts the answers
together. ``seconds`` of a query holds all of that but the sharing of the weights. ``bytes`` is what the parties send
each other, as SPU's profiler counts it in the warm-up; it counts messages, but no rounds.

Ring (64 bits) and fractional bits (18) are SPU's defaults. So is SEMI2K's maker of triples, party 0, which can read
everything: what SPU itself calls not safe. Its wheels have no other that runs. ABY3 needs no triples.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import spu
from spu import libspu
from spu.utils import frontend

sys.path.insert(0, str(Path(__file__).parents[1]))
import workloads

PARTIES = {"ABY3": 3, "SEMI2K": 2}
SECRET = libspu.Visibility.VIS_SECRET
WEIGHTS = [f"weight{i}" for i in range(len(workloads.SHAPES))]


def seed_cnn(*arguments: jax.Array) -> jax.Array:
    """The eight weights and images (n, 28, 28, 1) to logits (n, 10)."""
    *weights, x = arguments
    for kernel, bias in zip(weights[0:6:2], weights[1:6:2], strict=True):
        x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias
        batch, height, width, channels = x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3]
        # A sum over reshaped axes: SPU takes 1.5 to 5 times as long for reduce_window or added slices.
        x = x[:, : 2 * height, : 2 * width].reshape(batch, height, 2, width, 2, channels).sum((2, 4)) * 0.25
        x = jnp.maximum(x, 0)
    return x.reshape(len(x), -1) @ weights[6] + weights[7]


FUNCTIONS: dict[str, Callable[..., jax.Array]] = {
    "w1": seed_cnn,
    "w2": seed_cnn,
    "w4": jnp.matmul,
    "w5": lambda values: jnp.maximum(values, 0),
    "w6": jax.nn.softmax,
    "w7": jax.nn.softmax,
}


def configuration(options: argparse.Namespace) -> libspu.RuntimeConfig:
    config = libspu.RuntimeConfig(libspu.ProtocolKind.__members__[options.protocol], libspu.FieldType.FM64)
    config.max_concurrency = options.threads
    return config


def run_party(rank: int, ports: list[int], directory: str, connection: Connection, options: argparse.Namespace) -> None:
    """One party process: does what comes over ``connection`` until None comes."""
    workloads.end_with_parent()
    log = Path(directory, f"party{rank}.log")
    logging = libspu.logging.LogOptions()
    logging.enable_console_logger = False
    logging.system_log_path = str(log)
    libspu.logging.setup_logging(logging)
    description = libspu.link.Desc()
    for party, port in enumerate(ports):
        description.add_party(f"party{party}", f"127.0.0.1:{port}")
    link = libspu.link.create_brpc(description, rank)
    config = configuration(options)
    runtime = spu.Runtime(link, config)
    profiled = libspu.RuntimeConfig(config)
    profiled.enable_pphlo_profile = True
    profiled.enable_hal_profile = True
    counting = spu.Runtime(link.spawn(), profiled)  # apart, since counting takes time
    executables = {}
    while (message := connection.recv()) is not None:
        answer = None
        match message:
            case ["load", name, code]:
                executables[name] = libspu.Executable()
                executables[name].ParseFromString(code)
            case ["set", names, shares]:
                for name, share in zip(names, shares, strict=True):
                    runtime.set_var(name, share)
            case ["run", name]:
                runtime.run(executables[name])
            case ["query", executable, name, share]:
                runtime.set_var(name, share)
                runtime.run(executables[executable])
                answer = runtime.get_var(executables[executable].output_names[0])
            case ["get", name]:
                answer = runtime.get_var(name)
            case ["count", name]:
                for variable in executables[name].input_names:
                    counting.set_var(variable, runtime.get_var(variable))
                counting.run(executables[name])
                answer = int(re.findall(r"total send bytes (\d+)", log.read_text())[-1])
                for variable in (*executables[name].input_names, *executables[name].output_names):
                    counting.del_var(variable)
        connection.send(answer)
    link.stop_link()


class Prepared(NamedTuple):
    """A workload that is compiled, with its operands shared."""

    workload: workloads.Workload
    inputs: list[str]
    output: str
    sent: int


class Parties:
    """The party processes, and what their owner does with them."""

    def __init__(self, directory: str, options: argparse.Namespace) -> None:
        count = PARTIES[options.protocol]
        self.io = spu.Io(count, configuration(options))
        self.weights = workloads.load_weights(options.weights)
        self.images = workloads.load_images(options.images)
        self.prepared: dict[str, Prepared] = {}
        self.connections: list[Connection] = []
        self.processes = []
        spawn = multiprocessing.get_context("spawn")
        ports = workloads.free_ports(count)
        for rank in range(count):
            ours, theirs = spawn.Pipe()
            arguments = (rank, ports, directory, theirs, options)
            process = spawn.Process(target=run_party, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self.connections.append(ours)
            self.processes.append(process)
        self.share(WEIGHTS, self.weights)

    def ask(self, *messages: list[Any]) -> list[Any]:
        """Each party's answer to its message, or to the one for all of them."""
        all_messages = messages if len(messages) == len(self.connections) else messages * len(self.connections)
        for connection, message in zip(self.connections, all_messages, strict=True):
            connection.send(message)
        return [connection.recv() for connection in self.connections]

    def share(self, names: list[str], arrays: list[np.ndarray]) -> None:
        shares = zip(*(self.io.make_shares(array, SECRET) for array in arrays), strict=True)
        self.ask(*(["set", names, list(mine)] for mine in shares))

    def prepare(self, name: str) -> Prepared:
        """The workload compiled, its operands shared, having run once."""
        workload = workloads.workload(name, self.weights, self.images)
        inputs = [f"{name}-in{i}" for i in range(len(workload.arguments))]
        names, values = list(inputs), list(workload.arguments)
        if workload.query:
            names, values = WEIGHTS + names, self.weights + values
        executable, _ = frontend.compile(
            frontend.Kind.JAX,
            FUNCTIONS[name],
            values,
            {},
            names,
            [SECRET] * len(names),
            lambda outputs: [f"{name}-out{i}" for i in range(len(outputs))],
        )
        self.ask(["load", name, executable.SerializeToString()])
        self.share(inputs, workload.arguments)
        return Prepared(workload, inputs, executable.output_names[0], sum(self.ask(["count", name])))

    def answer(self, name: str) -> dict[str, object]:
        if name not in self.prepared:
            self.prepared[name] = self.prepare(name)
            self.run(name)
        seconds, result = self.run(name)
        prepared = self.prepared[name]
        error = prepared.workload.error(result)
        return {"seconds": seconds, "bytes": prepared.sent, "rounds": None, "max_error": error}

    def run(self, name: str) -> tuple[float, np.ndarray]:
        """Seconds, and the result in clear."""
        workload, inputs, output, _ = self.prepared[name]
        start = time.perf_counter()
        if workload.query:
            shares = self.io.make_shares(workload.arguments[0], SECRET)
            result = self.io.reconstruct(self.ask(*(["query", name, inputs[0], share] for share in shares)))
            return time.perf_counter() - start, result
        self.ask(["run", name])
        seconds = time.perf_counter() - start
        return seconds, self.io.reconstruct(self.ask(["get", output]))

    def stop(self) -> None:
        for connection in self.connections:
            connection.send(None)
        for process in self.processes:
            process.join()


def main() -> None:
    parser = workloads.arguments(__doc__)
    parser.add_argument("--protocol", choices=PARTIES, default="SEMI2K", help="among three or two parties")
    parser.add_argument("--threads", type=int, default=0, help="SPU threads of each party; 0: as SPU chooses")
    options = parser.parse_args()
    if options.protocol == "SEMI2K":
        print("SPU: insecure, party 0 makes SEMI2K's triples (--protocol ABY3 has none)", file=sys.stderr)
    with tempfile.TemporaryDirectory() as directory:
        parties = Parties(directory, options)
        workloads.answer_lines(parties.answer)
        parties.stop()


if __name__ == "__main__":
    main()
