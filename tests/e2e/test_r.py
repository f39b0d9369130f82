"""The R pair: two R processes, three workers, three digits."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "examples" / "r"


def missing(reason):
    """Skips; but where R has been promised, as in .ci/run, fails."""
    if os.environ.get("TRINE_REQUIRE_R"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def environment(tmp_path):
    """For R to use this very Python."""
    if shutil.which("Rscript") is None:
        missing("Rscript is not installed: apt-get install r-base-core r-cran-reticulate")
    environment = os.environ | {"RETICULATE_PYTHON": sys.executable, "XDG_RUNTIME_DIR": str(tmp_path)}
    probe = subprocess.run(
        ["Rscript", "-e", 'reticulate::import("trine.syft")$TFEClient; reticulate::import("keras")$Model'],
        env=environment,
        capture_output=True,
        text=True,
    )
    if probe.returncode:
        missing(f"R cannot use this Python by reticulate: {probe.stderr.strip()}")
    return environment


def test_server_and_client(environment, free_ports):
    ports = list(map(str, free_ports))
    server = subprocess.Popen(
        ["Rscript", SCRIPTS / "server.R", *ports], env=environment, stdout=subprocess.PIPE, text=True
    )
    with server:
        try:
            # At once: it waits for its server.
            client = subprocess.run(
                ["Rscript", SCRIPTS / "client.R", *ports], env=environment, capture_output=True, text=True, timeout=90
            )
            assert client.stdout.splitlines() == [f"actual {digit}, predicted {digit}" for digit in (7, 2, 1)], (
                client.stderr
            )
            assert client.returncode == 0
            output, _ = server.communicate(timeout=30)
            assert output.splitlines() == ["serving three requests", "stopped"]
            assert server.returncode == 0
        finally:
            server.kill()


def test_a_port_that_is_no_number(environment):
    client = subprocess.run(
        ["Rscript", SCRIPTS / "client.R", "4000", "4001", "x"], env=environment, capture_output=True, text=True
    )
    assert client.returncode == 1
    assert "InputError: host='localhost:x': an address is" in client.stderr
