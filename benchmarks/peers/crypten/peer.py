"""Two CrypTen parties over loopback compute the workloads of ``benchmarks/peers/workloads.py``.

Party 0 owns the model, party 1 the images, and only party 1 learns the logits. ``seconds`` is the slower party's;
``bytes`` (sent by both) and ``rounds`` are as CrypTen's communicator counts them.

Protocol and precision are CrypTen's defaults. So is the provider, TFP, which is no protection: party 0 makes the
multiplication triples, and can read everything. With ``--provider TTP`` a third process deals them; of what it sends
only half is counted, since CrypTen's dealer counts nothing itself.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
import types
from collections.abc import Callable
from operator import methodcaller
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

# CrypTen's ONNX importer needs parts of torch.onnx that newer torch lacks; the layers used here do not need it.
onnx_converter = types.ModuleType("crypten.nn.onnx_converter")
for name in ("from_onnx", "from_pytorch", "from_tensorflow", "TF_AND_TF2ONNX"):
    setattr(onnx_converter, name, None)
sys.modules[onnx_converter.__name__] = onnx_converter

import crypten  # noqa: E402
import crypten.communicator  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))
import workloads  # noqa: E402

MODEL_OWNER, CLIENT, DEALER = 0, 1, 2


class Prepared(NamedTuple):
    """A workload with its operands shared: ``run`` is what is timed, ``reveal`` gives the client the result."""

    run: Callable[[], object]
    reveal: Callable[[object], torch.Tensor | None]
    error: Callable[[np.ndarray], float]


class Party:
    """What each of the two parties does, both in the same order."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.ahead = options.triples == "ahead"
        self.weights = workloads.load_weights(options.weights)
        self.images = workloads.load_images(options.images)
        self.model = seed_cnn(self.weights)
        self.model.encrypt(src=MODEL_OWNER)
        self.prepared: dict[str, Prepared] = {}

    def prepare(self, name: str) -> Prepared:
        """The workload, having run once."""
        workload = workloads.workload(name, self.weights, self.images)
        clear = [torch.from_numpy(argument) for argument in workload.arguments]
        if workload.query:
            images = clear[0].permute(0, 3, 1, 2).contiguous()

            def query() -> object:
                return self.model(crypten.cryptensor(images, src=CLIENT)).get_plain_text(dst=CLIENT)

            prepared = Prepared(query, lambda logits: logits, workload.error)
        else:
            owners = (MODEL_OWNER, CLIENT) if len(clear) > 1 else (CLIENT,)
            shared = [crypten.cryptensor(value, src=owner) for value, owner in zip(clear, owners, strict=True)]
            if name in workloads.CLASSES:
                operation = methodcaller("softmax", 1)
            else:
                operation = methodcaller("matmul", shared[1]) if name == "w4" else methodcaller("relu")
            prepared = Prepared(
                lambda: operation(shared[0]), lambda result: result.get_plain_text(dst=CLIENT), workload.error
            )
        prepared.run()
        return prepared

    def answer(self, name: str) -> dict[str, object]:
        if name not in self.prepared:
            self.prepared[name] = self.prepare(name)
        prepared = self.prepared[name]
        if self.ahead:
            draw_triples(prepared.run)
        communicator = crypten.communicator.get()
        communicator.barrier()
        communicator.reset_communication_stats()
        start = time.perf_counter()
        result = prepared.run()
        seconds = time.perf_counter() - start
        counted = communicator.get_communication_stats()
        revealed = prepared.reveal(result)
        error = 0.0 if revealed is None else prepared.error(revealed.numpy())
        mine = torch.tensor([seconds, counted["bytes"], counted["rounds"], error], dtype=torch.float64)
        both = torch.stack([communicator.broadcast(mine.clone(), src) for src in (MODEL_OWNER, CLIENT)])
        return {
            "seconds": both[:, 0].max().item(),
            "bytes": int(both[:, 1].sum() / 2),  # each party counts what it sends and what it receives
            "rounds": int(both[:, 2].max()),
            "max_error": both[CLIENT, 3].item(),
        }


