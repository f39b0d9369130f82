"""Prime-field arrays against Python integers, and what they refuse."""

import copy
import pickle

import numpy as np
import pytest

from trine.errors import DtypeError, InputError, RangeError, ShapeError
from trine.ring.field import SEED_PRIME, PrimeField

LARGEST = 2**62 - 57
PRIMES = [3, 5, 65537, SEED_PRIME, 2**61 - 1, LARGEST]


@pytest.fixture(params=PRIMES, ids=str)
def field(request):
    return PrimeField(request.param)


def residues(field, shape, seed=0):
    """Random residues with the extremes among them, where there is room."""
    x = np.random.default_rng(seed).integers(0, field.prime, shape, dtype=np.uint64)
    if x.size > 2:
        x.flat[0], x.flat[1] = 0, field.prime - 1
    return x


def python(x):
    return np.asarray(x).astype(object)


def same(x, expected):
    assert x.dtype == np.uint64
    assert x.shape == np.shape(expected)
    assert x.tolist() == np.asarray(expected, dtype=object).tolist()


class TestPrime:
    def test_every_small_number(self):
        primes = {n for n in range(3, 3000) if all(n % d for d in range(2, n))}
        for n in range(3000):
            if n in primes:
                assert PrimeField(n).prime == n
            else:
                with pytest.raises(InputError):
                    PrimeField(n)

    @pytest.mark.parametrize("prime", PRIMES)
    def test_known_primes(self, prime):
        assert PrimeField(prime).half == (prime - 1) // 2

    @pytest.mark.parametrize(
        "composite",
        [
            561,  # Carmichael number
            41**2,  # no factor among the bases
            3215031751,  # strong pseudoprime to the bases 2, 3, 5, 7
            341550071728321,  # ... to those up to 17
            3825123056546413051,  # ... to those up to 23, the smallest such
            (2**31 - 1) * (2**29 - 3),
            2**61 + 1,
            LARGEST - 2,
        ],
    )
    def test_composites_are_refused(self, composite):
        with pytest.raises(InputError, match=rf"^{composite} is not a prime .* choose"):
            PrimeField(composite)

    @pytest.mark.parametrize("prime", [2, 1, 0, -3, 2**62 + 135, 2**89 - 1])
    def test_primes_out_of_range_are_refused(self, prime):
        with pytest.raises(InputError, match="between 2 and 2\\^62"):
            PrimeField(prime)

    @pytest.mark.parametrize("prime", [5.0, "5", None, np.array([5, 7])])
    def test_other_types_are_refused(self, prime):
        with pytest.raises(InputError, match="integer prime"):
            PrimeField(prime)

    def test_is_a_value(self):
        field = PrimeField(np.int64(5))
        assert field == PrimeField(5) != PrimeField(7)
        assert hash(field) == hash(PrimeField(5))
        assert repr(field) == "PrimeField(prime=5)"
        assert pickle.loads(pickle.dumps(field)) == copy.deepcopy(field) == field
        with pytest.raises(AttributeError):
            field.prime = 7


