"""The service: three party processes, models shared among them, and clients that query them over HTTPS."""

from trine.cluster.client import Client, QueryReport, connect
from trine.cluster.owner import Cluster, LocalCluster, Service
from trine.cluster.wire import ModelStatus

__all__ = ["Client", "Cluster", "LocalCluster", "ModelStatus", "QueryReport", "Service", "connect"]
