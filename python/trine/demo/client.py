"""The demo's client: asks what digits three images show, without showing them to anybody."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from trine.cluster.client import Client
from trine.cluster.config import ClusterFile
from trine.cluster.wire import error_to_json
from trine.demo.data import load_digits
from trine.demo.server import NUM_REQUESTS
from trine.errors import TrineError
from trine.mpc import accept, deal
from trine.mpc.party import Ring

BINS = 10


def main() -> None:
    """Query the service of the cluster file given, and print the answers as one line of JSON."""
    try:
        print(json.dumps(query_digits(sys.argv[1])))
    except TrineError as error:
        print(json.dumps(error_to_json(error, 0)))
        sys.exit(1)


def query_digits(client_file: str) -> dict[str, Any]:
    """The answers for the first images, and the histograms of the first one and of its shares.

    A histogram counts in ten bins what a number is beyond its whole part, as if it were a pixel: 0 is black.
    """
    images, labels = load_digits()
    held: list[list[list[int]]] = []

    def look_on(arrays: Sequence[Ring]) -> tuple[bytes, bytes, bytes]:
        payloads = deal(arrays)
        held.append([_histogram(party, payload, arrays[0].shape) for party, payload in enumerate(payloads)])
        return payloads

    rows = []
    with Client(ClusterFile.read(client_file), split=look_on) as client:
        for image, label in zip(images[:NUM_REQUESTS], labels, strict=False):
            logits, report = client.query(image, report=True)
            rows.append({"actual": int(label), "predicted": int(logits.argmax()), **asdict(report)})
    plaintext = np.histogram(images[0], BINS, (0, 1))[0].tolist()
    return {"rows": rows, "plaintext": plaintext, "held": held[0]}


def _histogram(party: int, payload: bytes, shape: tuple[int, ...]) -> list[int]:
    """Of all numbers that a party holds of an input: two shares of each."""
    (x,) = accept(party, payload, [shape])
    fractions = np.concatenate([x.a, x.b], axis=None) & np.uint64(0xFFFF)
    counts: list[int] = np.histogram(fractions, BINS, (0, 1 << 16))[0].tolist()
    return counts


if __name__ == "__main__":
    main()