class TestCoding:
    def test_symmetric_range(self, field):
        half = field.half
        integers = sorted({-half, 1 - half, -1, 0, 1, half - 1, half})
        same(field.encode(integers), [v % field.prime for v in integers])
        decoded = field.decode(field.encode(integers))
        assert decoded.dtype == np.int64
        assert decoded.tolist() == integers

    def test_every_residue_of_a_small_field(self):
        field = PrimeField(7)
        assert field.decode(np.arange(7, dtype=np.uint64)).tolist() == [0, 1, 2, 3, -3, -2, -1]

    @pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64, np.uint64, ">i4", object])
    def test_any_integer_dtype(self, dtype):
        same(PrimeField(SEED_PRIME).encode(np.array([[0, 1], [2, 100]], dtype)), [[0, 1], [2, 100]])

    def test_scalars(self):
        field = PrimeField(SEED_PRIME)
        for one in (-1, np.int8(-1), np.array(-1)):
            same(field.encode(one), SEED_PRIME - 1)
        decoded = field.decode(field.encode(-1))
        assert decoded.shape == ()
        assert decoded == -1

    def test_no_elements(self, field):
        same(field.encode(np.zeros((0, 3), np.int32)), np.zeros((0, 3)))
        assert field.decode(np.zeros((0, 3), np.uint64)).shape == (0, 3)

    def test_does_not_alias_its_input(self):
        field, x = PrimeField(5), np.array([1, 2])
        field.encode(x)[:] = 0
        y = np.array([1, 2], np.uint64)
        field.decode(y)[:] = 0
        assert x.tolist() == y.tolist() == [1, 2]

    @pytest.mark.parametrize("excess", [1, 2**62, 2**64, 2**200])
    @pytest.mark.parametrize("sign", [1, -1])
    def test_out_of_range_is_refused_without_telling_the_value(self, field, excess, sign):
        value = sign * (field.half + excess)
        messages = set()
        for values in ([0, value], [value, 1], [0, 3 * value]):
            with pytest.raises(RangeError, match=f"-{field.half} .. {field.half}") as caught:
                field.encode(np.array(values, dtype=object))
            messages.add(str(caught.value))
        assert len(messages) == 1
        with pytest.raises(RangeError):
            field.encode(value)

    def test_bound(self):
        field = PrimeField(SEED_PRIME)
        same(field.encode([9, -9], bound=9), [9, SEED_PRIME - 9])
        for value in (10, -10):
            with pytest.raises(RangeError, match=r"-9 \.\. 9"):
                field.encode(value, bound=9)
        with pytest.raises(RangeError):
            PrimeField(5).encode(3, bound=10)

    def test_largest_unsigned_word_is_not_minus_one(self, field):
        with pytest.raises(RangeError):
            field.encode(np.array([2**64 - 1], np.uint64))

    @pytest.mark.parametrize("values", [1.0, [1.5], [True, False], "7", None, [2**70, "x"], [1j]])
    def test_what_is_not_integers_is_refused(self, values):
        with pytest.raises(DtypeError, match="expected integers"):
            PrimeField(5).encode(values)

    def test_ragged_lists_are_refused(self):
        with pytest.raises(ShapeError):
            PrimeField(5).encode([[1], [1, 2]])

    def test_decode_refuses_what_is_not_residues(self, field):
        with pytest.raises(RangeError):
            field.decode(np.array([0, field.prime], np.uint64))
        with pytest.raises(DtypeError):
            field.decode(np.array([0, 1]))


