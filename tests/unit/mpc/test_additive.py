"""Additive shares: each operation against NumPy on the secrets, each refusal, and the bytes on the wire."""

import copy
import itertools
import math
import pickle
import struct

import numpy as np
import pytest

from trine.errors import DtypeError, InputError, NotFiniteError, ProtocolError, RangeError, ShapeError
from trine.mpc import additive
from trine.mpc.additive import (
    AdditiveShare,
    reconstruct,
    reconstruct_mean,
    reconstruct_real,
    share,
    share_real,
    weighted_sum,
)
from trine.ring.field import SEED_PRIME, PrimeField

SEED_FIELD = PrimeField(SEED_PRIME)
HALF = SEED_FIELD.half
X = np.array([[1, -2, 3], [0, 5, -6]])
Y = np.array([[7, 8, -9], [-1, 0, 2]])


def everywhere(operation, *sharings):
    """What the parties hold after each has done ``operation`` on its own shares."""
    return [operation(*own) for own in zip(*sharings, strict=True)]


def check(shares, expected):
    value = reconstruct(shares)
    assert np.shape(value) == np.shape(expected) == shares[0].shape
    assert np.array_equal(value, expected)


class TestSeedExamples:
    def test_77777(self):
        assert reconstruct(share(77777)) == 77777

    def test_11_and_122(self):
        assert reconstruct(everywhere(lambda a, b: a + b, share(11), share(122))) == 133


class TestShare:
    @pytest.mark.parametrize("parties", [2, 3, 4, 7, 10, 50])
    def test_any_number_of_parties(self, parties):
        shares = share(X, parties)
        assert [s.index for s in shares] == list(range(parties))
        assert {s.parties for s in shares} == {parties}
        check(shares, X)

    @pytest.mark.parametrize("prime", [3, 5, 2**61 - 1, 2**62 - 57])
    def test_any_prime(self, prime):
        field = PrimeField(prime)
        for value in (0, 1, -1, field.half, -field.half):
            assert reconstruct(share(value, 3, field, bound=field.half)) == value

    def test_types(self):
        shares = share(X)
        assert all(s.residues.dtype == np.uint64 and s.residues.max() < SEED_PRIME for s in shares)
        assert reconstruct(shares).dtype == np.int64
        assert type(reconstruct(share(np.array(5)))) is int

    @pytest.mark.parametrize("shape", [(0,), (2, 0), (1, 1, 1)])
    def test_odd_shapes(self, shape):
        check(share(np.ones(shape, int)), np.ones(shape, int))

    def test_sum_of_the_words_is_the_secret(self):
        words = [int(s.residues) for s in share(-5, 4)]
        assert sum(words) % SEED_PRIME == SEED_PRIME - 5

    def test_order_does_not_matter(self):
        for shares in itertools.permutations(share(X)):
            check(shares, X)

    def test_each_sharing_has_a_key_of_its_own(self, monkeypatch):
        first_draws = []
        fresh = additive.Prg.fresh

        def noted():
            prg = fresh()
            first_draws.append(prg.uint64(2).tobytes())
            return prg

        monkeypatch.setattr(additive.Prg, "fresh", noted)
        share(X)
        share(X)
        share_real(1.0)
        assert len(set(first_draws)) == len(first_draws) == 3

    def test_default_bound(self):
        limit = math.isqrt(HALF)
        assert share(limit)[0].bound == limit == 6_248_622
        for value in (limit + 1, -limit - 1):
            with pytest.raises(RangeError, match="allow a larger bound"):
                share(value)
        assert reconstruct(share(limit + 1, bound=limit + 1)) == limit + 1

    @pytest.mark.parametrize("bound", [-1, HALF + 1, 2**80])
    def test_impossible_bounds(self, bound):
        with pytest.raises(RangeError, match="bound"):
            share(0, bound=bound)

    def test_bound_zero(self):
        assert reconstruct(share(0, bound=0)) == 0
        with pytest.raises(RangeError):
            share(1, bound=0)

    @pytest.mark.parametrize("parties", [1, 0, -3])
    def test_too_few_parties(self, parties):
        with pytest.raises(InputError, match="at least 2 parties"):
            share(1, parties)

    @pytest.mark.parametrize("arguments", [{"parties": 3.0}, {"parties": None}, {"bound": 1.5}, {"bound": "9"}])
    def test_arguments_that_are_not_integers(self, arguments):
        with pytest.raises(InputError, match=f"{next(iter(arguments))} must be an integer"):
            share(1, **arguments)

    @pytest.mark.parametrize("value", [1.0, [True], "1", None, [0.5]])
    def test_values_that_are_not_integers(self, value):
        with pytest.raises(DtypeError):
            share(value)

    def test_a_share_is_not_a_value(self):
        with pytest.raises(DtypeError):
            share(share(1)[0])


