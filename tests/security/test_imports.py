"""Imports go one way only, and `import trine` is light."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOMS = ["errors", "_core", "ring", "net", "dp", "mpc", "nn", "cluster", "syft", "fed", "fhe", "audit"]
ROOMS += ["demo", "bench", "cli"]
BELOW = {
    "errors": set(),
    "_version": set(),
    "ring": {"errors", "_core"},
    "net": {"errors", "_core"},
    "mpc": {"errors", "_core", "ring", "net"},
    "nn": {"errors", "_core", "ring", "net", "mpc"},
    "cluster": {"errors", "_core", "ring", "net", "mpc", "nn"},
    "syft": {"errors", "_core", "ring", "net", "mpc", "nn", "cluster"},
    "demo": {"errors", "_core", "ring", "net", "mpc", "nn", "cluster"},
    "bench": {"errors", "_core", "ring", "net", "mpc", "nn", "cluster", "demo"},
    "cli": {"errors", "_core", "ring", "net", "mpc", "nn", "cluster", "demo", "bench"},
}


def package() -> Path:
    spec = importlib.util.find_spec("trine")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} uses a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("trine.")}
    return found & set(ROOMS)


@pytest.mark.parametrize("path", sorted(package().rglob("*.py")), ids=lambda p: str(p.relative_to(package())))
def test_a_room_imports_only_from_below(path):
    room = path.relative_to(package()).parts[0].removesuffix(".py")
    if room in ("__init__", "__main__"):
        return
    assert imported_rooms(path) - {room} <= BELOW[room]


def test_import_trine_brings_no_framework():
    heavy = {"torch", "keras", "tensorflow", "flwr", "concrete", "onnx", "sklearn", "starlette", "uvicorn"}
    code = "import sys, trine; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & {name.split(".")[0] for name in modules}


def test_public_names_exist():
    import trine

    assert len(trine.__all__) <= 25
    for name in trine.__all__:
        assert getattr(trine, name) is not None