def draw_triples(run: Callable[[], object]) -> None:
    """Makes the triples that one ``run`` needs and keeps them for the next."""
    provider = crypten.mpc.get_default_provider()
    provider.tuple_cache.clear()
    provider.request_cache.clear()
    crypten.trace(True)
    run()
    crypten.trace(False)
    crypten.fill_cache()


def seed_cnn(weights: list[np.ndarray]) -> crypten.nn.Module:
    """The seed CNN of CrypTen's layers."""
    layers = []
    tensors = [torch.from_numpy(array) for array in weights]
    for kernel, bias in zip(tensors[0:6:2], tensors[1:6:2], strict=True):
        height, width, inputs, outputs = kernel.shape
        conv = crypten.nn.Conv2d(inputs, outputs, (height, width))
        set_parameters(conv, kernel.permute(3, 2, 0, 1), bias)
        layers += [conv, crypten.nn.AvgPool2d(2), crypten.nn.ReLU()]
    dense = crypten.nn.Linear(*tensors[6].shape)
    set_parameters(dense, tensors[6].T, tensors[7])
    # The last feature map is 1 x 1, so that Keras' and torch's order of flattening are the same.
    return crypten.nn.Sequential(*layers, crypten.nn.Flatten(), dense)


def set_parameters(layer: crypten.nn.Module, weight: torch.Tensor, bias: torch.Tensor) -> None:
    layer.set_parameter("weight", weight.contiguous())
    layer.set_parameter("bias", bias.contiguous())


def run_party(rank: int, rendezvous: str, options: argparse.Namespace) -> None:
    """One process: a party that takes its commands from the model owner's standard input, or the dealer."""
    if rank != MODEL_OWNER:
        workloads.end_with_parent()
    if options.threads:
        torch.set_num_threads(options.threads)
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", RENDEZVOUS=rendezvous, GLOO_SOCKET_IFNAME=loopback)
    crypten.cfg.communicator.verbose = True  # else nothing is counted
    crypten.cfg.mpc.provider = options.provider
    if rank == DEALER:
        crypten.mpc.provider.TTPServer()
        return
    crypten.init()
    communicator = crypten.communicator.get()
    with crypten.no_grad():
        party = Party(options)
        if rank == MODEL_OWNER:
            workloads.answer_lines(lambda name: party.answer(communicator.broadcast_obj(name, MODEL_OWNER)))
            communicator.broadcast_obj("stop", MODEL_OWNER)
        else:
            while (name := communicator.broadcast_obj(None, MODEL_OWNER)) != "stop":
                party.answer(name)
    crypten.uninit()  # ends the dealer too


def main() -> None:
    parser = workloads.arguments(__doc__)
    parser.add_argument("--provider", choices=["TFP", "TTP"], default="TFP", help="who makes the triples")
    parser.add_argument(
        "--triples", choices=["within", "ahead"], default="within", help="ahead: made before the time is taken"
    )
    parser.add_argument("--threads", type=int, default=1, help="torch threads of each process; 0: as torch chooses")
    options = parser.parse_args()
    if options.provider == "TFP":
        print("CrypTen: insecure, party 0 makes the triples (--provider TTP: a dealer does)", file=sys.stderr)
    with tempfile.TemporaryDirectory() as directory:
        rendezvous = f"file://{directory}/rendezvous"
        spawn = multiprocessing.get_context("spawn")
        ranks = (CLIENT, DEALER) if options.provider == "TTP" else (CLIENT,)
        others = [spawn.Process(target=run_party, args=(r, rendezvous, options), daemon=True) for r in ranks]
        for process in others:
            process.start()
        run_party(MODEL_OWNER, rendezvous, options)
        for process in others:
            process.join()


if __name__ == "__main__":
    main()
