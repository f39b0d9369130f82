"""Certificates: the cluster's own authority says who is a party, who is the model owner and who is a client.

A certificate names one role, as a DNS name under ``trine.internal``, so that OpenSSL itself compares it during the
handshake; a party's certificate also names the hosts it answers on, so that curl or a browser accepts it there. Only
parties' certificates may serve; owners' and clients' may but call.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trine.errors import InputError
from trine.net.channel import PARTIES

__all__ = ["CLIENT", "OWNER", "ROLES", "Authority", "party_role", "role_host"]

OWNER = "owner"
CLIENT = "client"

# A certificate is good from a little before it is made, for hosts whose clocks are behind.
CLOCK_SKEW = datetime.timedelta(minutes=10)


def party_role(party: int) -> str:
    """The role of a party, as its certificate states it.

    >>> party_role(1)
    'party-1'
    """
    return f"party-{party}"


ROLES = (*map(party_role, range(PARTIES)), OWNER, CLIENT)


def role_host(role: str) -> str:
    """The DNS name by which a certificate states a role.

    >>> role_host("owner")
    'owner.trine.internal'
    """
    return f"{role}.trine.internal"


class Authority:
    """A cluster's certificate authority; its private key stays in this object and is never written.

    Args:
        days: how long its certificates are good.
    """

    def __init__(self, days: int = 365) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._from = datetime.datetime.now(datetime.timezone.utc) - CLOCK_SKEW
        self._until = self._from + datetime.timedelta(days=days)
        self._name = _name("trine cluster authority")
        self._certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(issues=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def enroll(self, directory: Path, role: str, hosts: Sequence[str] = ()) -> None:
        """Make a key and a certificate for a role and write them, with the authority's certificate, to a directory.

        Writes ``ca.crt``, ``<role>.crt`` and ``<role>.key``; the directory is made if need be, readable to its owner
        alone, and so is the key.

        Args:
            role: one of ``ROLES``.
            hosts: names or addresses by which a party is reached.

        Raises:
            InputError: there is no such role.
        """
        if role not in ROLES:
            raise InputError(f"a role is one of {', '.join(ROLES)}, not {role!r}")
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if role not in (OWNER, CLIENT):
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        certificate = (
            self._builder(_name(role), key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(issues=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(_alternative_names(role, hosts)), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(directory / "ca.crt", self._certificate.public_bytes(Encoding.PEM), 0o644)
        _write(directory / f"{role}.crt", certificate.public_bytes(Encoding.PEM), 0o644)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(directory / f"{role}.key", private, 0o600)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number(), self._from, self._until)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(authority_key, critical=False)
        )

    def __repr__(self) -> str:
        return f"Authority(until={self._until:%Y-%m-%d})"


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_names(role: str, hosts: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(role_host(role))]
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _key_usage(issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        key_cert_sign=issues,
        crl_sign=issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    # Made with its mode from the start: a key that is first written and then closed off was open for a moment.
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
