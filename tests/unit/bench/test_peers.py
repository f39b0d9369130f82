"""Peers: found, driven by the contract, and forgiven when they fail."""

import numpy as np
import pytest

from trine.bench.peers import find_peers, running
from trine.bench.secure import measure
from trine.errors import BenchmarkError, InputError

IMAGES = np.zeros((2, 28, 28, 1))


def test_peers_are_found_set_up_or_not(peers):
    peers.add("one")
    peers.add("two", installed=False)
    found = find_peers(peers.directory)
    assert [(peer.name, peer.installed) for peer in found] == [("one", True), ("two", False)]
    assert found[1].setup == peers.directory / "two" / "setup.sh"


def test_a_directory_without_peers(tmp_path):
    with pytest.raises(InputError, match=r"has no <name>/peer\.py"):
        find_peers(tmp_path)


def test_a_peer_answers(peers):
    peers.add("one")
    with running(find_peers(peers.directory)[0], IMAGES) as peer:
        answer = peer.run("w2")
    assert (answer.seconds, answer.bytes, answer.rounds, answer.max_error) == (30.0, 1000, None, 0.25)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"workload": workload', '"workload": "w9"', "it answered 'w9'"),
        ('"seconds": seconds, ', "", "'seconds'"),
        ('"seconds": seconds', '"seconds": "soon"', "could not convert"),
    ],
)
def test_an_answer_that_is_not_as_agreed(peers, peer_script, old, new, complaint):
    assert old in peer_script
    peers.add("one", peer_script.replace(old, new))
    with running(find_peers(peers.directory)[0], IMAGES) as peer, pytest.raises(BenchmarkError, match=complaint):
        peer.run("w1")


def test_workloads_beside_each_peer(peers, tiny):
    peers.add("one")
    peers.add("two")
    peers.add("three", installed=False)
    steps = []
    rows = list(measure(["W1", "W4"], tiny, find_peers(peers.directory), steps.append))
    assert steps == ["W1 beside one", "W4 beside one", "W1 beside two", "W4 beside two"]
    assert [(row.id, row.theirs.name, row.theirs.seconds) for row in rows] == [
        ("W1", "one", [1.5, 1.5]),
        ("W4", "one", [4.0, 4.0]),
        ("W1", "two", [1.5, 1.5]),
        ("W4", "two", [4.0, 4.0]),
    ]
    assert all(len(row.ours.seconds) == 2 for row in rows)
    assert rows[1].ours.max_error <= 2.0**-16


def test_a_peer_that_fails_leaves_trine_s_own_figures(peers, tiny, peer_script):
    broken = peer_script.replace('"w4": 4.0, ', "")
    assert broken != peer_script
    peers.add("one", broken)
    first, second = measure(["W1", "W4"], tiny, find_peers(peers.directory), lambda what: None)
    assert first.theirs.seconds == [1.5, 1.5]
    assert second.theirs is None
    assert "one ended" in second.missing
    assert "KeyError: 'w4'" in second.missing
    assert len(second.ours.seconds) == 2
