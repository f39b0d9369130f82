"""What the authority's certificates say, read by the cryptography package."""

import datetime
import ipaddress
import stat

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from trine.errors import InputError
from trine.net.certificates import ROLES, Authority, party_role, role_host


def load(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates") / "made" / "here"
    authority = Authority(days=30)
    for role in ROLES:
        authority.enroll(directory, role, ["127.0.0.1", "::1", "alpha.example.org"])
    return directory


def test_parties_owner_and_client_are_the_roles():
    assert ROLES == ("party-0", "party-1", "party-2", "owner", "client")


@pytest.mark.parametrize("role", ROLES)
def test_a_certificate_names_its_role_and_no_other(directory, role):
    names = load(directory / f"{role}.crt").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    stated = names.get_values_for_type(x509.DNSName)
    assert [r for r in ROLES if role_host(r) in stated] == [role]
    assert "alpha.example.org" in stated
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(a) for a in ("127.0.0.1", "::1")]


@pytest.mark.parametrize("role", ROLES)
def test_only_parties_may_serve(directory, role):
    usage = load(directory / f"{role}.crt").extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.CLIENT_AUTH in usage
    assert (ExtendedKeyUsageOID.SERVER_AUTH in usage) == role.startswith("party")


def test_a_standard_verifier_takes_a_party_for_its_host(directory):
    store = Store([load(directory / "ca.crt")])
    for subject in (x509.DNSName("party-1.trine.internal"), x509.DNSName("alpha.example.org")):
        verifier = PolicyBuilder().store(store).build_server_verifier(subject)
        assert len(verifier.verify(load(directory / "party-1.crt"), [])) == 2
    with pytest.raises(VerificationError):
        verifier.verify(load(directory / "client.crt"), [])


def test_keys_are_private_from_the_start(directory):
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for role in ROLES:
        assert stat.S_IMODE((directory / f"{role}.key").stat().st_mode) == 0o600


def test_validity(directory):
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = load(directory / "client.crt")
    assert certificate.not_valid_before_utc < now - datetime.timedelta(minutes=5)
    assert now + datetime.timedelta(days=29) < certificate.not_valid_after_utc < now + datetime.timedelta(days=30)


def test_enrolling_anew_replaces_key_and_certificate(tmp_path):
    authority = Authority()
    authority.enroll(tmp_path, "client")
    before = [(tmp_path / name).read_bytes() for name in ("ca.crt", "client.crt", "client.key")]
    authority.enroll(tmp_path, "client")
    after = [(tmp_path / name).read_bytes() for name in ("ca.crt", "client.crt", "client.key")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, False]


def test_unknown_role(tmp_path):
    with pytest.raises(InputError, match=r"a role is one of party-0.*not 'admin'"):
        Authority().enroll(tmp_path, "admin")
    assert list(tmp_path.iterdir()) == []


def test_repr_shows_no_key():
    assert repr(Authority(days=1)).startswith("Authority(until=2")


def test_roles_of_parties():
    assert [party_role(i) for i in range(3)] == ["party-0", "party-1", "party-2"]
