"""How values enter and leave: an outsider deals shares, a party inputs its own, shares are revealed."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from trine.errors import ProtocolError
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Round
from trine.net import PARTIES
from trine.ring import Prg
from trine.ring.pack import low_bits, pack, packed_size, unpack
from trine.ring.prg import KEY_BYTES

__all__ = ["accept", "deal", "input_from", "reconstruct", "reveal", "reveal_to"]


def deal(arrays: Sequence[Ring]) -> tuple[bytes, bytes, bytes]:
    """Split arrays that the caller knows (a model owner's weights, a client's input) into a payload for each party.

    Shares 0 and 1 are expanded from two fresh 16-byte seeds, share 2 is the rest: party 0 receives two seeds, parties 1
    and 2 a seed and 8 bytes an element. A party lacks one seed or the rest, so what it holds is uniform.

    Args:
        arrays: ring elements (uint64), any shapes.
    """
    seeds = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES)
    first, second = Prg(seeds[0]), Prg(seeds[1])
    rest = b"".join((x - first.uint64(x.shape) - second.uint64(x.shape)).tobytes() for x in arrays)
    return seeds[0] + seeds[1], seeds[1] + rest, rest + seeds[0]


def accept(party: int, payload: bytes, shapes: Sequence[tuple[int, ...]]) -> list[Replicated]:
    """The inverse of :func:`deal` at one party: its shares of arrays of the given shapes.

    Raises:
        ProtocolError: the payload does not have the length that the shapes ask for.
    """
    rest_bytes = 8 * sum(math.prod(shape) for shape in shapes)
    expected = 2 * KEY_BYTES if party == 0 else KEY_BYTES + rest_bytes
    if len(payload) != expected:
        raise ProtocolError(f"a payload of {len(payload)} bytes came for party {party} where {expected} were expected")
    if party == 0:
        sources = [_expand(payload[:KEY_BYTES], shapes), _expand(payload[KEY_BYTES:], shapes)]
    elif party == 1:
        sources = [_expand(payload[:KEY_BYTES], shapes), _cut(payload[KEY_BYTES:], shapes)]
    else:
        sources = [_cut(payload[:rest_bytes], shapes), _expand(payload[rest_bytes:], shapes)]
    return [Replicated(a, b) for a, b in zip(*sources, strict=True)]


def _expand(seed: bytes, shapes: Sequence[tuple[int, ...]]) -> list[Ring]:
    prg = Prg(seed)
    return [prg.uint64(shape) for shape in shapes]


def _cut(data: bytes, shapes: Sequence[tuple[int, ...]]) -> list[Ring]:
    flat = np.frombuffer(data, "<u8").astype(np.uint64)
    ends = list(accumulate(math.prod(shape) for shape in shapes))
    return [flat[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends, shapes, strict=True)]


def input_from(party: Party, owner: int, value: Ring | None, shape: tuple[int, ...]) -> Protocol[Replicated]:
    """Share a value that the party ``owner`` knows.

    1 round, 8 bytes an element. The owner hides the value by the key it has in common with its predecessor and sends
    the difference to its successor; the third share is zero. The successor sees the masked value, the predecessor
    nothing (Araki et al. 2016, section 2.2).

    Args:
        value: the array, at the owner; ignored elsewhere.
        shape: its shape, known to all.
    """
    zeros = np.zeros(shape, np.uint64)
    if party.index == owner:
        assert value is not None
        mask = party.common(owner).uint64(shape)
        rest = value - mask
        yield Round({party.next: [pack(rest, 64)]}, {})
        return Replicated(mask, rest)
    if party.previous == owner:
        received = yield Round({}, {owner: [8 * math.prod(shape)]})
        return Replicated(unpack(received[owner][0], shape, 64), zeros)
    mask = party.common(owner).uint64(shape)
    yield Round({}, {})
    return Replicated(zeros, mask)


def reveal(party: Party, x: Replicated, width: int = 64) -> Protocol[Ring]:
    """Open a value to all three parties, modulo 2^width: each sends the share that its successor lacks.

    1 round, 3 * width / 8 bytes an element.
    """
    size = packed_size(math.prod(x.shape), width)
    received = yield Round({party.next: [pack(x.a, width)]}, {party.previous: [size]})
    return low_bits(x.a + x.b + unpack(received[party.previous][0], x.shape, width), width)


def reveal_to(party: Party, x: Replicated, receiver: int, width: int = 64) -> Protocol[Ring | None]:
    """Open a value to one party; the others learn nothing and get None. 1 round, width / 8 bytes an element."""
    if party.next == receiver:
        yield Round({receiver: [pack(x.a, width)]}, {})
        return None
    if party.index != receiver:
        yield Round({}, {})
        return None
    received = yield Round({}, {party.previous: [packed_size(math.prod(x.shape), width)]})
    return low_bits(x.a + x.b + unpack(received[party.previous][0], x.shape, width), width)


def reconstruct(shares: Sequence[Replicated]) -> Ring:
    """The value behind the shares of all three parties.

    Raises:
        ProtocolError: there are not three, or two parties' copies of one share differ.
    """
    if len(shares) != PARTIES:
        raise ProtocolError(f"{PARTIES} shares are needed, not {len(shares)}")
    for i in range(PARTIES):
        if not np.array_equal(shares[i].b, shares[(i + 1) % PARTIES].a):
            raise ProtocolError(f"parties {i} and {(i + 1) % PARTIES} hold different copies of one share")
    return shares[0].a + shares[1].a + shares[2].a
