"""The mesh's own TLS connections: who gets in, who does not, what is said of it, and that nothing waits for ever."""

import pickle
import signal
import socket
import ssl
import threading
import time

import pytest

from trine import _core
from trine.errors import CertificateError, NetworkError
from trine.net import tls
from trine.net.certificates import ROLES, Authority, role_host
from trine.net.tls import Credentials, certificate_role, client_context, connection_error, mesh_context, server_context

WAIT = 10.0


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return enrolled(tmp_path_factory.mktemp("ours"), Authority())


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """Certificates of the same roles, by another authority."""
    return enrolled(tmp_path_factory.mktemp("strange"), Authority())


def enrolled(directory, authority):
    for role in ROLES:
        authority.enroll(directory, role)
    return directory


def end(context, plain, host=None):
    """One end of a connection, and what came of it: itself, once a byte has gone each way, or an error."""
    try:
        connection = _core.TlsConnection(context, plain.detach(), host)
        connection.handshake(WAIT)
        connection.write(b"!", WAIT)
        assert connection.read(1, WAIT) == b"!"
    except OSError as error:
        return error
    return connection


def python_end(context, plain, host=None):
    """The same by Python's ssl."""
    try:
        with context.wrap_socket(plain, server_side=host is None, server_hostname=host) as connection:
            connection.sendall(b"!")
            assert connection.recv(1) == b"!"
            return connection.version()
    except OSError as error:
        plain.close()
        return error


def meet(called, caller, host, caller_end=end, called_end=end):
    """What came of both ends: (of the one called, of the caller)."""
    here, there = socket.socketpair()
    for plain in (here, there):
        plain.settimeout(WAIT)
    inside = []
    thread = threading.Thread(target=lambda: inside.append(called_end(called, here)))
    thread.start()
    outside = caller_end(caller, there, host)
    if isinstance(outside, Exception):
        there.close()
    thread.join()
    return inside[0], outside


def repeat(action, argument):
    while True:
        action(argument, WAIT)


def context(directory, role):
    return mesh_context(Credentials(directory, role))


@pytest.mark.parametrize("role", ROLES)
def test_both_ends_know_the_other(ours, role):
    inside, outside = meet(context(ours, "party-0"), context(ours, role), role_host("party-0"))
    assert certificate_role(inside.certificate()) == role
    assert certificate_role(outside.certificate()) == "party-0"


def test_it_is_tls_1_3_as_python_speaks_it(ours):
    called = server_context(Credentials(ours, "party-0"))
    assert meet(called, context(ours, "party-1"), role_host("party-0"), called_end=python_end)[0] == "TLSv1.3"
    caller = client_context(Credentials(ours, "party-1"))
    assert meet(context(ours, "party-0"), caller, role_host("party-0"), caller_end=python_end)[1] == "TLSv1.3"


def test_another_role_than_the_one_called(ours):
    inside, outside = meet(context(ours, "party-1"), context(ours, "party-2"), role_host("party-0"))
    assert isinstance(inside, OSError)
    explained = connection_error(outside, "party 0")
    assert isinstance(explained, CertificateError)
    assert "party 0 showed a certificate that is not the expected one: Hostname mismatch" in str(explained)


@pytest.mark.parametrize("role", ["owner", "client"])
def test_only_parties_may_serve(ours, role):
    _, outside = meet(context(ours, role), context(ours, "party-2"), role_host(role))
    assert isinstance(connection_error(outside, "it"), CertificateError)


def test_an_authority_that_neither_knows(ours, strange):
    inside, outside = meet(context(strange, "party-0"), context(ours, "party-1"), role_host("party-0"))
    assert "not the expected one: " in str(connection_error(outside, "party 0"))
    assert str(connection_error(inside, "party 1")).startswith("party 1 refused our certificate: ")


def test_a_caller_of_another_authority(ours, strange, tmp_path):
    for name, source in (("ca.crt", ours), ("party-1.crt", strange), ("party-1.key", strange)):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    (tmp_path / "party-1.key").chmod(0o600)
    files = [str(tmp_path / name) for name in ("ca.crt", "party-1.crt", "party-1.key")]
    inside, outside = meet(context(ours, "party-0"), _core.TlsContext(*files), role_host("party-0"))
    assert isinstance(connection_error(inside, "party 1"), CertificateError)
    explained = connection_error(outside, "party 0")
    assert isinstance(explained, CertificateError)
    assert str(explained).startswith("party 0 refused our certificate: ")


