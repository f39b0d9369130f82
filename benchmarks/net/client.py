"""Shares the demo's network on a running cluster and asks it for one image, again and again: a JSON line a query."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict

from trine.cluster import Cluster, connect
from trine.demo.data import load_digits, load_seed_cnn
from trine.errors import NetworkError

START_SECONDS = 60.0


def main() -> None:
    """Arguments: the owner's cluster file, the client's, the number of queries."""
    owner_file, client_file, queries = sys.argv[1:]
    cluster = wait_until_linked(owner_file)
    cluster.share(load_seed_cnn()).serve(block=False)
    images, labels = load_digits()
    with connect(client_file) as client:
        for _ in range(int(queries)):
            logits, report = client.query(images[0], report=True)
            assert logits.argmax() == labels[0]
            print(json.dumps(asdict(report)), flush=True)
    cluster.stop()


def wait_until_linked(owner_file: str) -> Cluster:
    """The cluster, once all parties answer and none misses another."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            cluster = Cluster.connect(owner_file)
            if not any(party["missing"] for party in cluster.health()):
                return cluster
        except NetworkError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


if __name__ == "__main__":
    main()
