"""Comparison of shared bits, against comparing integers."""

import numpy as np
import pytest

from trine import _core


def rows(width):
    return 15 * (width // 4) + 2 ** (width % 4) - 1


def planes(x, width):
    out = np.empty((width, -(-len(x) // 64)), np.uint64)
    _core.bits_to_planes(x, out)
    return out


def bits(words, n):
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, :n].astype(bool)


def compare(words, c, r, width, threads):
    """[C < R] and [C == R] of every group, by XOR of what two holders of the table's shares find."""
    c_planes, r_planes = planes(c, width), planes(r, width)
    table = words(9, rows(width), c_planes.shape[1])
    _core.compare_monomials(c_planes, table, threads=threads)
    share = words(8, *table.shape)
    total = []
    for part, constant in [(share, True), (table ^ share, False)]:
        less, equal = (words(7, -(-width // 4), table.shape[1]) for _ in range(2))
        _core.compare_leaf(r_planes, part, constant, less, equal, threads=threads)
        total.append((less, equal))
    return tuple(bits(mine ^ other, len(c)) for mine, other in zip(*total, strict=True))


def groups(x, width):
    masked = x & np.uint64(2**width - 1)
    return np.array([masked >> np.uint64(4 * g) & np.uint64(15) for g in range(-(-width // 4))])


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_pair_of_a_small_group(words, width):
    values = np.arange(2**width, dtype=np.uint64)
    c, r = (side.ravel() for side in np.meshgrid(values, values))
    less, equal = compare(words, c, r, width, 1)
    np.testing.assert_array_equal(less[0], c < r)
    np.testing.assert_array_equal(equal[0], c == r)


@pytest.mark.parametrize("width", range(1, 64))
@pytest.mark.parametrize("threads", [1, 3])
def test_every_width(words, width, threads):
    c, r = words(1, 577), words(2, 577)
    r[::3] = c[::3]
    less, equal = compare(words, c, r, width, threads)
    np.testing.assert_array_equal(less, groups(c, width) < groups(r, width))
    np.testing.assert_array_equal(equal, groups(c, width) == groups(r, width))


@pytest.mark.parametrize("width", [1, 3, 4, 6, 11])
def test_monomials_are_products_of_planes(words, width):
    c, out = words(1, width, 3), words(2, rows(width), 3)
    _core.compare_monomials(c, out)
    expected = []
    for low in range(0, width, 4):
        group = c[low : low + 4]
        expected += [
            np.bitwise_and.reduce([plane for b, plane in enumerate(group) if s >> b & 1])
            for s in range(1, 2 ** len(group))
        ]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("words_count", [0, 1, 5000])
def test_threads_change_nothing(words, words_count):
    c, r = words(1, 6, words_count), words(2, 6, words_count)
    results = []
    for threads in (1, 2, 5):
        table = np.empty((rows(6), words_count), np.uint64)
        less, equal = np.empty((2, 2, words_count), np.uint64)
        _core.compare_monomials(c, table, threads=threads)
        _core.compare_leaf(r, table, True, less, equal, threads=threads)
        results.append(table.tobytes() + less.tobytes() + equal.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("count", [2, 3, 7, 8, 16])
@pytest.mark.parametrize("threads", [1, 3])
def test_merging_groups_in_pairs(words, count, threads):
    """Replicated shares of random planes: the three parties' parts XOR to one level of the tree."""
    size = 130
    less, equal = (words(seed, 3, rows, size) for seed, rows in ((1, count), (2, count - 1)))  # three shares each
    parts = np.empty((3, 2 * (count // 2) - 1, size), np.uint64)
    for i in range(3):
        j = (i + 1) % 3
        _core.compare_merge(less[i], less[j], equal[i], equal[j], parts[i], threads=threads)
    less, equal, merged = (np.bitwise_xor.reduce(shares) for shares in (less, equal, parts))
    equal = np.vstack([equal[:1], equal])  # row g is group g's; the lowest is never looked at
    even, odd = slice(0, count // 2 * 2, 2), slice(1, None, 2)
    expected_less = less[odd] ^ (equal[odd] & less[even])
    expected_equal = (equal[odd] & equal[even])[1:]
    np.testing.assert_array_equal(merged, np.vstack([expected_equal, expected_less]))


def test_what_cannot_be_merged(words):
    def merge(groups, equal_rows, out_rows, size=5):
        planes = words(1, groups, size), words(2, groups, size), words(3, equal_rows, size), words(4, equal_rows, size)
        _core.compare_merge(*planes, np.empty((out_rows, size), np.uint64))

    for shape, complaint in [((1, 0, 1), "less_a"), ((4, 4, 3), "equal_a"), ((4, 3, 4), "out")]:
        with pytest.raises(ValueError, match=complaint):
            merge(*shape)
