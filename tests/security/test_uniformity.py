"""What a party sees in a protocol is uniform, whatever the secrets are, and never the same twice.

Every message that a party receives, and the pairwise sums and differences of its messages, are tested against the
uniform distribution by chi-square on their bytes. Keys are fixed, so the tests are deterministic; with fresh keys each
comparison would fail with the chance named SIGNIFICANCE.
"""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from trine.mpc import deal, functions
from trine.mpc.arithmetic import multiply
from trine.mpc.compare import nonnegative, rectify, relu
from trine.mpc.share import accept, input_from, reveal
from trine.mpc.trees import TreeShapes, reached_leaves
from trine.mpc.truncation import truncate

SIGNIFICANCE = 1e-6
N = 8192

INPUTS = {
    "zeros": np.zeros(N, np.int64),
    "ones": np.ones(N, np.int64),
    "minus one": np.full(N, -1),
    "largest": np.full(N, (1 << 40) - (1 << 17)),
    "smallest": np.full(N, -(1 << 40)),
    "alternating": np.where(np.arange(N) % 2, (1 << 39), -(1 << 39)),
}
CHAIN = TreeShapes((1, 2, 3, 4, 4))
PROTOCOLS = {
    "input": lambda three, x: three.session.call(input_from, 0, x.view(np.uint64), x.shape),
    "reveal": lambda three, x: three.session.call(reveal, three.share(x)),
    "multiply": lambda three, x: three.session.call(multiply, three.share(x), three.share(x)),
    "truncate": lambda three, x: three.session.call(truncate, three.share(x), 16, 42),
    "truncate additive": lambda three, x: three.session.call(
        truncate, three.session.each(lambda p, s: s.a, three.share(x)), 16, 42
    ),
    "nonnegative": lambda three, x: three.session.call(nonnegative, three.share(x), 42),
    "relu": lambda three, x: three.session.call(relu, three.share(x), 42, 42),
    "rectify": lambda three, x: three.session.call(rectify, three.share(x), 16, 42, 44),
    "sigmoid": lambda three, x: three.session.call(functions.sigmoid, three.share(x), 42),
    "gelu": lambda three, x: three.session.call(functions.gelu, three.share(x), 42),
    "exp": lambda three, x: three.session.call(functions.exp, three.share(x), 42),
    "log": lambda three, x: three.session.call(functions.log, three.share(x), 42),
    "reciprocal": lambda three, x: three.session.call(functions.reciprocal, three.share(x), 42),
    "divide": lambda three, x: three.session.call(functions.divide, three.share(x), three.share(x), 42, 42),
    "softmax": lambda three, x: three.session.call(functions.softmax, three.share(x.reshape(-1, 4)), 42),
    "topk": lambda three, x: three.session.call(functions.topk, three.share(x.reshape(-1, 4)), 2, 42),
    "reached leaves": lambda three, x: three.session.call(
        reached_leaves, three.session.each(lambda p, s: s.a, three.share(x.reshape(-1, 4))), CHAIN, 42, 42
    ),
}


def uniform(data: np.ndarray) -> bool:
    return chisquare(np.bincount(data.view(np.uint8), minlength=256)).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("secret", INPUTS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_message_is_uniform(new_three, protocol, secret):
    three = new_three(11)
    PROTOCOLS[protocol](three, INPUTS[secret])
    messages = [message for view in three.session.views for message in view]
    assert messages
    for message in messages:
        assert uniform(message)


@pytest.mark.parametrize("secret", ["zeros", "largest"])
@pytest.mark.parametrize(
    "protocol", ["multiply", "truncate", "truncate additive", "relu", "rectify", "sigmoid", "exp", "reached leaves"]
)
def test_messages_of_one_party_are_pairwise_independent(new_three, protocol, secret):
    three = new_three(12)
    PROTOCOLS[protocol](three, INPUTS[secret])
    for view in three.session.views:
        for first, second in itertools.combinations([m for m in view if m.size >= 1024], 2):
            size = min(first.size, second.size) // 8 * 8
            a, b = (m[:size].copy().view(np.uint64) for m in (first, second))
            assert uniform(a ^ b)
            assert uniform(a + b)
            assert uniform(a - b)


@pytest.mark.parametrize("secret", INPUTS)
def test_dealt_shares_are_uniform_and_independent(secret):
    x = INPUTS[secret].view(np.uint64)
    for party, payload in enumerate(deal([x])):
        held = accept(party, payload, [x.shape])[0]
        for part in (held.a, held.b, held.a + held.b, held.a ^ held.b, held.a - held.b):
            assert uniform(part)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_two_runs_on_one_input_share_nothing(new_three, protocol):
    views = []
    for seed in (1, 2):
        three = new_three(seed)
        PROTOCOLS[protocol](three, INPUTS["ones"])
        PROTOCOLS[protocol](three, INPUTS["ones"])  # and twice under the same keys
        views.append([m[: m.size // 8 * 8].copy().view(np.uint64) for view in three.session.views for m in view])
    for words in zip(*views, strict=True):
        assert not (words[0] == words[1]).any()
    seen = np.concatenate(views[0])
    # a message sent to two parties is the same at both; no word appears more often than that
    assert np.unique(seen, return_counts=True)[1].max() <= 2


def test_the_test_itself_notices_a_leak():
    assert not uniform(np.zeros(N, np.uint64))
    biased = np.random.default_rng(0).integers(0, 2**63, N, dtype=np.uint64)  # top bit never set
    assert not uniform(biased)


class Watched:
    """A generator that notes the rounds in which it is drawn from, and how much."""

    def __init__(self, prg, session, draws):
        self._prg, self._session, self._draws = prg, session, draws

    def __getattr__(self, name):
        def draw(what, *args):
            shape = what.shape if isinstance(what, np.ndarray) else what
            self._draws.append((self._session.cost.rounds, np.prod(shape)))
            return getattr(self._prg, name)(what, *args)

        return draw


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_holders_of_a_key_draw_from_it_in_the_same_round(new_three, protocol):
    """Else protocols that run side by side could not share a key: their draws would come in different orders."""
    three = new_three(14)
    draws = {}
    for party in three.session._parties:
        for key, prg in party._common.items():
            noted = draws[party.index, key] = []
            party._common[key] = Watched(prg, three.session, noted)
    PROTOCOLS[protocol](three, INPUTS["ones"])
    assert any(draws.values()) or protocol == "reveal"
    for key in range(3):
        assert draws[key, key] == draws[(key - 1) % 3, key]
