"""Checks answers.json from the definitions alone: Python integers, AES from ``cryptography``, nothing of trine."""

import hashlib
import json
import math
import struct
from fractions import Fraction
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def uniform(key: bytes, stream: int, prime: int, count: int) -> list[int]:
    """Residues from the AES-128-CTR keystream of counter blocks stream || 0, stream || 1, ... (big endian).

    The keystream is read as 64-bit little-endian words; each gives its low bits, as many as the prime has, or
    nothing if they make a number that is not below the prime.
    """
    counter = stream.to_bytes(8, "big") + bytes(8)
    cipher = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    mask = (1 << prime.bit_length()) - 1
    residues: list[int] = []
    while len(residues) < count:
        candidates = (word & mask for (word,) in struct.iter_unpack("<Q", cipher.update(bytes(1024))))
        residues += [candidate for candidate in candidates if candidate < prime]
    return residues[:count]


def split(key: int, integers: list[int], parties: int, prime: int) -> list[list[int]]:
    """Parties 0 to n - 2 get streams 0 to n - 2 of the key, the last party what is missing to the secret."""
    parts = [uniform(key.to_bytes(16, "big"), i, prime, len(integers)) for i in range(parties - 1)]
    last = [(v - sum(column)) % prime for v, *column in zip(integers, *parts, strict=True)]
    return [*parts, last]


def message(
    words: list[int], shape: list[int], index: int, parties: int, prime: int, bound: int, fraction: int = 0
) -> bytes:
    """Header, shape, and the words' bits back to back from the low end of a little-endian number."""
    width = prime.bit_length()
    packed = int("0" + "".join(f"{word:0{width}b}" for word in reversed(words)), 2)
    return (
        b"trAS\x01"
        + struct.pack("<BHIIQQ", fraction, len(shape), index, parties, prime, bound)
        + struct.pack(f"<{len(shape)}Q", *shape)
        + packed.to_bytes(math.ceil(width * len(words) / 8), "little")
    )


def words_of(data: bytes, dimensions: int, prime: int, count: int) -> list[int]:
    packed, width = int.from_bytes(data[32 + 8 * dimensions :], "little"), prime.bit_length()
    return [packed >> width * i & (1 << width) - 1 for i in range(count)]


def opened(columns: list[list[int]], prime: int) -> list[int]:
    sums = [sum(column) % prime for column in zip(*columns, strict=True)]
    return [s if s <= prime // 2 else s - prime for s in sums]


def shape_of(nested: object) -> list[int]:
    if not isinstance(nested, list):
        return []
    return [len(nested), *(shape_of(nested[0]) if nested else [])]


def flat(nested: object) -> list:
    return [leaf for part in nested for leaf in flat(part)] if isinstance(nested, list) else [nested]


def expect(what: str, found: object, frozen: object) -> None:
    if found != frozen:
        raise SystemExit(f"{what}: {found} was derived, {frozen} is frozen")


def verify_sharing(name: str, case: dict) -> None:
    prime, parties, scale = case["prime"], case["parties"], 1 << case.get("fraction", 0)
    values = case["real"] if "real" in case else case["value"]
    integers, shape = [round(v * scale) for v in flat(values)], shape_of(values)
    bound = case["bound"] * scale if "bound" in case else math.isqrt(prime // 2)
    columns = split(case["key"], integers, parties, prime)
    derived = [
        message(words, shape, i, parties, prime, bound, case.get("fraction", 0)) for i, words in enumerate(columns)
    ]
    expect(f"messages of {name!r}", [data.hex() for data in derived], case["messages"])
    frozen = [Fraction(value) * scale for value in flat(case["opened"])]
    expect(f"{name!r} opened", opened(columns, prime), frozen)


def verify_combination(name: str, case: dict, sharings: dict) -> None:
    """Each party's weighted sum, computed from the frozen messages; party 0 adds the public number."""
    terms = [sharings[of] for of in case["of"]]
    prime, parties, shape = terms[0]["prime"], terms[0]["parties"], shape_of(terms[0]["value"])
    bounds = [term.get("bound", math.isqrt(prime // 2)) for term in terms]
    bound = sum(abs(w) * b for w, b in zip(case["weights"], bounds, strict=True)) + abs(case["plus"])
    columns = []
    for i in range(parties):
        own = [words_of(bytes.fromhex(t["messages"][i]), len(shape), prime, math.prod(shape)) for t in terms]
        plus = case["plus"] if i == 0 else 0
        weighted = (sum(w * x for w, x in zip(case["weights"], xs, strict=True)) for xs in zip(*own, strict=True))
        columns.append([(x + plus) % prime for x in weighted])
    derived = [message(words, shape, i, parties, prime, bound).hex() for i, words in enumerate(columns)]
    expect(f"messages of {name!r}", derived, case["messages"])
    expect(f"{name!r} opened", opened(columns, prime), flat(case["opened"]))
    plain = [
        sum(w * x for w, x in zip(case["weights"], xs, strict=True)) + case["plus"]
        for xs in zip(*(flat(term["value"]) for term in terms), strict=True)
    ]
    expect(f"{name!r} in the clear", plain, flat(case["opened"]))


def verify_long(case: dict) -> None:
    integers = [i * i * 31 % 1_000_003 - 500_001 for i in range(case["count"])]
    parties, prime = case["parties"], case["prime"]
    columns = split(case["key"], integers, parties, prime)
    derived = [message(words, [case["count"]], i, parties, prime, case["bound"]) for i, words in enumerate(columns)]
    expect("hashes of the long messages", [hashlib.sha256(data).hexdigest() for data in derived], case["sha256"])


def verify(answers: dict) -> None:
    for name, case in answers["sharings"].items():
        verify_sharing(name, case)
    for name, case in answers["combinations"].items():
        verify_combination(name, case, answers["sharings"])
    verify_long(answers["long"])


if __name__ == "__main__":
    verify(json.loads(Path(__file__).with_name("answers.json").read_text()))
    print("all answers derived again")
