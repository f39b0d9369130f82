"""Three parties in one process: with fixed keys and recorded messages, or running a model."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from trine.mpc import LocalSession, PerParty, accept, deal
from trine.mpc.rounds import Round
from trine.nn import Plan, compile, infer

os.environ.setdefault("KERAS_BACKEND", "torch")  # the backend that the keras extra brings


class Ideal:
    """A local session that speaks in signed integers and records what every party receives."""

    def __init__(self, seed: int = 0) -> None:
        self.session = Recorder(seed.to_bytes(16, "little"))

    def share(self, values) -> PerParty:
        x = np.asarray(values).astype(np.int64).view(np.uint64)
        payloads = deal([x])
        return PerParty(accept(i, payloads[i], [x.shape])[0] for i in range(3))

    def open(self, shares: PerParty, width: int = 64) -> np.ndarray:
        total = shares[0].a + shares[1].a + shares[2].a
        unused = 64 - width
        return (total << np.uint64(unused)).view(np.int64) >> np.int64(unused)

    def run(self, protocol, *args, width: int = 64) -> np.ndarray:
        return self.open(self.session.call(protocol, *args), width)


class Recorder(LocalSession):
    """Keeps every message, by receiver, in order."""

    def __init__(self, seed: bytes | None = None) -> None:
        super().__init__(seed)
        self.views: list[list[np.ndarray]] = [[], [], []]

    def _deliver(self, turns: list[Round]) -> list[dict]:
        received = super()._deliver(turns)
        for view, messages in zip(self.views, received, strict=True):
            for sender in sorted(messages):
                view.extend(messages[sender])
        return received


@pytest.fixture
def three() -> Ideal:
    """Three parties with fixed keys."""
    return Ideal()


@pytest.fixture(scope="session")
def new_three() -> type[Ideal]:
    """Makes three parties from a seed."""
    return Ideal


def spread_arrays(arrays):
    payloads = deal(arrays)
    return PerParty(accept(i, payloads[i], [a.shape for a in arrays]) for i in range(3))


def run_privately(model, x, fraction=16):
    compiled = compile(model, fraction)
    plan = Plan.from_json(compiled.plan.to_json())
    assert plan == compiled.plan
    assert [tensor.shape for tensor in compiled.tensors] == plan.tensors
    session = LocalSession()
    inputs = PerParty(held[0] for held in spread_arrays([plan.encode_input(x)]))
    parts = infer(session, plan, spread_arrays(compiled.tensors), inputs)
    assert session.cost == plan.cost(len(x))
    return plan.combine(parts), plan


@pytest.fixture
def spread():
    """Arrays as the three parties' shares of them."""
    return spread_arrays


@pytest.fixture
def private():
    """Outputs of a model run among three parties, and its plan; the cost must be the declared one."""
    return run_privately


@pytest.fixture
def free_ports() -> list[int]:
    """Three ports of this machine that nobody listens on."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@pytest.fixture(scope="session")
def mnist() -> dict[str, np.ndarray]:
    """The whole of MNIST: from $TRINE_DATA (mnist.npz, or its folder), or a folder shared beside the project."""
    given = os.environ.get("TRINE_DATA")
    path = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    path = path / "mnist.npz" if path.is_dir() else path
    if not path.exists():
        pytest.skip("the whole of MNIST is not here: set TRINE_DATA to mnist.npz or its folder")
    with np.load(path) as data:
        return dict(data)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--truncations", type=int, default=1 << 20, help="numbers for the law of truncation")