class TestOperators:
    @pytest.mark.parametrize(
        "operation",
        [
            lambda x, y: x + y,
            lambda x, y: x - y,
            lambda x, y: -x,
            lambda x, y: 2 * x - 3 * y + 1,
            lambda x, y: sum([x, y, x]),
        ],
    )
    def test_of_two_secrets(self, operation):
        check(everywhere(operation, share(X), share(Y)), operation(X, Y))

    @pytest.mark.parametrize(
        "public", [3, -4, np.int8(5), np.array(6), Y, Y[0], Y[:, :1], np.ones((4, 1, 1), np.uint16)], ids=repr
    )
    @pytest.mark.parametrize(
        "operation",
        [
            lambda x, c: x + c,
            lambda x, c: c + x,
            lambda x, c: x - c,
            lambda x, c: c - x,
            lambda x, c: x * c,
            lambda x, c: c * x,
        ],
    )
    def test_with_public_integers(self, operation, public):
        if np.asarray(public).dtype.kind == "u":
            expected = operation(X, np.asarray(public).astype(int))
        else:
            expected = operation(X, public)
        check(everywhere(lambda x: operation(x, public), share(X)), expected)

    def test_public_lists(self):
        check(everywhere(lambda x: x - [1, 2, 3], share(X)), X - [1, 2, 3])
        check(everywhere(lambda x: [[1], [2]] * x, share(X)), [[1], [2]] * X)

    def test_only_party_0_adds_a_public_value(self):
        shares = share(X)
        after = everywhere(lambda x: x + 1, shares)
        unchanged = [np.array_equal(a.residues, s.residues) for a, s in zip(after, shares, strict=True)]
        assert unchanged == [False, True, True]

    def test_secrets_broadcast(self):
        check(everywhere(lambda a, b: a - b, share(X), share(Y[1])), X - Y[1])

    def test_matrix_products(self):
        M, v = np.arange(-6, 6).reshape(3, 4), np.array([1, -2, 3])
        check(everywhere(lambda x: x @ M, share(X)), X @ M)
        check(everywhere(lambda x: M.T @ x, share(X.T)), M.T @ X.T)
        check(everywhere(lambda x: x @ v, share(X)), X @ v)
        check(everywhere(lambda x: v @ x, share(X.T)), v @ X.T)
        check(everywhere(lambda x: M.T.tolist() @ x, share(v)), M.T @ v)

    @pytest.mark.parametrize("axis", [None, 0, 1, -1, -2])
    def test_sum(self, axis):
        check(everywhere(lambda x: x.sum(axis), share(X)), X.sum(axis))

    def test_weighted_sum(self):
        sharings = [share(X), share(Y), share(X - Y)]
        for weights in ([2, -3, 5], np.array([1, 0, 1]), (0, 0, 0)):
            expected = weights[0] * X + weights[1] * Y + weights[2] * (X - Y)
            check(everywhere(lambda *own, w=weights: weighted_sum(own, w), *sharings), expected)

    def test_weighted_sum_of_one(self):
        check(everywhere(lambda own: weighted_sum([own], [7]), share(X)), 7 * X)

    @pytest.mark.parametrize("weights", [[], [1], [1, 2, 3]])
    def test_weights_have_to_match(self, weights):
        own = share(1)[0]
        with pytest.raises(InputError, match="every share needs one weight"):
            weighted_sum([own, own][: 2 if weights else 0], weights)

    def test_operands_do_not_change(self):
        shares = share(X)
        before = [s.residues.copy() for s in shares]
        everywhere(lambda x: (x + 1, -x, x * 2, x.sum(0), x - x), shares)
        assert all((s.residues == b).all() for s, b in zip(shares, before, strict=True))
        with pytest.raises(ValueError, match="read-only"):
            shares[0].residues[0, 0] = 0
        with pytest.raises(AttributeError):
            shares[0].bound = 3

    def test_products_of_secrets_are_refused(self):
        x = share(X)[0]
        for operation in (lambda: x * x, lambda: x @ x, lambda: x * [x]):
            with pytest.raises(InputError):
                operation()
        with pytest.raises(InputError, match="three-party"):
            x * x

    @pytest.mark.parametrize("public", [1.5, "a", None, [True], np.array([0.0])])
    def test_what_is_not_integers_is_refused(self, public):
        x = share(X)[0]
        for operation in (lambda: x + public, lambda: public - x, lambda: x * public, lambda: x @ public):
            with pytest.raises(DtypeError):
                operation()

    def test_what_has_no_meaning_on_shares_is_refused(self):
        own = share(X)[0]
        for operation in (lambda: own / 2, lambda: np.add(X, own), lambda: np.sum([1], out=own), lambda: list(own)):
            with pytest.raises(TypeError):
                operation()

    def test_other_parties_and_formats_do_not_mix(self):
        x = share(1)[0]
        others = [
            share(1)[1],
            share(1, 4)[0],
            share(1, 3, PrimeField(2**61 - 1))[0],
            share_real(1, bound=2)[0],
        ]
        for other in others:
            for operation in (lambda o: x + o, lambda o: o - x):
                with pytest.raises(InputError, match="not shares that one party holds in one format"):
                    operation(other)

    def test_shapes_that_do_not_fit(self):
        x = share(X)[0]
        for operation in (lambda: x + share([1, 2])[0], lambda: x * [1, 2], lambda: x @ X, lambda: x.sum(2)):
            with pytest.raises(ShapeError):
                operation()
        with pytest.raises(ShapeError):
            share(1)[0] @ X
        with pytest.raises(ShapeError):
            x @ 3
        with pytest.raises(ShapeError):
            3 @ x


