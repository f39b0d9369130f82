"""TLS 1.3 with certificates on both sides: the only way trine opens a connection.

HTTPS takes Python's contexts, the mesh its own (``cpp/net/tls.hpp``); what is asked of a certificate is one for both.
"""

from __future__ import annotations

import socket
import ssl
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from trine import _core
from trine.errors import CertificateError, NetworkError
from trine.net.certificates import ROLES, role_host

__all__ = [
    "Credentials",
    "certificate_role",
    "client_context",
    "connection_error",
    "handshake",
    "mesh_context",
    "peer_role",
    "server_context",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Credentials:
    """Where one role's certificates lie: ``ca.crt``, ``<role>.crt`` and ``<role>.key`` in one directory."""

    directory: Path
    role: str

    @property
    def authority(self) -> Path:
        """The authority's certificate."""
        return self.directory / "ca.crt"

    @property
    def certificate(self) -> Path:
        """The role's own certificate."""
        return self.directory / f"{self.role}.crt"

    @property
    def key(self) -> Path:
        """The private key of that certificate."""
        return self.directory / f"{self.role}.key"


def server_context(credentials: Credentials) -> ssl.SSLContext:
    """A context that accepts TLS 1.3 from holders of this authority's certificates only.

    Who called is for the caller to look at: :func:`peer_role`.

    Raises:
        CertificateError: a file is missing, readable by others, not what it should be, or out of date.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, credentials)
    context.verify_mode = ssl.CERT_REQUIRED
    # A ticket would let a later connection in without its certificate being looked at again.
    context.num_tickets = 0
    return context


def client_context(credentials: Credentials) -> ssl.SSLContext:
    """A context for calling a party; pass ``server_hostname=role_host(role)``, and OpenSSL compares the role.

    Raises:
        CertificateError: a file is missing, readable by others, not what it should be, or out of date.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, credentials)


def mesh_context(credentials: Credentials) -> _core.TlsContext:
    """A context for the parties' own connections, called or calling; it asks of the far end what the others do.

    Raises:
        CertificateError: a file is missing, readable by others, not what it should be, or out of date.
    """
    files = map(str, (credentials.authority, credentials.certificate, credentials.key))
    return _checked(credentials, lambda: _core.TlsContext(*files))


def handshake(context: ssl.SSLContext, plain: socket.socket, server_hostname: str | None = None) -> ssl.SSLSocket:
    """Put TLS on a connected socket, as the caller if the host to be expected is given, else as the one called.

    Whatever goes wrong, the socket is closed.

    Raises:
        OSError: the connection broke, or (``ssl.SSLError``) one end does not trust the other.
    """
    try:
        # On a connection that has broken by now, wrap_socket may return without a handshake having been made.
        plain.getpeername()
        connection = context.wrap_socket(plain, server_side=server_hostname is None, server_hostname=server_hostname)
    except OSError:
        plain.close()
        raise
    if connection.version() is None:
        connection.close()
        raise ConnectionResetError("the connection broke before the handshake")
    return connection


def peer_role(connection: ssl.SSLSocket | ssl.SSLObject) -> str:
    """The role that the far end's verified certificate states.

    Raises:
        CertificateError: it states no role, or several.
    """
    certificate: Any = connection.getpeercert() or {}
    return _role([value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"])


def certificate_role(der: bytes) -> str:
    """The role that a verified certificate (DER) states; errors as in :func:`peer_role`."""
    certificate = x509.load_der_x509_certificate(der)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return _role([])
    return _role(names.get_values_for_type(x509.DNSName))


def connection_error(error: OSError, far_end: str) -> NetworkError:
    """What an error of a TLS connection says, as one of trine's errors.

    >>> connection_error(ConnectionRefusedError(111, "Connection refused"), "party 1 at localhost:4001")
    NetworkError('party 1 at localhost:4001: Connection refused')
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(f"{far_end} showed a certificate that is not the expected one: {error.verify_message}")
    # In TLS 1.3 a caller learns that its own certificate was refused by an alert, after its side of the handshake.
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        alert = (error.reason or "").rpartition("ALERT_")[2].lower().replace("_", " ")
        return CertificateError(f"{far_end} refused our certificate: {alert}")
    return NetworkError(f"{far_end}: {error.strerror or str(error) or type(error).__name__}")


def _role(names: Sequence[str]) -> str:
    roles = [role for role in ROLES if role_host(role) in names]
    if len(roles) != 1:
        raise CertificateError(f"the certificate of the far end states {roles or 'no role'}, expected one role")
    return roles[0]


def _context(protocol: int, credentials: Credentials) -> ssl.SSLContext:
    def load() -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cafile=credentials.authority)
        context.load_cert_chain(credentials.certificate, credentials.key)
        return context

    return _checked(credentials, load)


def _checked(credentials: Credentials, load: Callable[[], T]) -> T:
    """What ``load`` makes of the credentials, if they can be used."""
    try:
        if credentials.key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CertificateError(f"{credentials.key} can be read by other users: run chmod 600 on it")
        loaded = load()
        _check_certificate(credentials)
    except (ssl.SSLError, OSError, ValueError) as error:
        # OpenSSL has several ways to say that there is no such file.
        missing = [p for p in (credentials.authority, credentials.certificate, credentials.key) if not p.exists()]
        if missing:
            raise CertificateError(f"certificate file missing: {', '.join(map(str, missing))}") from error
        if isinstance(error, CertificateError) or not isinstance(error, (ssl.SSLError, PermissionError, ValueError)):
            raise
        raise CertificateError(f"cannot use {credentials.certificate} and its key: {error}") from error
    return loaded


def _check_certificate(credentials: Credentials) -> None:
    """Say here what is wrong with one's own certificate; the far end would only close the connection."""
    certificate = x509.load_pem_x509_certificate(credentials.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(credentials.authority.read_bytes())
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CertificateError(f"{credentials.certificate} was not issued by {credentials.authority}") from error
    now = datetime.now(timezone.utc)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise CertificateError(
            f"{credentials.certificate} is good from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} to "
            f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and now it is {now:%Y-%m-%d %H:%M}: renew it"
        )
