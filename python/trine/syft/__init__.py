"""The words of PySyft 0.2 for private prediction, for those who come from there: ``import trine.syft as sy``.

A server::

    sy.KerasHook(keras)
    cluster = sy.TFECluster(*(sy.TFEWorker(host=f"localhost:{port}") for port in (4000, 4001, 4002)))
    cluster.start()
    model.share(cluster)
    model.serve(num_requests=3)
    model.stop()
    cluster.stop()

A client, which makes the same cluster but does not start it::

    client = sy.TFEClient()
    client.connect_to_model(input_shape, output_shape, cluster)
    client.query_model(x)

What is different from PySyft is in ``docs/migration.md``.
"""

from trine.syft.client import TFEClient
from trine.syft.hooks import KerasHook, TorchHook
from trine.syft.workers import TFECluster, TFEWorker

__all__ = ["KerasHook", "TFEClient", "TFECluster", "TFEWorker", "TorchHook"]
