"""TF Encrypted's three servers over loopback compute the workloads of ``benchmarks/peers/workloads.py`` by ABY3.

This process is model owner and client: it builds the graph, splits arrays, and puts the answers together; the servers
send each other what the graph says over TensorFlow's gRPC. TF Encrypted counts neither bytes nor rounds.

Ring (64 bits) and fractional bits (16) are TF Encrypted's defaults. Ends at once if the compiled secure random numbers
do not load, since TF Encrypted would go on with TensorFlow's ordinary ones.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no notes about processor features
import tensorflow as tf
import tf_encrypted as tfe
from tf_encrypted.operations import secure_random
from tf_encrypted.player.player import Player

sys.path.insert(0, str(Path(__file__).parents[1]))
import workloads

CLIENT = Player("client", 3, "/job:localhost/replica:0/task:0/device:CPU:0")


def run_server(name: str, hosts: list[tuple[str, str]]) -> None:
    """One server process: carries out its part of the graphs it is sent."""
    workloads.end_with_parent()
    tfe.RemoteConfig(OrderedDict(hosts)).start_server(name).join()


class Prepared(NamedTuple):
    """A workload that is traced, with its operands shared: ``run`` is what is timed, ``reveal`` what follows it."""

    run: Callable[[], object]
    reveal: Callable[[object], np.ndarray]
    error: Callable[[np.ndarray], float]


class Owner:
    """What the owner of the model, the images and the operands does."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.protocol = tfe.get_protocol()
        self.weights = workloads.load_weights(options.weights)
        self.images = workloads.load_images(options.images)
        self.shared = [self.protocol.define_private_variable(array) for array in self.weights]
        self.prepared: dict[str, Prepared] = {}

    def seed_cnn(self, x: tfe.protocol.TFEPrivateTensor) -> tfe.protocol.TFEPrivateTensor:
        """Images (n, 28, 28, 1) to logits (n, 10), all shared."""
        weights = [variable.read_value() for variable in self.shared]
        x = tfe.transpose(x, [0, 3, 1, 2])
        for kernel, bias in zip(weights[0:6:2], weights[1:6:2], strict=True):
            x = tfe.conv2d(x, kernel, [1, 1], "VALID") + tfe.reshape(bias, [-1, 1, 1])
            batch, channels, height, width = (int(size) for size in x.shape)
            height, width = height // 2, width // 2
            # A sum over reshaped axes: TF Encrypted's avgpool2d gathers the windows first, and takes longer.
            x = tfe.reshape(x[:, :, : 2 * height, : 2 * width], [batch, channels, height, 2, width, 2])
            x = tfe.relu(tfe.reduce_sum(tfe.reduce_sum(x, axis=5), axis=3) * 0.25)
        # The last feature map is 1 x 1, so that both orders of flattening are the same.
        return tfe.matmul(tfe.reshape(x, [int(x.shape[0]), -1]), weights[6]) + weights[7]

    def prepare_query(self, workload: workloads.Workload) -> Prepared:
        @tf.function(autograph=False)
        def query(images: tf.Tensor) -> tf.Tensor:
            self.protocol.reset()  # else every call masks with the random numbers of the first
            outputs: list[tf.Tensor] = []
            logits = self.seed_cnn(tfe.define_private_input(CLIENT, lambda: images))
            tfe.define_output(CLIENT, [logits], outputs.append)
            return outputs[0]

        return Prepared(
            lambda: query(tf.constant(workload.arguments[0])).numpy(), lambda logits: logits, workload.error
        )

    def prepare_operation(self, name: str, workload: workloads.Workload) -> Prepared:
        operands = [tfe.define_private_variable(value) for value in workload.arguments]
        servers = self.protocol.servers

        @tf.function(autograph=False)
        def operation() -> tuple[list[list[tf.Tensor]], list[tf.Tensor]]:
            self.protocol.reset()
            values = [operand.read_value() for operand in operands]
            result = tfe.matmul(*values) if name == "w4" else tfe.relu(*values)
            shares = [[share.value for share in pair] for pair in result.unwrapped]
            done = []
            for server, pair in zip(servers, shares, strict=True):
                with tf.device(server.device_name), tf.control_dependencies(pair):
                    done.append(tf.identity(0))
            return shares, done

        def run() -> list[list[tf.Tensor]]:
            shares, done = operation()
            for each in done:
                each.numpy()  # waits for that server
            return shares

        def reveal(shares: list[list[tf.Tensor]]) -> np.ndarray:
            total = shares[0][0].numpy() + shares[0][1].numpy() + shares[1][1].numpy()
            return total / self.protocol.fixedpoint_config.scaling_factor

        return Prepared(run, reveal, workload.error)

    def answer(self, name: str) -> dict[str, object]:
        if name in workloads.CLASSES:
            raise SystemExit("TF Encrypted's ABY3 has no softmax")
        if name not in self.prepared:
            workload = workloads.workload(name, self.weights, self.images)
            prepared = self.prepare_query(workload) if workload.query else self.prepare_operation(name, workload)
            prepared.run()
            self.prepared[name] = prepared
        prepared = self.prepared[name]
        start = time.perf_counter()
        result = prepared.run()
        seconds = time.perf_counter() - start
        error = prepared.error(prepared.reveal(result))
        return {"seconds": seconds, "bytes": None, "rounds": None, "max_error": error}


def start_servers() -> None:
    """Three server processes, to which this one connects; they end with it."""
    hosts = [(f"server{i}", f"127.0.0.1:{port}") for i, port in enumerate(workloads.free_ports(3))]
    spawn = multiprocessing.get_context("spawn")
    for name, _ in hosts:
        spawn.Process(target=run_server, args=(name, hosts), daemon=True).start()
    config = tfe.RemoteConfig(OrderedDict(hosts))
    config.connect_servers()
    tfe.set_config(config)
    tfe.set_protocol(tfe.protocol.ABY3())


def main() -> None:
    parser = workloads.arguments(__doc__)
    parser.add_argument(
        "--threads", type=int, default=0, help="TensorFlow threads of each server; 0: as TensorFlow chooses"
    )
    options = parser.parse_args()
    if not secure_random.supports_secure_randomness():
        raise SystemExit(f"no secure random numbers with TensorFlow {tf.__version__}: run setup.sh")
    if options.threads:  # read when a server process imports TensorFlow; this one computes next to nothing
        os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(options.threads)
    start_servers()
    workloads.answer_lines(Owner(options).answer)


if __name__ == "__main__":
    main()
