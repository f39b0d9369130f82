"""What the README shows is what happens."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trine.demo.data import load_seed_cnn

README = Path(__file__).parents[2] / "README.md"
EXAMPLES = README.parent / "examples"
SCRIPTS = [block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.S) if ">>>" not in block]


def test_doctests():
    failed, tried = doctest.testfile(str(README), module_relative=False)
    assert tried > 5
    assert not failed


@pytest.mark.parametrize(("script", "name"), list(zip(SCRIPTS, ["server.py", "client.py"], strict=True)))
def test_the_scripts_are_the_examples(script, name):
    code = (EXAMPLES / name).read_text()
    assert code.split('"""', 2)[2].strip() == script.strip()


def save_seed_cnn(path):
    """The demo's network as a Keras model, as examples/train_seed_cnn.py saves it."""
    keras = pytest.importorskip("keras", reason="Keras is not installed: pip install 'trine[keras]'")
    layers = [keras.Input((28, 28, 1))]
    for filters in (16, 32, 64):
        layers += [keras.layers.Conv2D(filters, 3), keras.layers.AveragePooling2D(2), keras.layers.ReLU()]
    model = keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(10)])
    model.set_weights([array for layer in load_seed_cnn().layers for array in layer.arrays.values()])
    model.save(path)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from within Keras on torch
@pytest.mark.parametrize("model", [[], ["seed_cnn.keras"]], ids=["the demo's network", "a Keras model"])
def test_server_and_client(tmp_path, model):
    if model:
        save_seed_cnn(tmp_path / model[0])
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "server.py"), *model],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            line = server.stdout.readline().strip()
            assert line.startswith("clients use "), line
            client = subprocess.run(
                [sys.executable, str(EXAMPLES / "client.py"), line.removeprefix("clients use ")],
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
            predicted = [line.split()[-1] for line in client.stdout.splitlines()]
            assert predicted == ["7", "2", "1"], client.stderr
            assert server.wait(timeout=30) == 0
        finally:
            server.kill()
