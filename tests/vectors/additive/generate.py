"""Writes answers.json: additive shares that trine deals under given keys, as the messages it would send.

Run it only to add cases: answers that exist do not change, for messages of one version have to stay readable.
``verify.py`` derives the same answers without trine.
"""

import hashlib
import json
from pathlib import Path
from unittest.mock import patch

import numpy as np

from trine.mpc.additive import AdditiveShare, reconstruct, reconstruct_real, share, share_real, weighted_sum
from trine.ring.field import SEED_PRIME, PrimeField
from trine.ring.prg import Prg

ANSWERS = Path(__file__).with_name("answers.json")
LARGEST = 2**62 - 57

SHARINGS = {
    "seed example": {"key": 0, "value": 77777, "parties": 3, "prime": SEED_PRIME},
    "eleven": {"key": 1, "value": 11, "parties": 3, "prime": SEED_PRIME},
    "a hundred and twenty-two": {"key": 2, "value": 122, "parties": 3, "prime": SEED_PRIME},
    "signed matrix": {"key": 3, "value": [[1, -2, 3], [0, 5, -6]], "parties": 4, "prime": SEED_PRIME, "bound": 10},
    "another matrix": {"key": 4, "value": [[7, 8, -9], [-1, 0, 2]], "parties": 4, "prime": SEED_PRIME, "bound": 10},
    "smallest field": {"key": 5, "value": [0, 1, -1] * 5, "parties": 10, "prime": 3},
    "five": {"key": 6, "value": [2, -2, 1, -1, 0], "parties": 2, "prime": 5, "bound": 2},
    "Mersenne": {"key": 7, "value": [2**60 - 1, 1 - 2**60], "parties": 2, "prime": 2**61 - 1, "bound": 2**60 - 1},
    "largest prime": {"key": 8, "value": [LARGEST // 2, -1], "parties": 3, "prime": LARGEST, "bound": LARGEST // 2},
    "reals": {"key": 9, "real": [1.5, -2.25, 0.0001], "parties": 3, "prime": SEED_PRIME, "fraction": 16, "bound": 50},
    "nothing": {"key": 10, "value": [[], []], "parties": 3, "prime": SEED_PRIME},
}
COMBINATIONS = {
    "seed sum": {"of": ["eleven", "a hundred and twenty-two"], "weights": [1, 1], "plus": 0},
    "weighted": {"of": ["signed matrix", "another matrix"], "weights": [3, -4], "plus": 17},
}
LONG = {"key": 11, "parties": 3, "prime": SEED_PRIME, "count": 20_000, "bound": 500_001}


def deal(case: dict) -> list[AdditiveShare]:
    key = case["key"].to_bytes(16, "big")
    parties, field, bound = case["parties"], PrimeField(case["prime"]), case.get("bound")
    with patch.object(Prg, "fresh", lambda: Prg(key)):
        if "real" in case:
            return share_real(case["real"], parties, field, fraction=case["fraction"], bound=bound)
        return share(np.array(case["value"], np.int64), parties, field, bound=bound)


def messages(shares: list[AdditiveShare]) -> list[str]:
    return [own.to_bytes().hex() for own in shares]


def plain(value: object) -> object:
    return np.asarray(value).tolist()


def answers() -> dict:
    dealt = {name: deal(case) for name, case in SHARINGS.items()}
    sharings = {
        name: case
        | {"messages": messages(dealt[name])}
        | {"opened": plain((reconstruct_real if "real" in case else reconstruct)(dealt[name]))}
        for name, case in SHARINGS.items()
    }
    combinations = {}
    for name, case in COMBINATIONS.items():
        own_shares = zip(*(dealt[of] for of in case["of"]), strict=True)
        results = [weighted_sum(own, case["weights"]) + case["plus"] for own in own_shares]
        combinations[name] = case | {"messages": messages(results), "opened": plain(reconstruct(results))}
    squares = np.arange(LONG["count"]) ** 2 * 31 % 1_000_003 - 500_001
    hashes = [hashlib.sha256(own.to_bytes()).hexdigest() for own in deal(LONG | {"value": squares})]
    return {"sharings": sharings, "combinations": combinations, "long": LONG | {"sha256": hashes}}


if __name__ == "__main__":
    ANSWERS.write_text(json.dumps(answers(), indent=1) + "\n")
