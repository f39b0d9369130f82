"""What docs/migration.md says is what happens: PySyft's words in two processes, a recipe for hosts, names."""

import contextlib
import doctest
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import trine
import trine.syft as sy
from trine.demo.data import load_digits, load_seed_cnn
from trine.errors import NetworkError

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
SERVER, CLIENT = (block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S) if ">>>" not in block)
API, MESH = (4000, 4001, 4002), (4100, 4101, 4102)  # the page's ports


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A directory of its own, for what the page writes and for finding clusters."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def on_ports(text, ports):
    """The page's text with other ports than its own, which may be taken here."""
    assert all(str(port) in text for port in ports)
    return re.sub(r"\b4[01]0[0-2]\b", lambda found: str(ports[int(found[0])]), text)


def test_doctests(elsewhere):
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 15
    assert not failed


def test_server_and_client_by_the_words_of_pysyft(free_ports):
    pytest.importorskip("keras", reason="Keras is not installed: pip install 'trine[keras]'")
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    server, client = (on_ports(script, dict(zip(API, free_ports, strict=True))) for script in (SERVER, CLIENT))
    with subprocess.Popen([sys.executable, "-c", server], env=environment) as serving:
        try:
            # At once: it waits for its server.
            asked = subprocess.run(
                [sys.executable, "-c", client], env=environment, capture_output=True, text=True, timeout=90
            )
            assert [line.split()[-1] for line in asked.stdout.splitlines()] == ["7", "2", "1"], asked.stderr
            assert serving.wait(timeout=30) == 0
        finally:
            serving.kill()


def test_parties_of_ones_own(free_ports, elsewhere):
    """The page's recipe for several hosts, on this one: workers that are not auto-managed."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in MESH]
        ports = [*free_ports, *(listener.getsockname()[1] for listener in listeners)]
    recipe = PAGE.read_text().partition("## Parties on hosts of their own")[2]
    text = on_ports(recipe, dict(zip((*API, *MESH), ports, strict=True)))
    names = {}
    for example in doctest.DocTestParser().get_examples(text):
        exec(example.source, names)
    command = [sys.executable, "-c", "from trine.cli import main; main()", "party", "--log-level", "warning"]
    parties = [
        subprocess.Popen([*command, "--id", str(party), "--config", f"party-{party}/cluster.toml"])
        for party in range(3)
    ]
    with contextlib.ExitStack() as stack:
        for party in parties:
            stack.enter_context(party)
            stack.callback(party.kill)
        workers = [sy.TFEWorker(f"127.0.0.1:{port}", auto_managed=False) for port in free_ports]
        owners = sy.TFECluster(*workers, cluster_file="owner/cluster.toml")
        for _ in range(200):
            with contextlib.suppress(NetworkError):
                owners.start()
                if all(health["missing"] == [] for health in owners.running.health()):
                    break
            time.sleep(0.1)
        service = owners.running.share(load_seed_cnn())
        service.serve(num_requests=3, block=False)
        images, labels = load_digits()
        with sy.TFEClient() as client:
            client.connect_to_model(
                (1, 28, 28, 1), (1, 10), sy.TFECluster(*workers, cluster_file="client/cluster.toml")
            )
            assert [client.query_model(image[None]).argmax() for image in images[:3]] == list(labels[:3])
        service.wait()
        service.stop()
        owners.stop()
        assert all(party.poll() is None for party in parties)


def test_names_exist():
    names = set(re.findall(r"\btrine((?:\.[a-zA-Z]\w*)+)", PAGE.read_text()))
    assert len(names) > 8
    for name in names:
        found = trine
        for part in name.split(".")[1:]:
            found = getattr(found, part)
    assert set(re.findall(r"`sy\.(\w+)", PAGE.read_text())) == set(sy.__all__)
