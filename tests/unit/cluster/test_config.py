"""The cluster file: what is written is read, and what is wrong is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.cluster.config import ClusterFile, parse_address
from trine.errors import ClusterError

hosts = st.one_of(
    st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True),
    st.ip_addresses().map(str),
)
addresses = st.tuples(hosts, st.integers(1, 65535))
triples = st.tuples(addresses, addresses, addresses)

PARTY = '[[party]]\nmesh = "a:1"\napi = "b:2"\n'


@given(triples, triples, st.floats(1e-3, 1e6))
def test_what_is_written_is_read(tmp_path_factory, mesh, api, timeout):
    path = tmp_path_factory.getbasetemp() / "cluster.toml"
    file = ClusterFile(path.parent, mesh, api, timeout)
    file.write(path)
    assert ClusterFile.read(path) == file


def test_timeout_has_a_default_and_credentials_lie_beside(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text(3 * PARTY)
    file = ClusterFile.read(path)
    assert file.timeout == 5.0
    assert file.credentials("owner").key == tmp_path / "owner.key"
    assert file.credentials("owner").authority == tmp_path / "ca.crt"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("timeout = 1", "'party' is missing"),
        (2 * PARTY, "must have 3 sections"),
        (4 * PARTY, "must have 3 sections"),
        ("party = 3", "must have 3 sections"),
        ("party = [1, 2, 3]", "is wrong"),
        (2 * PARTY + '[[party]]\nmesh = "a:1"\n', "'api' is missing"),
        (2 * PARTY + '[[party]]\nmesh = "a:1"\napi = "b"\n', "an address is"),
        (2 * PARTY + '[[party]]\nmesh = "a:1"\napi = 4000\n', "an address is"),
        ("timeout = 0\n" + 3 * PARTY, "timeout must be"),
        ("timeout = inf\n" + 3 * PARTY, "timeout must be"),
        ("timeout = nan\n" + 3 * PARTY, "timeout must be"),
        ("timeout = true\n" + 3 * PARTY, "timeout must be"),
        ('timeout = "5"\n' + 3 * PARTY, "timeout must be"),
        ("time_out = 5\n" + 3 * PARTY, "unknown entries: time_out"),
        (3 * (PARTY + "role = 1\n"), "unknown entries: role"),
        ("= rubbish", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, complaint):
    path = tmp_path / "cluster.toml"
    path.write_text(content)
    with pytest.raises(ClusterError, match=complaint) as caught:
        ClusterFile.read(path)
    assert str(path) in str(caught.value)


def test_not_text(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ClusterError, match="is not TOML"):
        ClusterFile.read(path)


def test_missing(tmp_path):
    with pytest.raises(ClusterError, match=r"cannot read .*: No such file"):
        ClusterFile.read(tmp_path / "nothing.toml")


@pytest.mark.parametrize("text", ["", "host", "host:", ":1", "host:0", "host:65536", "host:-1", "host:1x", "host:²", 1])
def test_addresses(text):
    with pytest.raises(ValueError, match="an address is"):
        parse_address(text)
