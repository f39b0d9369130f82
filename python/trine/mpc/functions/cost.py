"""What every function costs: rounds, and payload bytes of all three parties together, exactly as sent.

Arguments as in :mod:`trine.mpc.cost`: ``n`` elements, or ``rows`` of ``n``. The tests hold these against what the
channel counts.
"""

from __future__ import annotations

import math
from fractions import Fraction

from trine.mpc.bits import GROUP, table_rows, words
from trine.mpc.cost import maximum, open_masked, open_sign, relu, reshare, shared_bits, sign_products, truncate
from trine.mpc.functions import exponential, quotients, roots, softmaxes, spline
from trine.mpc.functions.activations import spline as spline_of
from trine.mpc.functions.cells import Grid
from trine.mpc.functions.exponential import Band
from trine.mpc.functions.leading import Octaves
from trine.mpc.functions.sorting import network
from trine.net import Cost

__all__ = [
    "argsort",
    "divide",
    "elu",
    "exp",
    "exp_nonpositive",
    "gelu",
    "gelu_tanh",
    "log",
    "log_softmax",
    "reciprocal",
    "rsqrt",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "sort",
    "sqrt",
    "tanh",
    "topk",
]


def sigmoid(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """The logistic function."""
    return _spline("sigmoid", n, width, fraction, out_width)


def tanh(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """The hyperbolic tangent."""
    return _spline("tanh", n, width, fraction, out_width)


def gelu(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """GELU by erf."""
    return _spline("gelu", n, width, fraction, out_width)


def gelu_tanh(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """GELU by tanh."""
    return _spline("gelu_tanh", n, width, fraction, out_width)


def silu(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """x sigmoid(x)."""
    return _spline("silu", n, width, fraction, out_width)


def softplus(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """log(1 + e^x)."""
    return _spline("softplus", n, width, fraction, out_width)


def elu(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """x or e^x - 1."""
    return _spline("elu", n, width, fraction, out_width)


def exp_nonpositive(n: int, width: int, fraction: int = 16, out_fraction: int = 16, out_width: int = 64) -> Cost:
    """e^x for x <= 0."""
    return _bands(n, width, fraction, exponential.nonpositive_bands(out_fraction), out_width)


def exp(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """e^x."""
    wider = max(width, fraction + 6) + 1
    return relu(n, wider) + _bands(n, wider, fraction, exponential.all_bands(fraction), out_width)


def reciprocal(n: int, width: int, fraction: int = 16, out_width: int = 64, out_fraction: int | None = None) -> Cost:
    """1 / x."""
    given = fraction if out_fraction is None else out_fraction
    return _reciprocal(n, Octaves(width, 0, width - 1, signed=True), fraction, given, out_width)


def rsqrt(n: int, width: int, fraction: int = 16, out_width: int = 64, out_fraction: int | None = None) -> Cost:
    """1 / sqrt(x)."""
    first = Fraction(fraction, 2) + (fraction if out_fraction is None else out_fraction)
    return _root(n, width, first, -1, out_width)


def sqrt(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """The square root."""
    return _root(n, width, Fraction(fraction, 2), 1, out_width)


def log(n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """The natural logarithm."""
    return _log(n, Octaves(width, 0, width - 1, signed=False), fraction, out_width)


def divide(n: int, width: int, y_width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """x / y."""
    octaves, bits = Octaves(y_width, 0, y_width - 1, signed=True), quotients.inverse_bits(width)
    factor = reshare(n) + (reshare(octaves.upper * n) if octaves.upper > 1 else Cost())
    moved = Cost()
    for move in quotients.shifts(octaves, fraction, bits):
        moved |= truncate(n, -move, 63) if move < 0 else reshare(n)
    inverse = _inverse(n, octaves, bits) | factor
    return _leading(n, octaves) + inverse + moved + truncate(n, quotients.LAST, 63, out_width)


def softmax(rows: int, n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """Softmax of each row."""
    total = softmaxes.TERM + softmaxes.INVERSE
    inverse = _reciprocal(rows, softmaxes.octaves(n), softmaxes.TERM, softmaxes.INVERSE, 64)
    last = truncate(rows * n, total - fraction, total + 2, out_width)
    return _terms(rows, n, width, fraction) + inverse + last


def log_softmax(rows: int, n: int, width: int, fraction: int = 16, out_width: int = 64) -> Cost:
    """The logarithm of it."""
    return _terms(rows, n, width, fraction) + _log(rows, softmaxes.octaves(n), fraction, out_width)


def sort(rows: int, n: int, width: int) -> Cost:
    """Each row in order."""
    return sum((relu(rows * len(stage), width + 1) for stage in network(n, n)), Cost())


def argsort(rows: int, n: int, width: int) -> Cost:
    """Each row in order, and where its values were."""
    return topk(rows, n, n, width)


def topk(rows: int, n: int, k: int, width: int) -> Cost:
    """The k largest of each row, and where they were."""
    wider = width + n.bit_length() + 1
    return sum((sign_products(rows * len(stage), 2, wider) for stage in network(n, k)), Cost())


def _spline(name: str, n: int, width: int, fraction: int, out_width: int) -> Cost:
    used = spline_of(name, fraction)
    grid = used.grid(width)
    indicators = _look_up(n, grid, used.degree + 1 + used.outside.line) | open_sign(n, grid.width - 1)
    start = open_masked(n, grid.width, additive=False) + (indicators | shared_bits(n, 64))
    powers = sum((reshare(n) for _ in range(used.degree - 1)), Cost())
    value = truncate(n, spline.SCALE - fraction, spline.SCALE + 2, out_width)
    return (start | powers) + (value | reshare(n, out_width) if used.outside.line else value)


def _look_up(n: int, grid: Grid, columns: int) -> Cost:
    """From the masked opening to a table's row of so many numbers."""
    plane, groups, runs = 8 * words(n), -(-grid.upper // GROUP), len(grid.runs)
    table = Cost(1, ((1 << grid.index) + table_rows(grid.upper)) * plane)
    halves = Cost(1, 2 * ((4 if grid.exact else 2) * runs + 2 * groups) * plane)
    equal = Cost(math.ceil(math.log2(groups)), 3 * 2 * (groups - 1) * plane)
    found = table + halves + equal
    if grid.exact:
        borrow = open_sign(n, grid.low)
        borrow = Cost(max(borrow.rounds, 2), borrow.bytes - 3 * plane)  # reshared, not opened to both
        found |= borrow + Cost(1, 3 * 2 * runs * plane)
    selected = Cost(1, 4 * runs * plane) + Cost(1, 16 * columns * n)
    return found + selected | Cost(0, 8 * runs * n)  # the halves travel with the opening


def _bands(n: int, width: int, fraction: int, bands: tuple[Band, ...], out_width: int) -> Cost:
    grid, _ = exponential.exp_grid(width, fraction, bands)
    shift = exponential.LOWER + exponential.UPPER - exponential.FACTOR
    factor = Cost(1, 8 * n) + truncate(n, shift, 63)
    start = open_masked(n, grid.width, additive=False)
    values = Cost()
    for band in bands:
        values |= truncate(n, band.shift, exponential.VALUE + 2, out_width)
    return start + (_look_up(n, grid, len(bands)) | factor) + values


def _leading(n: int, octaves: Octaves) -> Cost:
    plane, width = 8 * words(n), octaves.width
    bits = Cost(1, width * plane) + Cost(1, 3 * width * plane)
    trees = _scan(width - 1, 2, plane) | _scan(width - octaves.low, 5 if octaves.signed else 3, plane)
    found = bits + trees + Cost(1, 6 * octaves.planes * plane)
    return open_masked(n, width, additive=False) + (found | shared_bits(octaves.planes * n, 64))


def _scan(count: int, planes: int, plane: int) -> Cost:
    total, step = Cost(), 1
    while step < count:
        total += Cost(1, 3 * planes * sum(1 for i in range(count) if i & step) * plane)
        step *= 2
    return total


def _power(n: int, octaves: Octaves, factors: int = 0) -> Cost:
    return sum((reshare(n) for _ in range((octaves.upper > 1) + factors)), Cost())


def _normalise(n: int, octaves: Octaves, bits: int) -> Cost:
    top = octaves.low + octaves.lower * octaves.upper - 1
    shift = max(top - bits, 0)
    start = _power(n, octaves) | (reshare(n) if octaves.signed else Cost())
    return start + (truncate(n, shift, top + 3) if shift else reshare(n))


def _polynomial(n: int, bits: int) -> Cost:
    return truncate(n, bits, 2 * bits + 1) + truncate(2 * n, bits, 2 * bits + 1)


def _reciprocal(n: int, octaves: Octaves, fraction: int, out_fraction: int, out_width: int) -> Cost:
    largest = out_fraction + fraction - octaves.low
    inverse = _inverse(n, octaves, roots.RECIPROCAL) | _power(n, octaves, int(octaves.signed))
    return _leading(n, octaves) + inverse + truncate(n, roots.SCALE - largest, 63, out_width)


def _inverse(n: int, octaves: Octaves, bits: int) -> Cost:
    value = truncate(n, roots.SCALE - bits, roots.SCALE + 2)
    return _normalise(n, octaves, roots.BITS) + _polynomial(n, roots.BITS) + value


def _root(n: int, width: int, first: Fraction, direction: int, out_width: int) -> Cost:
    octaves = Octaves(width, 0, width - 1, signed=False)
    largest = math.ceil(max(first, first + Fraction(direction * (width - 1), 2)))
    scale = roots.SCALE - (direction > 0)
    value = truncate(n, scale - roots.ROOT, scale + 2)
    root = _normalise(n, octaves, roots.BITS) + _polynomial(n, roots.BITS) + value
    return _leading(n, octaves) + (root | _power(n, octaves)) + truncate(n, roots.SCALE - largest, 63, out_width)


def _log(n: int, octaves: Octaves, out_fraction: int, out_width: int) -> Cost:
    value = truncate(n, roots.LOG_SCALE - out_fraction, 63, out_width)
    inner = _normalise(n, octaves, roots.LOG_BITS) + _polynomial(n, roots.LOG_BITS)
    return _leading(n, octaves) + inner + value


def _terms(rows: int, n: int, width: int, fraction: int) -> Cost:
    return maximum(rows, n, width + 1) + exp_nonpositive(rows * n, width + 1, fraction, softmaxes.TERM)
