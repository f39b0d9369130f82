"""Three party processes that run operations."""

import os

import pytest

from trine.bench.parties import Parties
from trine.errors import InputError, PartyLostError
from trine.mpc import cost


@pytest.fixture(scope="module")
def parties():
    with Parties() as parties:
        yield parties


@pytest.mark.parametrize(
    ("name", "size", "declared", "tolerance"),
    [("relu", 1000, cost.relu(1000, 32), 0.0), ("matmul", 20, cost.truncate(400, 16), 2.0**-16)],
)
def test_figures_are_those_of_all_three(parties, name, size, declared, tolerance):
    parties.prepare(name, size)
    for _ in range(2):
        measured = parties.run()
        assert 0 < measured.seconds < 10
        assert (measured.rounds, measured.bytes) == (declared.rounds, declared.bytes)
    error, peak = parties.check()
    assert error <= tolerance
    assert peak is None or peak > 1 << 20


def test_a_result_that_one_party_alone_sees_is_checked(parties):
    parties.prepare("reveal-to", 10)
    parties.run()
    assert parties.check()[0] == 0.0


def test_an_unknown_operation(parties):
    with pytest.raises(InputError, match=r"an operation is one of input, .* not 'guess'"):
        parties.prepare("guess", 1)


def test_a_party_that_is_lost_is_an_error_and_the_others_end():
    with Parties() as parties:
        parties.prepare("relu", 100)
        processes = [process.pid for process in parties._processes]
        os.kill(processes[1], 9)
        with pytest.raises(PartyLostError, match="party"):
            parties.run()
    for pid in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
