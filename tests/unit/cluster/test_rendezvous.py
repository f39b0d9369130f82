"""Where clients find a local cluster by its ports: private places, links that go, and links that lead nowhere."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from trine.cluster import Cluster
from trine.cluster.local import LocalParties
from trine.cluster.rendezvous import find_client_file, publish, withdraw
from trine.errors import ClusterError

PORTS = (4000, 4001, 4002)


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """The place of a user who is logged in."""
    directory = tmp_path / "runtime"
    directory.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return directory / "trine"


@pytest.fixture
def client_file(tmp_path):
    path = tmp_path / "cluster.toml"
    path.touch()
    return path


def test_what_is_published_is_found_until_it_is_withdrawn(runtime, client_file):
    link = publish(PORTS, client_file)
    assert link.parent == runtime
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    assert find_client_file(PORTS) == client_file
    with pytest.raises(ClusterError, match="no cluster of this user is on ports 4000, 4001, 4003"):
        find_client_file((4000, 4001, 4003))
    withdraw(link, client_file)
    with pytest.raises(ClusterError, match="start one there, or name its client file"):
        find_client_file(PORTS)
    assert list(runtime.iterdir()) == []
    withdraw(link, client_file)


def test_the_next_cluster_on_the_ports_takes_the_link_over(runtime, client_file, tmp_path):
    old = publish(PORTS, tmp_path / "gone.toml")
    with pytest.raises(ClusterError, match="the cluster is gone that was on ports"):
        find_client_file(PORTS)
    new = publish(PORTS, client_file)
    withdraw(old, tmp_path / "gone.toml")
    assert find_client_file(PORTS) == client_file
    assert list(runtime.iterdir()) == [new]


@pytest.mark.parametrize("mode", [0o755, 0o701, 0o770])
def test_a_place_that_others_can_use(runtime, client_file, mode, tmp_path, caplog):
    publish(PORTS, client_file)
    runtime.chmod(mode)
    with pytest.raises(ClusterError, match="not a directory of this user alone"):
        find_client_file(PORTS)
    assert publish(PORTS, client_file).parent == tmp_path / "state" / "trine"
    assert find_client_file(PORTS) == client_file
    assert "not a directory of this user alone" in caplog.text


def test_a_place_of_somebody_else(runtime, client_file, monkeypatch):
    publish(PORTS, client_file)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ClusterError, match="not a directory of this user alone"):
        find_client_file(PORTS)


def test_a_place_that_is_a_link_of_somebody(runtime, client_file, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    runtime.symlink_to(elsewhere)
    (elsewhere / "4000-4001-4002").symlink_to(client_file)
    with pytest.raises(ClusterError, match="not a directory of this user alone"):
        find_client_file(PORTS)


def test_without_a_runtime_directory(client_file, monkeypatch, tmp_path):
    for variable in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, "relative/is/no/directory")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert publish(PORTS, client_file).parent == tmp_path / ".local" / "state" / "trine"
    assert find_client_file(PORTS) == client_file


def test_a_user_without_any_place(client_file, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").touch()
    for variable in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "file"))
    assert publish(PORTS, client_file) is None
    assert caplog.text.count("cannot be led to this cluster") == 2


def test_local_clusters_on_given_ports_are_found(runtime, free_ports):
    with Cluster.local() as cluster:
        assert not runtime.exists()
        with Cluster.local(ports=free_ports) as other:
            assert find_client_file(free_ports) == other.client_file != cluster.client_file
            assert stat.S_IMODE(other.client_file.parent.stat().st_mode) == 0o700
    assert list(runtime.iterdir()) == []


def test_parties_that_do_not_start_are_not_found(runtime, free_ports, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ClusterError, match="did not start"):
        LocalParties(free_ports, 5.0)
    assert not runtime.exists()


def test_a_killed_cluster_leaves_a_link_that_leads_nowhere(runtime, free_ports):
    code = (
        f"import time, trine; c = trine.Cluster.local(ports={free_ports}); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "ready\n"
        parties = find_client_file(free_ports).parents[1]
        owner.send_signal(signal.SIGKILL)
    for _ in range(500):
        if not parties.exists():
            break
        time.sleep(0.02)
    with pytest.raises(ClusterError, match="the cluster is gone that was on ports"):
        find_client_file(free_ports)