class TestBounds:
    """The bound is what the worst secret could reach: at the half range still allowed, one more refused."""

    def reaches(self, operation, expected, **bounds):
        assert {s.bound for s in everywhere(operation, *(share(0 * X, bound=b) for b in bounds.values()))} == {expected}

    def test_propagation(self):
        self.reaches(lambda x, y: x + y, 12, x=5, y=7)
        self.reaches(lambda x, y: x - y, 12, x=5, y=7)
        self.reaches(lambda x: -x, 5, x=5)
        self.reaches(lambda x: x - [1, 2, -30], 35, x=5)
        self.reaches(lambda x: [1, 2, -30] - x, 35, x=5)
        self.reaches(lambda x: x * [1, 2, -30], 150, x=5)
        self.reaches(lambda x: x * np.zeros((0, 2, 3), int), 0, x=5)
        self.reaches(lambda x: x.sum(), 30, x=5)
        self.reaches(lambda x: x.sum(0), 10, x=5)
        self.reaches(lambda x: x.sum(-1), 15, x=5)
        self.reaches(lambda x: x @ [[1, 9], [-2, 0], [3, 0]], 45, x=5)
        self.reaches(lambda x: x @ [1, -2, 3], 30, x=5)
        self.reaches(lambda x: [[1, 9], [-2, 0], [3, 0]] @ x, 50, x=5)
        self.reaches(lambda x, y: weighted_sum([x, y], [-2, 3]), 31, x=5, y=7)

    @pytest.mark.parametrize(
        ("operation", "gain"),
        [
            (lambda x: x + x, 2),
            (lambda x: x - (-x), 2),
            (lambda x: x * -3, 3),
            (lambda x: x.sum(), 6),
            (lambda x: x.sum(1), 3),
            (lambda x: x @ [[2], [-2], [1]], 5),
            (lambda x: [3, -4] @ x, 7),
        ],
    )
    def test_overflow_is_refused_by_every_party(self, operation, gain):
        worst = np.full_like(X, HALF // gain)
        check(everywhere(operation, share(worst, bound=HALF // gain)), operation(worst))
        for own in share(X, bound=HALF // gain + 1):
            with pytest.raises(RangeError, match=r"may reach .* smaller bound when sharing, or choose a larger"):
                operation(own)

    def test_overflow_by_a_public_value(self):
        shares = share(HALF - 5, bound=HALF - 5)
        check(everywhere(lambda x: x + 5, shares), HALF)
        for own in shares:
            for operation in (lambda x: x + 6, lambda x: -6 - x):
                with pytest.raises(RangeError):
                    operation(own)

    def test_gain_beyond_64_bits(self):
        field = PrimeField(2**62 - 57)
        M = np.full((8, 2), field.half)
        with pytest.raises(RangeError, match=f"may reach {8 * field.half} "):
            share(np.zeros(8, int), 3, field, bound=1)[0] @ M
        check(everywhere(lambda x: x @ M, share(np.zeros(8, int), 3, field, bound=0)), np.zeros(2))

    def test_public_values_beyond_the_half_range(self):
        with pytest.raises(RangeError):
            share(0, bound=0)[0] + (HALF + 1)
        with pytest.raises(RangeError):
            share(0, bound=0)[0] * -(HALF + 1)


class TestReconstruct:
    def test_missing_shares(self):
        a, b, c = share(5)
        for some in ([a, b], [b, c], [c]):
            with pytest.raises(InputError, match=r"each of the 3 parties, got those of \["):
                reconstruct(some)

    def test_repeated_shares(self):
        a, b, c = share(5)
        for some in ([a, a, b], [a, b, c, c], [a, a, a]):
            with pytest.raises(InputError, match="each of the 3 parties"):
                reconstruct(some)

    @pytest.mark.parametrize("nothing", [[], [1, 2, 3], [None], "abc"])
    def test_no_shares(self, nothing):
        with pytest.raises(InputError, match="an AdditiveShare from each party"):
            reconstruct(nothing)

    def test_mixed_shapes(self):
        a, b, _ = share([1, 2])
        with pytest.raises(ShapeError, match=r"\(2,\) and \(\)"):
            reconstruct([a, b, share(1)[2]])

    @pytest.mark.parametrize(
        "other",
        [share(1, 4), share(1, 3, PrimeField(2**61 - 1)), share(1, bound=5), share_real(1, bound=95)],
        ids=["parties", "field", "bound", "fraction"],
    )
    def test_mixed_formats(self, other):
        a, b, _ = share(1)
        with pytest.raises(InputError, match="not of one computation"):
            reconstruct([a, b, other[2]])

    def test_shares_of_different_secrets_show(self):
        value = np.arange(20)
        (a, b, _), (_, _, c) = share(value), share(value)
        with pytest.raises(InputError, match="beyond their public bound"):
            reconstruct([a, b, c])

    def test_a_party_that_did_something_else_shows(self):
        a, b, c = everywhere(lambda x: x + 1, share(X, bound=10))
        with pytest.raises(InputError, match="not of one computation"):
            reconstruct([a, b, c - 1])


class TestReals:
    def test_rounds_to_the_nearest_unit(self):
        x = np.random.default_rng(1).uniform(-90, 90, 1000)
        for fraction in (8, 16, 20):
            field = PrimeField(2**61 - 1)
            result = reconstruct_real(share_real(x, 3, field, fraction=fraction, bound=90))
            assert np.abs(result - x).max() <= 2.0 ** -(fraction + 1)
            assert result.dtype == np.float64

    def test_exact_where_the_format_is(self):
        assert reconstruct_real(share_real(-1.25)) == -1.25
        assert reconstruct_real(share_real([0.5, 95.25])).tolist() == [0.5, 95.25]
        assert type(reconstruct_real(share_real(3))) is float

    def test_arithmetic(self):
        x, y = np.array([1.5, -2.25]), np.array([0.125, 3.0])
        total = everywhere(lambda a, b: 2 * a - b + 0.75 + [1, 2], share_real(x), share_real(y))
        assert (reconstruct_real(total) == 2 * x - y + 0.75 + [1, 2]).all()

    def test_products_with_public_reals_are_refused(self):
        with pytest.raises(DtypeError):
            share_real(1.5)[0] * 0.5

    def test_fractions_do_not_mix(self):
        with pytest.raises(InputError, match="one format"):
            share_real(1, fraction=8)[0] + share_real(1, fraction=9)[0]

    def test_integers_and_reals_are_told_apart(self):
        with pytest.raises(InputError, match="reconstruct_real"):
            reconstruct(share_real(1.0))
        assert reconstruct_real(share(-7)) == -7.0

    def test_bound(self):
        shares = share_real(100.0, bound=100.0)
        assert shares[0].bound == 100 << 16
        assert share_real(0)[0].bound == math.isqrt(HALF)
        for value in (100.001, -101):
            with pytest.raises(RangeError):
                share_real(value, bound=100.0)
        with pytest.raises(RangeError):
            share_real(96)
        limit = HALF / 2**16
        with pytest.raises(RangeError):
            share_real(0, bound=2 * limit)
        for own in share_real(0, bound=limit / 2 + 1):
            with pytest.raises(RangeError):
                own + own

    @pytest.mark.parametrize("value", [math.nan, math.inf, [1.0, -math.inf]])
    def test_not_finite(self, value):
        with pytest.raises(NotFiniteError):
            share_real(value)
        with pytest.raises(NotFiniteError):
            share_real([0.0, 0.0])[0] + value

    @pytest.mark.parametrize("arguments", [{"fraction": 31}, {"fraction": -1}, {"parties": 1}, {"bound": -1.0}])
    def test_impossible_arguments(self, arguments):
        with pytest.raises(InputError):
            share_real(0, **arguments)

    @pytest.mark.parametrize("value", ["1", None, 1j])
    def test_not_real(self, value):
        with pytest.raises(DtypeError):
            share_real(value)


class TestMeans:
    def test_mean_of_integers(self):
        sharings = [share(x) for x in (1, 2, 4)]
        assert reconstruct_mean(everywhere(lambda *own: sum(own), *sharings), 3) == 7 / 3

    def test_weighted_mean_of_vectors(self):
        values, counts = np.array([[1.5, -2.0], [0.25, 8.0], [3.0, 3.0]]), [10, 3, 7]
        sharings = [share_real(x, 5, bound=10) for x in values]
        mean = reconstruct_mean(everywhere(lambda *own: weighted_sum(own, counts), *sharings), sum(counts))
        assert mean.dtype == np.float64
        assert np.allclose(mean, np.average(values, axis=0, weights=counts), rtol=1e-15)

    def test_mean_of_a_shared_vector(self):
        assert reconstruct_mean(everywhere(lambda x: x.sum(), share([1, 2, 4, 6])), 4) == 3.25

    @pytest.mark.parametrize("weight", [0, -1, math.inf, math.nan])
    def test_impossible_weights(self, weight):
        with pytest.raises(InputError, match="positive and finite"):
            reconstruct_mean(share(1), weight)


class TestSecrecyOfObjects:
    def test_repr_shows_no_words(self):
        for own in (*share(X), *share_real([1.5, 2.5])):
            for text in (repr(own), str(own), f"{own}", repr([own])):
                assert not any(str(word) in text for word in own.residues.flat)
        assert repr(share(X, 4, bound=9)[2]) == (
            "AdditiveShare(index=2, parties=4, shape=(2, 3), prime=78090573363827, bound=9)"
        )
        assert repr(share_real(1.5)[0]).endswith("bound=6248622, fraction=16)")

    def test_not_pickled_or_copied(self):
        for stray in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="to_bytes"):
                stray(share(1)[0])


def hostile(**changes):
    """The bytes of a share of [1, 2, 3] with some header fields replaced."""
    names = ("magic", "version", "fraction", "dimensions", "index", "parties", "prime", "bound")
    data = share([1, 2, 3])[1].to_bytes()
    header = dict(zip(names, struct.unpack("<4sBBHIIQQ", data[:32]), strict=True))
    shape = changes.pop("shape", struct.unpack("<Q", data[32:40]))
    header |= {"dimensions": len(shape)} | changes
    return struct.pack("<4sBBHIIQQ", *header.values()) + struct.pack(f"<{len(shape)}Q", *shape) + data[40:]


class TestBytes:
    @pytest.mark.parametrize(
        "shares",
        [
            share(5),
            share(X, 10),
            share(np.zeros((0, 4), int)),
            share_real([1.5], fraction=20, bound=3),
            share([1, -1, 0], 2, PrimeField(3)),
            share(np.arange(100), 3, PrimeField(2**62 - 57)),
        ],
        ids=repr,
    )
    def test_round_trip(self, shares):
        for sent in shares:
            data = sent.to_bytes()
            received = AdditiveShare.from_bytes(data)
            assert repr(received) == repr(sent)
            assert np.array_equal(received.residues, sent.residues)
            assert received.residues.dtype == np.uint64
            assert received.to_bytes() == data == AdditiveShare.from_bytes(bytearray(data)).to_bytes()
        again = [AdditiveShare.from_bytes(s.to_bytes()) for s in shares]
        assert np.array_equal(reconstruct_real(again), reconstruct_real(shares))

    def test_size(self):
        assert len(share(np.zeros((10, 100), int))[0].to_bytes()) == 32 + 2 * 8 + math.ceil(1000 * 47 / 8)

    def test_received_shares_compute(self):
        received = [AdditiveShare.from_bytes(s.to_bytes()) for s in share(X)]
        check(everywhere(lambda a, b: 2 * a - b, received, share(Y)), 2 * X - Y)

    def test_unchanged_template_is_accepted(self):
        assert AdditiveShare.from_bytes(hostile()).shape == (3,)

    @pytest.mark.parametrize(
        "changes",
        [
            {"magic": b"trAs"},
            {"version": 0},
            {"version": 2},
            {"fraction": 31},
            {"fraction": 255},
            {"index": 3},
            {"index": 2**32 - 1},
            {"parties": 0},
            {"parties": 1},
            {"parties": 1, "index": 0},
            {"prime": 0},
            {"prime": 2},
            {"prime": SEED_PRIME + 2},
            {"prime": 2**61 - 1},
            {"prime": 2**64 - 59},
            {"bound": HALF + 1},
            {"bound": 2**64 - 1},
            {"shape": (4,)},
            {"shape": (2,)},
            {"shape": ()},
            {"shape": (0,)},
            {"shape": (3, 2**63)},
            {"shape": (2**64 - 1,)},
            {"shape": (2**32, 2**32)},
            {"shape": (3,) + (1,) * 32},
            {"dimensions": 2},
            {"dimensions": 65535},
        ],
        ids=repr,
    )
    def test_headers_that_do_not_fit(self, changes):
        with pytest.raises(ProtocolError):
            AdditiveShare.from_bytes(hostile(**changes))

    @pytest.mark.parametrize("shape", [(2**40, 2**40, 0), (2**64 - 1, 0), (0, 2**63, 2)])
    def test_impossible_axes_beside_an_empty_one(self, shape):
        with pytest.raises(ProtocolError, match="does not fit"):
            AdditiveShare.from_bytes(hostile(shape=shape)[: 32 + 8 * len(shape)])

    def test_every_cut(self):
        data = share([1, 2, 3])[0].to_bytes()
        for size in range(len(data)):
            with pytest.raises(ProtocolError):
                AdditiveShare.from_bytes(data[:size])
        with pytest.raises(ProtocolError):
            AdditiveShare.from_bytes(data + b"\0")

    def test_words_beyond_the_prime(self):
        data = hostile()
        with pytest.raises(ProtocolError, match="words"):
            AdditiveShare.from_bytes(data[:40] + b"\xff" * len(data[40:]))

    def test_every_flipped_bit_is_noticed_or_harmless(self):
        data = share([1, 2, 3], 3, bound=100)[0].to_bytes()
        for position in range(8 * len(data)):
            changed = bytearray(data)
            changed[position // 8] ^= 1 << position % 8
            try:
                received = AdditiveShare.from_bytes(changed)
            except ProtocolError:
                continue
            assert received.field.prime < 2**62
            assert received.index < received.parties
            assert received.bound <= received.field.half
            assert (received.residues < received.field.prime).all()
            assert received.residues.size <= len(data)