class TestArithmetic:
    def test_against_python_integers(self, field):
        x, y = residues(field, (5, 67), 1), residues(field, (5, 67), 2)
        X, Y, p = python(x), python(y), field.prime
        same(field.add(x, y), (X + Y) % p)
        same(field.subtract(x, y), (X - Y) % p)
        same(field.multiply(x, y), X * Y % p)
        same(field.negate(x), -X % p)

    def test_extremes(self, field):
        x = np.array([0, 1, field.half, field.half + 1, field.prime - 1], np.uint64)
        X, p = python(x), field.prime
        same(field.add(x[:, None], x), (X[:, None] + X) % p)
        same(field.subtract(x[:, None], x), (X[:, None] - X) % p)
        same(field.multiply(x[:, None], x), X[:, None] * X % p)

    @pytest.mark.parametrize(
        ("left", "right"), [((), ()), ((3,), ()), ((4, 1), (3,)), ((2, 1, 3), (5, 1)), ((0, 3), (1, 1))]
    )
    def test_broadcasting(self, left, right):
        field = PrimeField(SEED_PRIME)
        x, y = residues(field, left, 1), residues(field, right, 2)
        same(field.add(x, y), (python(x) + python(y)) % SEED_PRIME)
        same(field.multiply(y, x), python(x) * python(y) % SEED_PRIME)

    def test_any_memory_layout(self):
        field = PrimeField(SEED_PRIME)
        x = residues(field, (6, 8))
        unaligned = np.frombuffer(b"." + x.tobytes(), np.uint8)[1:].view(np.uint64).reshape(x.shape)
        assert not unaligned.flags.aligned
        for view in (x.T, x[::2, ::-1], np.asfortranarray(x), unaligned):
            same(field.negate(view), -python(view) % SEED_PRIME)
            same(field.sum(view, axis=0), python(view).sum(axis=0) % SEED_PRIME)

    def test_operands_stay_as_they_are(self):
        field = PrimeField(5)
        x = residues(field, 50)
        before = x.copy()
        x.setflags(write=False)
        for result in (field.add(x, x), field.negate(x), field.inverse(x[x > 0]), field.sum(x), field.matmul(x, x)):
            assert not np.shares_memory(result, x)
        assert (x == before).all()

    @pytest.mark.parametrize("axis", [None, 0, 1, 2, -1, -3])
    def test_sum(self, field, axis):
        x = residues(field, (3, 4, 5))
        same(field.sum(x, axis), python(x).sum(axis) % field.prime)

    def test_sum_of_many_largest(self, field):
        x = np.full(100_001, field.prime - 1, np.uint64)
        same(field.sum(x), -100_001 % field.prime)

    def test_empty_sums(self):
        field = PrimeField(5)
        same(field.sum(np.zeros((2, 0), np.uint64), axis=1), [0, 0])
        same(field.sum(np.zeros((2, 0), np.uint64), axis=0), [])
        same(field.sum(np.zeros(0, np.uint64)), 0)
        same(field.sum(np.array(3, np.uint64)), 3)

    @pytest.mark.parametrize(
        ("left", "right"),
        [((3, 7), (7, 5)), ((7,), (7, 5)), ((3, 7), (7,)), ((7,), (7,)), ((0, 3), (3, 2)), ((2, 0), (0, 3))],
    )
    def test_matmul(self, field, left, right):
        x, y = residues(field, left, 1), residues(field, right, 2)
        expected = python(x) @ python(y) % field.prime if left[-1] else np.zeros((2, 3))
        same(field.matmul(x, y), expected)

    def test_inverse(self, field):
        x = residues(field, (4, 9))
        x[x == 0] = 1
        same(field.multiply(x, field.inverse(x)), np.ones((4, 9)))
        same(field.inverse(x[0]), [pow(v, -1, field.prime) for v in x[0].tolist()])

    def test_zero_has_no_inverse(self, field):
        with pytest.raises(InputError, match="zero has no inverse"):
            field.inverse(np.array([1, 0], np.uint64))


class TestRefused:
    @pytest.mark.parametrize("word", [0, 1, 2**64 - 1])
    def test_words_beyond_the_prime(self, field, word):
        good, bad = np.ones((2, 2), np.uint64), np.ones((2, 2), np.uint64)
        bad[1, 1] = max(word, field.prime)
        calls = [
            lambda: field.add(good, bad),
            lambda: field.add(bad, good),
            lambda: field.subtract(good, bad),
            lambda: field.multiply(bad, good),
            lambda: field.negate(bad),
            lambda: field.sum(bad),
            lambda: field.matmul(good, bad),
            lambda: field.matmul(bad, good),
            lambda: field.inverse(bad),
            lambda: field.check(bad),
        ]
        for call in calls:
            with pytest.raises(RangeError, match=f"below the prime {field.prime}"):
                call()

    @pytest.mark.parametrize("other", [1, [1, 2], np.array([1.0]), np.array([1], np.int64), np.array([1], ">u8")])
    def test_other_dtypes(self, other):
        field, x = PrimeField(5), np.ones(1, np.uint64)
        for call in (field.add, field.subtract, field.multiply, field.matmul):
            with pytest.raises(DtypeError, match=r"encode makes them"):
                call(x, other)
        for call in (field.negate, field.sum, field.inverse, field.check):
            with pytest.raises(DtypeError):
                call(other)

    def test_shapes_that_do_not_fit(self):
        field = PrimeField(5)
        with pytest.raises(ShapeError, match=r"\(2,\), \(3,\)"):
            field.add(np.ones(2, np.uint64), np.ones(3, np.uint64))
        for x, y in [((2, 3), (2, 3)), ((2,), (3,)), ((), (3,)), ((2, 2), ()), ((1, 2, 3), (3, 1))]:
            with pytest.raises(ShapeError, match="cannot multiply matrices"):
                field.matmul(np.ones(x, np.uint64), np.ones(y, np.uint64))
        for axis in (1, -2):
            with pytest.raises(ShapeError, match=f"no axis {axis}"):
                field.sum(np.ones(2, np.uint64), axis)
        with pytest.raises(ShapeError):
            field.sum(np.array(1, np.uint64), axis=0)
