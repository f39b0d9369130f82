import numpy as np
import pytest

from trine.errors import InputError
from trine.mpc import LocalSession, Party
from trine.mpc.arithmetic import add_public
from trine.mpc.party import place

KEYS = (bytes(16), bytes(range(16)))


def test_zero_shares_cancel_and_are_never_the_same_twice():
    session = LocalSession()
    first, second = (session.each(lambda party: party.zero((5, 3))) for _ in range(2))
    assert not (first[0] + first[1] + first[2]).any()
    assert not (first[0] == second[0]).any()
    bits = session.each(lambda party: party.zero_bits(7))
    assert not (bits[0] ^ bits[1] ^ bits[2]).any()


@pytest.mark.parametrize("share", [0, 1, 2])
def test_place_puts_a_value_into_one_share(three, share):
    value = np.arange(4, dtype=np.uint64)
    held = three.session.each(
        lambda party: place(party, share, value if share in (party.index, party.next) else None, (4,))
    )
    assert three.open(held).tolist() == [0, 1, 2, 3]


def test_public_addition(three):
    moved = three.session.each(add_public, three.share([1, 2, 3]), np.array([10, 20, 30], np.uint64))
    assert three.open(moved).tolist() == [11, 22, 33]


def test_a_party_says_no_secret():
    party = Party(1, KEYS, bytes(16))
    assert repr(party) == "Party(1)"
    assert "secret" in repr(party.private)


@pytest.mark.parametrize(("index", "keys"), [(3, KEYS), (-1, KEYS), (0, (b"short", bytes(16)))])
def test_impossible_parties(index, keys):
    with pytest.raises(InputError):
        Party(index, keys, bytes(16))