def test_a_caller_without_a_certificate(ours):
    caller = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    caller.load_verify_locations(ours / "ca.crt")
    inside, outside = meet(context(ours, "party-0"), caller, role_host("party-0"), caller_end=python_end)
    assert isinstance(inside, ssl.SSLError)
    assert isinstance(outside, OSError)


def test_expired(tmp_path, monkeypatch):
    Authority(days=0).enroll(tmp_path, "party-0")
    with pytest.raises(CertificateError, match=r"party-0.crt is good from .*: renew it"):
        context(tmp_path, "party-0")
    monkeypatch.setattr(tls, "_check_certificate", lambda credentials: None)
    expired = context(tmp_path, "party-0")
    _, outside = meet(expired, expired, role_host("party-0"))
    assert "certificate has expired" in str(connection_error(outside, "party 0"))


@pytest.mark.parametrize("side", ["caller", "called"])
def test_tls_1_2_is_refused(ours, side):
    ours_is_called = side == "caller"
    old = (client_context if ours_is_called else server_context)(Credentials(ours, "party-1"))
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    if ours_is_called:
        ends = meet(context(ours, "party-0"), old, role_host("party-0"), caller_end=python_end)
    else:
        ends = meet(old, context(ours, "party-0"), role_host("party-1"), called_end=python_end)
    assert all(isinstance(outcome, OSError) for outcome in ends)


@pytest.mark.parametrize("name", ["ca.crt", "party-0.crt", "party-0.key"])
@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_files_that_cannot_be_used(tmp_path, name, damage):
    Authority().enroll(tmp_path, "party-0")
    if damage == "missing":
        (tmp_path / name).unlink()
        complaint = f"missing: {tmp_path / name}"
    else:
        (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
        complaint = "cannot use"
    with pytest.raises(CertificateError, match=complaint):
        context(tmp_path, "party-0")


def test_a_key_of_another_certificate(ours, strange):
    files = [str(ours / "ca.crt"), str(ours / "party-0.crt"), str(strange / "party-0.key")]
    with pytest.raises(ssl.SSLError):
        _core.TlsContext(*files)


def test_a_far_end_that_says_nothing(ours):
    plain, silent = socket.socketpair()
    with silent:
        connection = _core.TlsConnection(context(ours, "party-0"), plain.detach(), role_host("party-1"))
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            connection.handshake(0.3)
        assert 0.25 < time.monotonic() - start < 3


def test_a_far_end_that_goes_away(ours):
    plain, gone = socket.socketpair()
    connection = _core.TlsConnection(context(ours, "party-0"), plain.detach(), role_host("party-1"))
    gone.close()
    with pytest.raises(ConnectionError) as caught:
        connection.handshake(WAIT)
    assert type(connection_error(caught.value, "it")) is NetworkError


def test_a_far_end_that_speaks_no_tls(ours):
    plain, rude = socket.socketpair()
    with rude:
        rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ssl.SSLError):
            _core.TlsConnection(context(ours, "party-0"), plain.detach()).handshake(WAIT)


def test_reading_and_writing_end_in_time(ours):
    inside, outside = meet(context(ours, "party-0"), context(ours, "party-1"), role_host("party-0"))
    with pytest.raises(TimeoutError):
        inside.read(1, 0.1)
    with pytest.raises(TimeoutError):
        inside.write(bytes(1 << 26), 0.1)
    threading.Timer(0.1, outside.break_off).start()
    with pytest.raises(OSError):  # noqa: PT011  # which of them is up to the system
        repeat(outside.read, 1 << 20)


def test_a_broken_connection_raises_no_signal(ours):
    """Not even where SIGPIPE is not ignored, as Python does by default."""
    inside, outside = meet(context(ours, "party-0"), context(ours, "party-1"), role_host("party-0"))
    outside.close()
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with pytest.raises(ConnectionError):
            repeat(inside.write, bytes(1000))
    finally:
        signal.signal(signal.SIGPIPE, before)


def test_after_close(ours):
    inside, _ = meet(context(ours, "party-0"), context(ours, "party-1"), role_host("party-0"))
    inside.close()
    inside.break_off()
    for use in (inside.certificate, lambda: inside.read(1, WAIT), lambda: inside.write(b"!", WAIT)):
        with pytest.raises(ValueError, match="has been closed"):
            use()


def test_nothing_can_be_pickled(ours):
    inside, _ = meet(context(ours, "party-0"), context(ours, "party-1"), role_host("party-0"))
    for secret in (inside, context(ours, "party-0")):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(secret)
