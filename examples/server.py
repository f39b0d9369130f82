"""A model owner: shares a model among three parties and lets clients query it three times.

Run it, then client.py in another terminal:

    python examples/server.py [model.keras]
    python examples/client.py CLIENT_FILE
"""

import sys

import trine
from trine.demo.data import load_seed_cnn

model = sys.argv[1] if len(sys.argv) > 1 else load_seed_cnn()  # the path of a model, or the demo's network

with trine.Cluster.local(ports=(4000, 4001, 4002)) as cluster:  # three parties, here on this machine
    service = cluster.share(model, name="digits")  # the weights are split: no party holds any
    print(f"clients use {cluster.client_file}", flush=True)
    service.serve(num_requests=3)  # returns when three queries have been answered
    service.stop()
