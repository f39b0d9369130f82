"""Starting and ending the three processes; what they do meanwhile is tested end to end."""

import os
import signal
import socket
import stat
import sys

import pytest

from trine.cluster import local
from trine.cluster.local import LocalParties
from trine.errors import ClusterError, InputError


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_three_processes_come_and_go():
    parties = LocalParties(None, 5.0)
    assert len(set(parties.processes)) == 3
    assert all(map(alive, parties.processes))
    assert stat.S_IMODE(parties.directory.stat().st_mode) == 0o700
    assert {path.name for path in parties.directory.iterdir()} == {"party-0", "party-1", "party-2", "owner", "client"}
    assert {path.name for path in parties.file("client").parent.iterdir()} == {
        "ca.crt",
        "client.crt",
        "client.key",
        "cluster.toml",
    }
    parties.stop()
    assert not any(map(alive, parties.processes))
    assert not parties.directory.exists()
    parties.stop()


def test_they_go_when_nobody_holds_them():
    parties = LocalParties(None, 5.0)
    processes, directory = parties.processes, parties.directory
    del parties
    assert not any(map(alive, processes))
    assert not directory.exists()


def test_a_party_that_does_not_heed_is_killed(monkeypatch):
    monkeypatch.setattr(local, "STOP_SECONDS", 0.2)
    parties = LocalParties(None, 5.0)
    os.kill(parties.processes[1], signal.SIGSTOP)
    parties.stop()
    assert not any(map(alive, parties.processes))


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    monkeypatch.setattr(local.tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_named(scratch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ClusterError, match=f"cannot listen on port {port} of 127"):
            LocalParties((0, port, 0), 5.0)


@pytest.mark.parametrize("ports", [(), (4000,), (1, 2, 3, 4)])
def test_three_ports(scratch, ports):
    with pytest.raises(InputError, match="ports must be 3 port numbers"):
        LocalParties(ports, 5.0)


def test_a_party_that_ends_at_once(scratch, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ClusterError, match=r"party \d did not start\n\(its log is empty\)"):
        LocalParties(None, 5.0)


def test_the_end_of_the_log_is_shown(scratch, monkeypatch):
    monkeypatch.setattr(local, "READY", b"another word")
    with pytest.raises(ClusterError, match=r"party \d did not start\n(.*\n)*.*answers on 127"):
        LocalParties(None, 5.0)


def test_parties_that_are_never_ready(scratch, monkeypatch):
    monkeypatch.setattr(local, "START_SECONDS", 0.0)
    with pytest.raises(ClusterError, match="party 0 was not ready in 0 s"):
        LocalParties(None, 5.0)
