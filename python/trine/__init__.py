"""Privacy-preserving machine learning among three parties that cannot read what they compute on."""

from trine.mpc import LocalSession, Secret

__all__ = ["LocalSession", "Secret", "__version__", "local"]

__version__ = "0.1.0"


def local() -> LocalSession:
    """Three parties in this process, for notebooks, tests and planning: see :class:`trine.mpc.LocalSession`."""
    return LocalSession()
