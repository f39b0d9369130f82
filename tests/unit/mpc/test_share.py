import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trine.errors import ProtocolError
from trine.mpc import Replicated, accept, deal, reconstruct
from trine.mpc.share import input_from, reveal, reveal_to

ELEMENTS = st.lists(st.integers(0, 2**64 - 1), max_size=20)


@given(ELEMENTS, ELEMENTS)
def test_dealt_arrays_come_back(first, second):
    arrays = [np.array(first, np.uint64), np.array(second, np.uint64).reshape(1, -1)]
    payloads = deal(arrays)
    shapes = [x.shape for x in arrays]
    held = [accept(i, payloads[i], shapes) for i in range(3)]
    for x, shares in zip(arrays, zip(*held, strict=True), strict=True):
        assert np.array_equal(reconstruct(shares), x)


def test_seeds_make_payloads_small():
    sizes = [len(payload) for payload in deal([np.zeros(1000, np.uint64)])]
    assert sizes == [32, 8016, 8016]


@pytest.mark.parametrize("party", [0, 1, 2])
@pytest.mark.parametrize("change", [lambda p: p[:-1], lambda p: p + b"x", lambda p: b""])
def test_payloads_of_the_wrong_length_are_refused(party, change):
    payload = deal([np.zeros((2, 3), np.uint64)])[party]
    with pytest.raises(ProtocolError, match=f"party {party}"):
        accept(party, change(payload), [(2, 3)])


@pytest.mark.parametrize("owner", [0, 1, 2])
def test_input_and_reveal(three, owner):
    values = np.array([[1, 2**63], [2**64 - 1, 0]], np.uint64)
    shares = three.session.call(input_from, owner, values, values.shape)
    assert np.array_equal(reconstruct(shares), values)
    for opened in three.session.call(reveal, shares):
        assert np.array_equal(opened, values)
    for opened in three.session.call(reveal, shares, 7):
        assert np.array_equal(opened, values & np.uint64(127))
    for receiver in range(3):
        opened = three.session.call(reveal_to, shares, receiver)
        assert np.array_equal(opened[receiver], values)
        assert all(opened[i] is None for i in range(3) if i != receiver)


def test_copies_that_differ_are_noticed(three):
    shares = list(three.share([5]))
    shares[1] = Replicated(shares[1].a + np.uint64(1), shares[1].b)
    with pytest.raises(ProtocolError, match="parties 0 and 1"):
        reconstruct(shares)
    with pytest.raises(ProtocolError, match="3 shares"):
        reconstruct(shares[:2])
