"""What any n - 1 parties see of an additive sharing says nothing: exactly in small fields, by chi-square in large ones.

Every chi-square test is two-sided at a significance of 1e-6 (too even is as suspect as too uneven), and runs under
fixed keys: it gives the same answer each time. The last class shows that the tests catch faulty dealers.
"""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import chi2

from trine.mpc import additive
from trine.mpc.additive import share, share_real
from trine.ring.field import SEED_PRIME, PrimeField
from trine.ring.prg import Prg

SIGNIFICANCE = 1e-6
SAMPLES = 60_000
PRIMES = [3, 5, 257, SEED_PRIME, 2**61 - 1, 2**62 - 57]


@pytest.fixture
def key(monkeypatch):
    """Makes the next sharing draw under a fixed key."""

    def fix(number):
        monkeypatch.setattr(Prg, "fresh", lambda: Prg(number.to_bytes(16, "little")))

    return fix


def secrets(field):
    """Constant and adversarial inputs; -1 is the residue p - 1."""
    ramp = np.arange(SAMPLES) % (field.half + 1)
    return {
        "zeros": np.zeros(SAMPLES, np.int64),
        "p - 1": np.full(SAMPLES, -1),
        "largest": np.full(SAMPLES, field.half),
        "alternating": np.where(np.arange(SAMPLES) % 2, -1, 0),
        "ramp": ramp,
        "mostly zero": np.where(np.arange(SAMPLES) % 100, 0, field.half),
    }


def views(value, parties, field):
    return [own.residues for own in share(value, parties, field, bound=field.half)]


