"""The demo's model owner: starts three parties, shares the model with them, and lets a client query it three times."""

from __future__ import annotations

import json
import os
import sys
import threading

from trine.cluster import Cluster
from trine.cluster.wire import error_to_json
from trine.demo.data import load_seed_cnn
from trine.errors import TrineError

NUM_REQUESTS = 3


def main() -> None:
    """Print where the service is, or why there is none, as one line of JSON; end with the requests or the parent."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with Cluster.local() as cluster:
            service = cluster.share(load_seed_cnn(), name="digits")
            service.serve(num_requests=NUM_REQUESTS, block=False)
            found = {"client_file": os.fspath(cluster.client_file), "parties": cluster.processes}
            print(json.dumps(found), flush=True)
            service.wait()
            service.stop()
    except TrineError as error:
        print(json.dumps(error_to_json(error, 0)), flush=True)
        sys.exit(1)


def _end_with_parent() -> None:
    """The parent holds the other end of standard input; the parties end with this process."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main()
