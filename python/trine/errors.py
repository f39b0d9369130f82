"""Every error trine raises on purpose, in one tree.

::

    TrineError
    ├── InputError (ValueError)      what the caller passed cannot be used
    │   ├── RangeError               a number does not fit the fixed-point format or the proven width
    │   ├── NotFiniteError           NaN or infinity where a number was expected
    │   ├── ShapeError               array shapes do not fit together, or do not fit the model
    │   ├── DtypeError (TypeError)   the array has the wrong dtype
    │   └── UnsupportedModelError    a model holds a layer or an option that trine cannot run
    ├── MissingExtraError (ImportError)  an optional dependency is not installed
    ├── ProtocolError                a message does not follow the protocol: version, length, order or session
    ├── NetworkError (ConnectionError)   the far end cannot be reached or trusted
    │   ├── PartyLostError           a party's connection broke
    │   ├── PartyTimeoutError (TimeoutError)  a party did not answer in time
    │   └── CertificateError         a certificate is missing, expired or not the expected one
    ├── BenchmarkError               what trine is compared with failed, or could not be started
    └── ServiceError                 the cluster answered: no
        ├── AccessDeniedError        this certificate may not do that
        ├── UnknownModelError        no model of that name is shared here
        ├── NotServingError          the model is shared but not being served, or has been stopped
        ├── RequestLimitError        the agreed number of requests is used up
        ├── BusyError                too much work is waiting; try again later
        └── ClusterError             the cluster could not be started or stopped
"""

from __future__ import annotations

__all__ = [
    "AccessDeniedError",
    "BenchmarkError",
    "BusyError",
    "CertificateError",
    "ClusterError",
    "DtypeError",
    "InputError",
    "MissingExtraError",
    "NetworkError",
    "NotFiniteError",
    "NotServingError",
    "PartyLostError",
    "PartyTimeoutError",
    "ProtocolError",
    "RangeError",
    "RequestLimitError",
    "ServiceError",
    "ShapeError",
    "TrineError",
    "UnknownModelError",
    "UnsupportedModelError",
]


class TrineError(Exception):
    """Base of every error trine raises on purpose."""


class InputError(TrineError, ValueError):
    """What the caller passed cannot be used."""


class RangeError(InputError):
    """A number does not fit the fixed-point format or the proven width."""


class NotFiniteError(InputError):
    """NaN or infinity where a number was expected."""


class ShapeError(InputError):
    """Array shapes do not fit together, or do not fit the model."""


class DtypeError(InputError, TypeError):
    """The array has the wrong dtype."""


class UnsupportedModelError(InputError):
    """A model holds a layer or an option that trine cannot run."""


class MissingExtraError(TrineError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class ProtocolError(TrineError):
    """A message does not follow the protocol: wrong version, length, order or session."""


class NetworkError(TrineError, ConnectionError):
    """The far end cannot be reached or cannot be trusted."""


class PartyLostError(NetworkError):
    """A party's connection broke.

    Attributes:
        party: the index (0, 1 or 2) of the party that was lost.
    """

    def __init__(self, party: int, message: str) -> None:
        super().__init__(message)
        self.party = party


class PartyTimeoutError(NetworkError, TimeoutError):
    """A party did not answer in time.

    Attributes:
        party: the index (0, 1 or 2) of the party that was waited for.
    """

    def __init__(self, party: int, message: str) -> None:
        super().__init__(message)
        self.party = party


class CertificateError(NetworkError):
    """A certificate is missing, expired or not the expected one."""


class BenchmarkError(TrineError):
    """What trine is compared with failed, or could not be started."""


class ServiceError(TrineError):
    """The cluster answered: no."""


class AccessDeniedError(ServiceError):
    """This certificate may not do that."""


class UnknownModelError(ServiceError):
    """No model of that name is shared here."""


class NotServingError(ServiceError):
    """The model is shared but not being served, or has been stopped."""


class RequestLimitError(ServiceError):
    """The agreed number of requests is used up."""


class BusyError(ServiceError):
    """Too much work is waiting; try again later."""


class ClusterError(ServiceError):
    """The cluster could not be started or stopped."""