def high_bins(words, field, count):
    """Bin of each word by size, and each bin's share of the field."""
    width = -(-field.prime // count)
    edges = [min(i * width, field.prime) for i in range(count + 1)]
    return words // np.uint64(width), np.diff(np.array(edges, dtype=object)).astype(float) / field.prime


def low_bins(words, field, count):
    """Bin of each word by remainder, and each bin's share of the field."""
    weights = [len(range(i, field.prime, count)) / field.prime for i in range(count)]
    return words % np.uint64(count), np.array(weights)


def joint(*classified):
    """Bins of tuples, from the bins of their members."""
    index, weights = np.zeros(1, np.uint64), np.ones(1)
    for bins, chances in classified:
        index = index * np.uint64(len(chances)) + bins
        weights = np.outer(weights, chances).ravel()
    return index, weights


def probability(classified):
    """Two-sided p-value of the chi-square test that the bins are filled as their weights say."""
    bins, weights = classified
    possible = weights > 0
    observed = np.bincount(bins.astype(np.int64), minlength=len(weights))
    assert not observed[~possible].any()
    expected = weights[possible] * len(bins)
    assert expected.min() > 5
    statistic = ((observed[possible] - expected) ** 2 / expected).sum()
    degrees = int(possible.sum()) - 1
    return 2 * min(chi2.sf(statistic, degrees), chi2.cdf(statistic, degrees))


def assert_uniform(classified):
    assert probability(classified) > SIGNIFICANCE


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize("parties", [2, 3, 5])
class TestViews:
    def test_each_share_is_uniform(self, key, prime, parties):
        field = PrimeField(prime)
        for number, value in enumerate(secrets(field).values()):
            key(number)
            for words in views(value, parties, field):
                assert_uniform(high_bins(words, field, min(prime, 128)))
                assert_uniform(low_bins(words, field, min(prime, 128)))

    def test_neighbours_are_independent(self, key, prime, parties):
        field = PrimeField(prime)
        for number, value in enumerate(secrets(field).values()):
            key(100 + number)
            for words in views(value, parties, field):
                binned, weights = high_bins(words, field, min(prime, 12))
                assert_uniform(joint((binned[::2], weights), (binned[1::2], weights)))

    def test_each_share_is_independent_of_the_secret(self, key, prime, parties):
        field = PrimeField(prime)
        key(200)
        value = secrets(field)["alternating"]
        for words in views(value, parties, field):
            odd = (value.astype(np.uint64) & np.uint64(1), np.array([0.5, 0.5]))
            assert_uniform(joint(high_bins(words, field, min(prime, 32)), odd))

    def test_all_but_one_are_uniform_together(self, key, prime, parties):
        field = PrimeField(prime)
        for number, value in enumerate(secrets(field).values()):
            key(400 + number)
            for some in itertools.combinations(views(value, parties, field), parties - 1):
                assert_uniform(joint(*(high_bins(words, field, 3) for words in some)))


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize("parties", [3, 5])
def test_pairs_of_shares_are_uniform(key, prime, parties):
    field = PrimeField(prime)
    for number, value in enumerate(secrets(field).values()):
        key(300 + number)
        for pair in itertools.combinations(views(value, parties, field), 2):
            for bins in (high_bins, low_bins):
                assert_uniform(joint(*(bins(words, field, min(prime, 12)) for words in pair)))


class TestExactly:
    """Perfect secrecy, by counting: over all that the dealer can draw, n - 1 shares take each value equally often."""

    @pytest.mark.parametrize(("prime", "parties"), [(3, 2), (3, 3), (3, 5), (5, 3), (7, 4), (31, 3)])
    def test_every_draw(self, monkeypatch, prime, parties):
        field, draws = PrimeField(prime), prime ** (parties - 1)
        every = np.indices((prime,) * (parties - 1), np.uint64).reshape(parties - 1, draws)

        class Every:
            def __init__(self):
                self.rows = iter(every)

            def field(self, shape, modulus):
                assert (shape, modulus) == ((draws,), prime)
                return next(self.rows).copy()

        monkeypatch.setattr(Prg, "fresh", Every)
        for secret in range(-field.half, field.half + 1):
            shares = views(np.full(draws, secret), parties, field)
            for some in itertools.combinations(shares, parties - 1):
                assert len(set(zip(*(words.tolist() for words in some), strict=True))) == draws


class TestRuns:
    """Sharings of the same values under keys from the operating system have nothing in common."""

    def test_two_runs_share_no_word(self):
        # Among words uniform below 2^61, the chance of even one coincidence is below 1e-7.
        field, count = PrimeField(2**61 - 1), 50_000
        value = np.zeros(count, np.int64)
        words = np.concatenate(views(value, 3, field) + views(value, 3, field))
        assert math.comb(6 * count, 2) / field.prime < 1e-7
        assert len(np.unique(words)) == 6 * count

    def test_reals_are_dealt_alike(self):
        field, count = PrimeField(2**61 - 1), 50_000
        words = np.concatenate([s.residues for s in share_real(np.zeros(count), 3, field)])
        assert len(np.unique(words)) == 3 * count

    def test_no_party_is_ever_without_noise(self):
        assert all((own.residues != 0).all() for own in share(np.zeros(1000, int), 10, PrimeField(2**61 - 1)))

    def test_each_sharing_asks_the_operating_system_for_a_key(self, monkeypatch):
        asked = []
        monkeypatch.setattr("secrets.token_bytes", lambda count: asked.append(count) or bytes([len(asked)] * count))
        first, second = share(5), share(5)
        assert asked == [16, 16]
        assert first[0].residues != second[0].residues


class TestFaultyDealersAreCaught:
    """The statistics above are strong enough to notice the classical mistakes."""

    def draw(self, monkeypatch, draw, value=0, parties=3, prime=SEED_PRIME):
        """The views that a dealer drawing its masks by ``draw`` would hand out."""

        class Faulty:
            random = np.random.default_rng(5)

            def field(self, shape, modulus):
                return draw(self.random, shape, modulus).astype(np.uint64)

        monkeypatch.setattr(additive.Prg, "fresh", Faulty)
        field = PrimeField(prime)
        return field, views(np.full(SAMPLES, value), parties, field)

    def test_no_masks(self, monkeypatch):
        field, words = self.draw(monkeypatch, lambda random, shape, p: np.zeros(shape))
        assert probability(high_bins(words[0], field, 128)) < SIGNIFICANCE

    def test_reduction_instead_of_rejection(self, monkeypatch):
        field, words = self.draw(monkeypatch, lambda random, shape, p: random.integers(0, 2**47, shape) % p)
        assert probability(high_bins(words[0], field, 128)) < SIGNIFICANCE

    def test_masks_too_short(self, monkeypatch):
        field, words = self.draw(monkeypatch, lambda random, shape, p: random.integers(0, p // 2, shape))
        assert probability(high_bins(words[2], field, 128)) < SIGNIFICANCE

    def test_low_bit_fixed(self, monkeypatch):
        field, words = self.draw(monkeypatch, lambda random, shape, p: random.integers(0, p, shape) & ~1)
        assert probability(low_bins(words[0], field, 128)) < SIGNIFICANCE

    def test_one_mask_for_two_parties(self, monkeypatch):
        mask = np.random.default_rng(6).integers(0, SEED_PRIME, SAMPLES)
        field, words = self.draw(monkeypatch, lambda random, shape, p: mask)
        assert probability(high_bins(words[0], field, 128)) > SIGNIFICANCE
        assert probability(joint(*(high_bins(w, field, 12) for w in words[:2]))) < SIGNIFICANCE

    def test_a_counter_is_too_even(self, monkeypatch):
        step = SEED_PRIME // SAMPLES
        field, words = self.draw(monkeypatch, lambda random, shape, p: np.arange(SAMPLES) * step)
        assert probability(high_bins(words[0], field, 128)) < SIGNIFICANCE
