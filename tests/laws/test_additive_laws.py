"""Additive sharing, whatever the numbers: reconstruct undoes share, sharing is linear, nothing wraps unnoticed."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, mutually_broadcastable_shapes

from trine.errors import InputError, ProtocolError, RangeError
from trine.mpc.additive import AdditiveShare, reconstruct, reconstruct_real, share, share_real, weighted_sum
from trine.ring.field import SEED_PRIME, PrimeField

FIELDS = [PrimeField(p) for p in (3, 5, 257, SEED_PRIME, 2**61 - 1, 2**62 - 57)]

law = settings(deadline=None, max_examples=100)
fields = st.sampled_from(FIELDS)
party_counts = st.integers(2, 10)
shapes = array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def integers(shape, bound):
    return arrays(np.int64, shape, elements=st.integers(-bound, bound))


def everywhere(operation, *sharings):
    return [operation(*own) for own in zip(*sharings, strict=True)]


def equal(shares, expected):
    """Compared as Python integers, which do not wrap."""
    value = reconstruct(shares)
    return np.shape(value) == np.shape(expected) and np.all(np.asarray(value, dtype=object) == expected)


@law
@given(st.data(), fields, party_counts, shapes)
def test_reconstruct_undoes_share(data, field, parties, shape):
    x = data.draw(integers(shape, field.half))
    shares = share(x, parties, field, bound=field.half)
    assert equal(data.draw(st.permutations(shares)), x)


@law
@given(st.data(), fields, party_counts, mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_linearity(data, field, parties, both):
    bound = data.draw(st.integers(0, field.half))
    weight = field.half // max(1, 2 * bound)
    x, y = (data.draw(integers(shape, bound)) for shape in both.input_shapes)
    a, b = (data.draw(st.integers(-weight, weight)) for _ in range(2))
    sharings = [share(v, parties, field, bound=bound) for v in (x, y)]
    expected = a * x.astype(object) + b * y.astype(object)
    assert equal(everywhere(lambda u, v: a * u + b * v, *sharings), expected)
    assert equal(everywhere(lambda u, v: u * a - v * -b, *sharings), expected)
    assert equal(everywhere(lambda *own: weighted_sum(own, [a, b]), *sharings), expected)


@law
@given(st.data(), fields, st.integers(2, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_matrix_products_and_sums(data, field, parties, m, k, n):
    bound = data.draw(st.integers(0, field.half // k))
    X = data.draw(integers((m, k), bound))
    M = data.draw(integers((k, n), field.half // (k * max(1, bound))))
    shares, product = share(X, parties, field, bound=bound), X.astype(object) @ M
    assert equal(everywhere(lambda x: x @ M, shares), product)
    assert equal(everywhere(lambda x: M.T @ x, share(X.T, parties, field, bound=bound)), product.T)
    assert equal(everywhere(lambda x: x.sum(axis=1), shares), X.astype(object).sum(axis=1))


OPERATIONS = {
    "add": lambda x, y, c: x + y,
    "subtract": lambda x, y, c: x - y,
    "negate": lambda x, y, c: -x,
    "double": lambda x, y, c: x + x,
    "scale": lambda x, y, c: c * x,
    "shift": lambda x, y, c: x + c,
    "reflect": lambda x, y, c: c - x,
    "total": lambda x, y, c: x.sum() - y,
    "transform": lambda x, y, c: x @ np.array([[1, -2, 0], [3, 1, 1], [c % 7, 0, 5]]),
}


@settings(deadline=None, max_examples=300)
@given(st.data(), fields, st.integers(2, 4), st.lists(st.sampled_from(sorted(OPERATIONS)), max_size=12))
def test_no_program_wraps_unnoticed(data, field, parties, program):
    """Whatever is computed, the answer is the one of unbounded integers, or a RangeError at every party."""
    bound = data.draw(st.integers(0, field.half))
    x, y = (data.draw(integers((3, 3), bound)) for _ in range(2))
    own_x, own_y = (share(v, parties, field, bound=bound) for v in (x, y))
    plain_x, plain_y = x.astype(object), y.astype(object)
    for name in program:
        operation, c = OPERATIONS[name], data.draw(st.integers(-field.half, field.half))
        refused, results = [], []
        for u, v in zip(own_x, own_y, strict=True):
            try:
                results.append(operation(u, v, c))
            except RangeError:
                refused.append(u.index)
        if refused:
            assert refused == list(range(parties))
            break
        own_x, plain_x = results, operation(plain_x, plain_y, c)
    assert equal(own_x, plain_x)


@law
@given(st.data(), fields, shapes, st.integers(0, 30))
def test_real_numbers_are_rounded_once(data, field, shape, fraction):
    limit = field.half / 2.0**fraction / 2
    bound = data.draw(st.floats(0, min(limit, 2.0 ** (60 - 2 * fraction), 2.0 ** (52 - fraction))))
    x = data.draw(arrays(np.float64, shape, elements=st.floats(-bound, bound)))
    result = reconstruct_real(share_real(x, 3, field, fraction=fraction, bound=bound))
    assert np.all(np.abs(result - x) <= 2.0 ** -(fraction + 1))


@law
@given(st.data(), fields, party_counts, shapes)
def test_bytes_there_and_back(data, field, parties, shape):
    sent = share(data.draw(integers(shape, field.half)), parties, field, bound=field.half)
    received = [AdditiveShare.from_bytes(s.to_bytes()) for s in sent]
    assert [repr(s) for s in received] == [repr(s) for s in sent]
    assert all((r.residues == s.residues).all() for r, s in zip(received, sent, strict=True))


@law
@given(st.binary(max_size=120), st.booleans())
def test_hostile_bytes_are_shares_or_protocol_errors(data, with_prefix):
    try:
        received = AdditiveShare.from_bytes(b"trAS\x01" + data if with_prefix else data)
    except ProtocolError:
        return
    assert (received.residues < received.field.prime).all()


@law
@given(st.data(), party_counts)
def test_all_shares_are_needed_once(data, parties):
    shares = share(7, parties)
    some = data.draw(st.lists(st.sampled_from(shares), max_size=parties + 2))
    if sorted(s.index for s in some) == list(range(parties)):
        assert reconstruct(some) == 7
        return
    try:
        reconstruct(some)
    except InputError:
        return
    raise AssertionError(f"reconstructed from {some}")
