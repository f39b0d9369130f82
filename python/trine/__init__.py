"""Privacy-preserving machine learning among three parties that cannot read what they compute on."""

from trine import errors, mpc, nn
from trine._version import __version__
from trine.cluster import Client, Cluster, QueryReport, Service, connect
from trine.errors import TrineError
from trine.mpc import LocalSession, PartySession, Secret, Session
from trine.ring import FixedPoint, PrimeField

__all__ = [
    "Client",
    "Cluster",
    "FixedPoint",
    "LocalSession",
    "PartySession",
    "PrimeField",
    "QueryReport",
    "Secret",
    "Service",
    "Session",
    "TrineError",
    "__version__",
    "connect",
    "errors",
    "local",
    "mpc",
    "nn",
]


def local() -> LocalSession:
    """Three parties in this process, for notebooks, tests and planning: see :class:`trine.mpc.LocalSession`."""
    return LocalSession()
