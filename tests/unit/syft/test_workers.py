"""Workers and clusters by PySyft's words: what cannot be meant is refused, and what to do is said."""

import pytest

import trine.syft as sy
from trine.cluster import Cluster
from trine.errors import ClusterError, InputError, PartyLostError


@pytest.fixture(autouse=True)
def runtime(tmp_path, monkeypatch):
    """A place of its own for finding clusters."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "trine"


def workers(ports, host="localhost", auto_managed=True):
    return [sy.TFEWorker(f"{host}:{port}", auto_managed) for port in ports]


@pytest.mark.parametrize("host", ["", "localhost", "localhost:x", ":4000", 4000])
def test_what_is_no_address(host):
    with pytest.raises(InputError, match='an address is "host:port"'):
        sy.TFEWorker(host=host)


def test_auto_managed_workers_are_here():
    with pytest.raises(InputError, match="`trine party`, and say auto_managed=False"):
        sy.TFEWorker(host="alpha.example.org:4000")
    assert sy.TFEWorker(host="alpha.example.org:4000", auto_managed=False).address == ("alpha.example.org", 4000)
    assert sy.TFEWorker(host="127.0.0.1:4000").auto_managed


@pytest.mark.parametrize("number", [0, 1, 2, 4])
def test_three_workers(number):
    with pytest.raises(InputError, match="a cluster has 3 workers"):
        sy.TFECluster(*workers(range(4000, 4000 + number)))


@pytest.mark.parametrize("other", [None, "localhost:4000", sy.TFEClient()])
def test_workers_are_workers(other):
    with pytest.raises(InputError, match="a cluster has 3 workers"):
        sy.TFECluster(*workers((4000, 4001)), other)


def test_workers_that_do_not_fit_together(tmp_path):
    two = workers((4000, 4001))
    with pytest.raises(InputError, match="either all three workers are auto-managed, or none"):
        sy.TFECluster(*two, sy.TFEWorker("localhost:4002", auto_managed=False))
    with pytest.raises(InputError, match="an address each, or none"):
        sy.TFECluster(*two, sy.TFEWorker())
    with pytest.raises(InputError, match="an address each, or none"):
        sy.TFECluster(*two, sy.TFEWorker("127.0.0.1:4000"))
    with pytest.raises(InputError, match="auto_managed=False"):
        sy.TFECluster(*two, sy.TFEWorker("localhost:4002"), cluster_file=tmp_path / "cluster.toml")


def test_start_and_stop_may_be_said_twice(free_ports, runtime):
    cluster = sy.TFECluster(*workers(free_ports))
    with pytest.raises(ClusterError, match="no cluster of this user is on ports"):
        _ = cluster.client_file
    cluster.stop()
    assert cluster.running is None
    cluster.start()
    started = cluster.running
    cluster.start()
    assert cluster.running is started
    # Whoever names the same workers finds them.
    assert sy.TFECluster(*workers(free_ports)).client_file == cluster.client_file == started.client_file
    cluster.stop()
    cluster.stop()
    assert cluster.running is None
    assert not started.client_file.exists()
    assert list(runtime.iterdir()) == []


def test_two_clusters_on_the_same_ports(free_ports):
    with sy.TFECluster(*workers(free_ports)) as first:
        with pytest.raises(ClusterError, match=f"cannot listen on port {free_ports[0]}"):
            sy.TFECluster(*workers(free_ports)).start()
        assert sy.TFECluster(*workers(free_ports)).client_file == first.client_file


def test_workers_without_a_host():
    cluster = sy.TFECluster(sy.TFEWorker(), sy.TFEWorker(), sy.TFEWorker())
    with pytest.raises(ClusterError, match="say host='localhost:4000'"):
        _ = cluster.client_file
    with cluster:
        assert cluster.client_file == cluster.running.client_file


def test_workers_that_somebody_else_runs(free_ports, tmp_path):
    theirs = workers(free_ports, auto_managed=False)
    with pytest.raises(ClusterError, match=r"TFECluster\(\.\.\., cluster_file='cluster\.toml'\)"):
        sy.TFECluster(*theirs).start()
    with pytest.raises(ClusterError, match="by `trine party --id 0"):
        _ = sy.TFECluster(*theirs).client_file
    with pytest.raises(ClusterError, match="cannot read the cluster file"):
        sy.TFECluster(*theirs, cluster_file=tmp_path / "nothing.toml").start()
    with Cluster.local(ports=free_ports) as running:
        cluster = sy.TFECluster(*theirs, cluster_file=running.owner_file)
        with cluster:
            assert cluster.running.health()[0]["missing"] == []
        assert running.health()[0]["missing"] == []  # stopping ends the connection, and not what others run
        assert sy.TFECluster(*theirs, cluster_file=running.client_file).client_file == running.client_file
        wrong = workers((4000, *free_ports[1:]), auto_managed=False)
        with pytest.raises(ClusterError, match=r"the workers are at localhost:4000, .* but the cluster file"):
            sy.TFECluster(*wrong, cluster_file=running.owner_file).start()
        kept = running.owner_file.parent.rename(tmp_path / "kept")
    with pytest.raises(PartyLostError, match=r"party 0 at 127\.0\.0\.1"):
        sy.TFECluster(*theirs, cluster_file=kept / "cluster.toml").start()


def test_what_is_shown():
    cluster = sy.TFECluster(*workers((4000, 4001, 4002)))
    assert repr(cluster).startswith("TFECluster(TFEWorker(host='localhost:4000', auto_managed=True), TFEWorker(")
    assert [worker.host for worker in cluster.workers] == ["localhost:4000", "localhost:4001", "localhost:4002"]
