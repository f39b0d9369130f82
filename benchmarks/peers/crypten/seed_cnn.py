"""Two CrypTen parties over loopback run the seed CNN on encrypted images with encrypted weights, query by query.

Reads lines from standard input: ``query N`` runs one query with a batch of N images and prints one JSON line

    {"batch": N, "seconds": ..., "bytes": ..., "rounds": ..., "max_error": ...}

``seconds`` is the wall time from the images in clear to the logits in clear, of the slower party; ``bytes`` (sent by
both) and ``rounds`` are as CrypTen's communicator counts them; ``max_error`` is the largest difference between a
logit and the float model's. ``stop`` or the end of the input ends both parties.

Protocol, precision and provider are CrypTen's defaults. The default provider, TFP, is no protection: party 0 makes
the multiplication triples, so it can read everything. With ``--provider TTP`` a third process deals them; of what it
sends only half is counted, since CrypTen's dealer counts nothing itself.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
import types
from pathlib import Path

import numpy as np
import torch

# CrypTen's ONNX importer needs parts of torch.onnx that newer torch lacks; the layers used here do not need it.
onnx_converter = types.ModuleType("crypten.nn.onnx_converter")
for name in ("from_onnx", "from_pytorch", "from_tensorflow", "TF_AND_TF2ONNX"):
    setattr(onnx_converter, name, None)
sys.modules[onnx_converter.__name__] = onnx_converter

import crypten  # noqa: E402
import crypten.communicator  # noqa: E402

MODEL_OWNER, CLIENT, DEALER = 0, 1, 2
SHAPES = [(3, 3, 1, 16), (16,), (3, 3, 16, 32), (32,), (3, 3, 32, 64), (64,), (64, 10), (10,)]


def load_weights(path):
    """The eight arrays of the seed CNN in Keras' layout and order (random ones if there is no file)."""
    if path is None:
        rng = np.random.default_rng(0)
        arrays = [rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape) for shape in SHAPES]
    else:
        with np.load(path) as file:
            arrays = [file[name] for name in file.files]
    if [array.shape for array in arrays] != SHAPES:
        raise SystemExit(f"expected arrays of shapes {SHAPES}, got {[array.shape for array in arrays]}")
    return [torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)) for array in arrays]


def load_images(path):
    """Images (n, 1, 28, 28) scaled to 0..1 (random ones if there is no file)."""
    if path is None:
        return torch.rand(128, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return torch.from_numpy(np.load(path).astype(np.float32)).reshape(-1, 1, 28, 28)


def seed_cnn(nn, weights):
    """The seed CNN from the layers of ``nn``, which is ``torch.nn`` or ``crypten.nn``."""
    layers = []
    for kernel, bias in zip(weights[0:6:2], weights[1:6:2], strict=True):
        height, width, inputs, outputs = kernel.shape
        conv = nn.Conv2d(inputs, outputs, (height, width))
        set_parameters(conv, kernel.permute(3, 2, 0, 1), bias)
        layers += [conv, nn.AvgPool2d(2), nn.ReLU()]
    dense = nn.Linear(*weights[6].shape)
    set_parameters(dense, weights[6].T, weights[7])
    # The last feature map is 1 x 1, so that Keras' and torch's order of flattening are the same.
    return nn.Sequential(*layers, nn.Flatten(), dense)


def set_parameters(layer, weight, bias):
    for name, value in (("weight", weight), ("bias", bias)):
        if isinstance(layer, torch.nn.Module):
            getattr(layer, name).data = value.contiguous()
        else:
            layer.set_parameter(name, value.contiguous())


def query(model, reference, images):
    """One encrypted query by both parties; the figures are those of the two together."""
    communicator = crypten.communicator.get()
    communicator.barrier()
    communicator.reset_communication_stats()
    start = time.perf_counter()
    logits = model(crypten.cryptensor(images, src=CLIENT)).get_plain_text()
    seconds = time.perf_counter() - start
    counted = communicator.get_communication_stats()
    mine = torch.tensor([seconds, counted["bytes"], counted["rounds"]], dtype=torch.float64)
    both = torch.stack([communicator.broadcast(mine.clone(), src) for src in (MODEL_OWNER, CLIENT)])
    return {
        "batch": len(images),
        "seconds": both[:, 0].max().item(),
        "bytes": int(both[:, 1].sum() / 2),  # each party counts what it sends and what it receives
        "rounds": int(both[:, 2].max()),
        "max_error": (logits - reference(images)).abs().max().item(),
    }


def run_party(rank, rendezvous, options):
    """One process: a party that takes its commands from the model owner's standard input, or the dealer."""
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
    weights, images = load_weights(options.weights), load_images(options.images)
    model = seed_cnn(crypten.nn, weights)
    model.encrypt(src=MODEL_OWNER)
    reference = seed_cnn(torch.nn, weights).requires_grad_(False)
    communicator = crypten.communicator.get()
    with crypten.no_grad():
        while True:
            line = (sys.stdin.readline() or "stop").strip() if rank == MODEL_OWNER else None
            match communicator.broadcast_obj(line, MODEL_OWNER).split():
                case ["query", size]:
                    result = query(model, reference, images[torch.arange(int(size)) % len(images)])
                case ["stop"]:
                    crypten.uninit()  # ends the dealer too
                    return
                case other:
                    raise SystemExit(f"expected 'query N' or 'stop', got {other}")
            if rank == MODEL_OWNER:
                print(json.dumps(result), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help=".npz of the eight arrays in Keras' layout and order")
    parser.add_argument("--images", type=Path, help=".npy of images scaled to 0..1; a batch repeats them")
    parser.add_argument("--provider", choices=["TFP", "TTP"], default="TFP", help="who makes the triples")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of each party; 0: as torch chooses")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        rendezvous = f"file://{directory}/rendezvous"
        spawn = multiprocessing.get_context("spawn")
        ranks = (CLIENT, DEALER) if options.provider == "TTP" else (CLIENT,)
        # Daemons: they end with this process if it fails.
        others = [spawn.Process(target=run_party, args=(r, rendezvous, options), daemon=True) for r in ranks]
        for process in others:
            process.start()
        run_party(MODEL_OWNER, rendezvous, options)
        for process in others:
            process.join()


if __name__ == "__main__":
    main()
