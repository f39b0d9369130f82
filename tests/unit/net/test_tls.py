"""Handshakes over a socket pair: who gets in, who does not, and what is said of it."""

import contextlib
import os
import socket
import ssl
import threading

import pytest

from trine.errors import CertificateError, NetworkError
from trine.net import tls
from trine.net.certificates import ROLES, Authority, role_host
from trine.net.tls import Credentials, client_context, connection_error, peer_role, server_context


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ours")
    authority = Authority()
    for role in ROLES:
        authority.enroll(directory, role, ["127.0.0.1"])
    return directory


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Certificates of the same roles, by another authority."""
    directory = tmp_path_factory.mktemp("strangers")
    authority = Authority()
    for role in ("party-0", "party-1", "client"):
        authority.enroll(directory, role)
    return directory


@contextlib.contextmanager
def shaking(server, client, server_hostname):
    """Both ends of a connection: (what the server got, what the client got), each a socket or an error."""
    plain = socket.socketpair()
    ends = [None, None]

    def run(end, context, **kwargs):
        plain[end].settimeout(10)
        try:
            ends[end] = tls.handshake(context, plain[end], **kwargs)
            if end == 0:
                ends[end].sendall(b"!")
            elif ends[end].recv(1) != b"!":
                raise ConnectionResetError("closed")
        except OSError as error:
            if isinstance(ends[end], ssl.SSLSocket):
                ends[end].close()
            plain[end].close()
            ends[end] = error

    thread = threading.Thread(target=run, args=(0, server), kwargs={})
    thread.start()
    run(1, client, server_hostname=server_hostname)
    thread.join()
    try:
        yield ends
    finally:
        for end in ends:
            if isinstance(end, ssl.SSLSocket):
                end.close()


@pytest.mark.parametrize("role", ROLES)
def test_both_ends_know_the_other(directory, role):
    server = server_context(Credentials(directory, "party-0"))
    client = client_context(Credentials(directory, role))
    with shaking(server, client, role_host("party-0")) as (inside, outside):
        assert peer_role(inside) == role
        assert peer_role(outside) == "party-0"
        assert inside.version() == outside.version() == "TLSv1.3"


def test_no_tickets(directory):
    server = server_context(Credentials(directory, "party-0"))
    with shaking(server, client_context(Credentials(directory, "client")), role_host("party-0")) as (_, outside):
        assert not outside.session.has_ticket


def test_another_party_in_the_place_of_the_one_called(directory):
    server = server_context(Credentials(directory, "party-1"))
    client = client_context(Credentials(directory, "client"))
    with shaking(server, client, role_host("party-0")) as (_, outside):
        explained = connection_error(outside, "party 0")
        assert isinstance(explained, CertificateError)
        assert "party 0 showed a certificate that is not the expected one: Hostname mismatch" in str(explained)


def test_clients_may_not_serve(directory):
    server = server_context(Credentials(directory, "client"))
    with shaking(server, client_context(Credentials(directory, "owner")), role_host("client")) as (_, outside):
        assert "not the expected one" in str(connection_error(outside, "it"))


def test_a_strange_client(directory, strangers):
    server = server_context(Credentials(directory, "party-0"))
    client = client_context(Credentials(strangers, "client"))
    client.load_verify_locations(directory / "ca.crt")  # it trusts us
    with shaking(server, client, role_host("party-0")) as (inside, outside):
        assert isinstance(inside, ssl.SSLCertVerificationError)
        explained = connection_error(outside, "party 0")
        assert isinstance(explained, CertificateError)
        assert str(explained).startswith("party 0 refused our certificate: ")


def test_a_strange_server(directory, strangers):
    server = server_context(Credentials(strangers, "party-0"))
    client = client_context(Credentials(directory, "client"))
    with shaking(server, client, role_host("party-0")) as (_, outside):
        assert isinstance(connection_error(outside, "party 0"), CertificateError)


def test_no_certificate(directory):
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(directory / "ca.crt")
    server = server_context(Credentials(directory, "party-0"))
    with shaking(server, client, role_host("party-0")) as (inside, outside):
        assert isinstance(inside, ssl.SSLError)
        assert str(connection_error(outside, "party 0")) == "party 0 refused our certificate: certificate required"


@pytest.mark.parametrize("days", [0, -400])
def test_expired(tmp_path, days):
    Authority(days).enroll(tmp_path, "client")
    with pytest.raises(CertificateError, match=r"client.crt is good from .* to .* UTC, and now it is .*: renew it"):
        client_context(Credentials(tmp_path, "client"))


def test_expired_at_the_far_end(tmp_path, directory, monkeypatch):
    monkeypatch.setattr(tls, "_check_certificate", lambda credentials: None)
    Authority(days=0).enroll(tmp_path, "party-0")
    server = server_context(Credentials(tmp_path, "party-0"))
    with shaking(server, client_context(Credentials(tmp_path, "party-0")), role_host("party-0")) as (_, outside):
        assert "certificate has expired" in str(connection_error(outside, "party 0"))


def test_tls_1_2_is_refused(directory):
    client = client_context(Credentials(directory, "client"))
    client.minimum_version = ssl.TLSVersion.TLSv1_2
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    server = server_context(Credentials(directory, "party-0"))
    with shaking(server, client, role_host("party-0")) as (inside, outside):
        assert isinstance(inside, ssl.SSLError)
        assert isinstance(outside, ssl.SSLError)


class Certificate:
    def __init__(self, *names):
        self.names = names

    def getpeercert(self):
        return {"subjectAltName": self.names} if self.names else None


@pytest.mark.parametrize(
    "names",
    [
        (),
        (("DNS", "example.org"),),
        (("URI", "owner.trine.internal"),),
        (("DNS", "owner.trine.internal"), ("DNS", "client.trine.internal")),
    ],
)
def test_a_certificate_that_states_no_role_or_several(names):
    with pytest.raises(CertificateError, match="expected one role"):
        peer_role(Certificate(*names))


@pytest.mark.parametrize("name", ["ca.crt", "client.crt", "client.key"])
def test_missing_file(tmp_path, name):
    Authority().enroll(tmp_path, "client")
    (tmp_path / name).unlink()
    for context in (client_context, server_context):
        with pytest.raises(CertificateError, match=f"missing: {tmp_path / name}"):
            context(Credentials(tmp_path, "client"))


@pytest.mark.parametrize("name", ["ca.crt", "client.crt", "client.key"])
def test_damaged_file(tmp_path, name):
    Authority().enroll(tmp_path, "client")
    (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
    with pytest.raises(CertificateError, match="cannot use"):
        client_context(Credentials(tmp_path, "client"))


def test_a_key_that_does_not_fit(tmp_path):
    Authority().enroll(tmp_path, "client")
    Authority().enroll(tmp_path / "other", "client")
    os.replace(tmp_path / "other" / "client.key", tmp_path / "client.key")
    with pytest.raises(CertificateError, match="cannot use"):
        client_context(Credentials(tmp_path, "client"))


def test_a_certificate_of_another_authority(tmp_path):
    Authority().enroll(tmp_path, "client")
    Authority().enroll(tmp_path / "other", "client")
    os.replace(tmp_path / "other" / "ca.crt", tmp_path / "ca.crt")
    with pytest.raises(CertificateError, match=r"client.crt was not issued by .*ca.crt"):
        client_context(Credentials(tmp_path, "client"))


def test_a_connection_that_has_broken_before_the_handshake(directory):
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.shutdown(socket.SHUT_RDWR)
    with pytest.raises(OSError):  # noqa: PT011  # which of them is up to the system
        tls.handshake(client_context(Credentials(directory, "client")), ours, role_host("party-0"))
    assert ours.fileno() == -1


def test_nothing_is_sent_where_no_handshake_was_made(directory):
    """On a connection that is broken by then, CPython's wrap_socket makes none and says nothing."""

    class Broken:
        def wrap_socket(self, plain, **kwargs):
            plain.close()
            context = client_context(Credentials(directory, "client"))
            return context.wrap_socket(socket.socket(), server_hostname=role_host("party-0"))

    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(ConnectionResetError, match="before the handshake"):
        tls.handshake(Broken(), ours, role_host("party-0"))


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_can_read(tmp_path, mode):
    Authority().enroll(tmp_path, "client")
    (tmp_path / "client.key").chmod(mode)
    with pytest.raises(CertificateError, match="can be read by other users: run chmod 600"):
        client_context(Credentials(tmp_path, "client"))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "it: Connection refused"),
        (TimeoutError("timed out"), "it: timed out"),
        (ConnectionResetError(), "it: ConnectionResetError"),
    ],
)
def test_other_errors_keep_their_words(error, text):
    explained = connection_error(error, "it")
    assert type(explained) is NetworkError
    assert str(explained) == text
