"""What every operation costs: rounds, and payload bytes of all three parties together, exactly as sent.

``n`` is the number of elements, ``width`` the bits a number is known to fit in, ``out_width`` the bits of the result's
sharing. The tests hold these against what the channel counts. Functions such as exp: :mod:`trine.mpc.functions.cost`.
"""

from __future__ import annotations

from trine.mpc.bits import GROUP, table_rows, words
from trine.mpc.trees import TreeShapes
from trine.net import Cost
from trine.ring.pack import packed_size

__all__ = [
    "argmax",
    "input_from",
    "maximum",
    "nonnegative",
    "open_masked",
    "open_sign",
    "reached_leaves",
    "rectify",
    "relu",
    "reshare",
    "reveal",
    "reveal_to",
    "shared_bits",
    "sign_products",
    "truncate",
]


def input_from(n: int) -> Cost:
    """A party shares its own values."""
    return Cost(1, 8 * n)


def reveal(n: int, width: int = 64) -> Cost:
    """Values are opened to all three parties."""
    return Cost(1, 3 * packed_size(n, width))


def reveal_to(n: int, width: int = 64) -> Cost:
    """Values are opened to one party."""
    return Cost(1, packed_size(n, width))


def reshare(n: int, width: int = 64) -> Cost:
    """Any product without truncation: n elements of the *result*."""
    return Cost(1, 3 * packed_size(n, width))


def truncate(n: int, shift: int, width: int = 63, out_width: int = 64, additive: bool = True) -> Cost:
    """Truncation of additive parts (after a product), or of a replicated sharing."""
    return open_masked(n, width + 1, additive) + _quotient(n, shift, width, out_width)


def nonnegative(n: int, width: int = 64, out_width: int = 64) -> Cost:
    """The sign as a number."""
    return open_masked(n, width, additive=False) + (open_sign(n, width - 1) | shared_bits(n, out_width))


def sign_products(n: int, values: int = 1, width: int = 64, out_width: int = 64) -> Cost:
    """The sign times ``values`` numbers for each element."""
    products = shared_bits(n, out_width) + reshare(values * n, out_width)  # its first message travels with the opening
    return open_masked(n, width, additive=False) + (open_sign(n, width - 1) | products)


def relu(n: int, width: int = 64, out_width: int = 64) -> Cost:
    """ReLU without truncation."""
    return sign_products(n, 1, width, out_width)


def rectify(n: int, shift: int, width: int = 63, out_width: int = 64, additive: bool = True) -> Cost:
    """Truncation and ReLU from one masked opening."""
    start = open_masked(n, width + 1, additive)
    value = _quotient(n, shift, width, out_width) | shared_bits(n, out_width)
    return start + (open_sign(n, width - 1 - shift) | value + reshare(n, out_width))


def maximum(rows: int, n: int, width: int = 64) -> Cost:
    """The largest of n values, for each of ``rows`` rows."""
    return _tournament(rows, n, 1, width)


def argmax(rows: int, n: int, width: int = 64) -> Cost:
    """The largest of n values and its index, for each of ``rows`` rows."""
    return _tournament(rows, n, 2, width)


def reached_leaves(n: int, shapes: TreeShapes, width: int, out_width: int = 64) -> Cost:
    """The leaves that n inputs reach, in all trees."""
    start = open_masked(n * shapes.nodes, width, additive=True)
    signs = _less(n * shapes.nodes, width - 1)
    leaves = Cost(1, 6 * 8 * words(n * shapes.leaves))
    merges = shapes.merges
    if merges:
        signs += Cost(1, 3 * 8 * words(n * shapes.nodes))
    for targets, _ in merges[:-1]:
        signs += Cost(1, 3 * 8 * words(n * len(targets)))
    return start + (signs + leaves | shared_bits(n * shapes.leaves, out_width))


def _tournament(rows: int, n: int, values: int, width: int) -> Cost:
    total = Cost()
    while n > 1:
        total += sign_products(rows * (n // 2), values, width)
        n = (n + 1) // 2
    return total


def open_masked(n: int, bits: int, additive: bool) -> Cost:
    """Party 1 learns numbers of ``bits`` bits, masked."""
    return Cost(1, (2 if additive else 1) * packed_size(n, bits))


def _quotient(n: int, shift: int, width: int, out_width: int) -> Cost:
    """From the masked opening on; the wrap's first message travels with the opening."""
    excess = max(0, out_width - (width + 1 - shift))
    wrap = 3 * packed_size(n, excess) + 2 * 8 * words(n) if excess else 0
    return Cost(1, packed_size(n, out_width) + wrap)


def shared_bits(n: int, out_width: int) -> Cost:
    """Random bits that no party knows, as numbers; the first of two messages travels with an opening."""
    return Cost(1, 3 * packed_size(n, out_width))


def open_sign(n: int, width: int) -> Cost:
    """Comparison of ``width`` bits after the masked opening, and the opening of the hidden sign."""
    return _less(n, width) + Cost(1, 6 * 8 * words(n))


def _less(n: int, width: int) -> Cost:
    """Comparison of ``width`` bits after the masked opening, up to the parts of the last product."""
    plane = 8 * words(n)
    groups = -(-width // GROUP)
    total = Cost()
    if groups:
        total += Cost(1, table_rows(width) * plane)
    if groups > 1:
        total += Cost(1, 2 * (2 * groups - 1) * plane)
    while groups > 2:
        pairs = groups // 2
        total += Cost(1, 3 * (2 * pairs - 1) * plane)
        groups -= pairs
    return total
