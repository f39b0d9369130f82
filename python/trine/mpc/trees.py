"""Decision trees: which leaf of each of many binary trees is reached, from the shared outcomes of their tests."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trine.errors import InputError, ShapeError
from trine.mpc import bits
from trine.mpc.bits import less_part, to_planes
from trine.mpc.functions.planes import Injection, and_part, draw_injection, reshare_bits
from trine.mpc.masked import Mask, draw_mask, open_masked
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, dealt

__all__ = ["LeavesRandomness", "TreeShapes", "draw_leaves", "reached_leaves"]

Bits = NDArray[np.uint8]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class TreeShapes:
    """The shapes of binary trees, which are public: each inner node has a left and a right child.

    Nodes are numbered in preorder and leaves from left to right, one tree after the other. Edge 2 i leads from node i
    to its left child, edge 2 i + 1 to its right one.

    Attributes:
        depths: the depth of every leaf, from left to right, one tree after the other; that determines the trees.

    Raises:
        InputError: there are no such trees, or one of them is a single leaf.

    >>> stump_and_two_levels = TreeShapes((1, 1, 2, 2, 1))
    >>> stump_and_two_levels.trees, stump_and_two_levels.nodes, stump_and_two_levels.leaves
    (2, 3, 5)
    """

    depths: tuple[int, ...]
    _edges: tuple[Indices, Indices] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.depths or not all(type(depth) is int and 1 <= depth < 1 << 16 for depth in self.depths):
            raise InputError("trees need at least one test each, and leaves of depths from 1 to 65535")
        walked = _walk(self.depths)
        if walked is None:
            raise InputError("these depths of leaves belong to no binary trees")
        object.__setattr__(self, "_edges", walked)

    @property
    def leaves(self) -> int:
        """Leaves of all trees."""
        return len(self.depths)

    @property
    def nodes(self) -> int:
        """Inner nodes of all trees."""
        return len(self.node_edges)

    @property
    def trees(self) -> int:
        """How many trees there are."""
        return self.leaves - self.nodes

    @property
    def depth(self) -> int:
        """Of the deepest leaf."""
        return max(self.depths)

    @property
    def leaf_edges(self) -> Indices:
        """The edge that leads to each leaf."""
        return self._edges[0]

    @property
    def node_edges(self) -> Indices:
        """The edge that leads to each node; -1 for the roots."""
        return self._edges[1]

    @property
    def node_trees(self) -> Indices:
        """The tree of each node."""
        return np.cumsum(self.node_edges < 0) - 1

    @property
    def leaf_trees(self) -> Indices:
        """The tree of each leaf."""
        return self.node_trees[self.leaf_edges // 2]

    @functools.cached_property
    def merges(self) -> list[tuple[Indices, Indices]]:
        """The edges to be multiplied, and by which edge above, level by level: then a leaf's edge stands for its path.

        At level k an edge of depth d stands for the path down to it from the depth that is the greatest multiple of
        2^k below d. Where that is an odd one, the edge that ends there reaches 2^k further up (Sklansky's prefix
        tree, along every path at once). Edges that lead to no leaf, and end where no later level looks, are left out.
        There are ceil(log2(depth)) levels.
        """
        above = np.repeat(self.node_edges, 2)  # of each edge
        ends = np.ones(len(above), np.intp)  # the depth at which it ends
        for node, edge in enumerate(self.node_edges):  # in preorder, from above
            if edge >= 0:
                ends[2 * node : 2 * node + 2] = ends[edge] + 1
        kept = np.zeros(len(ends), bool)
        kept[self.leaf_edges] = True
        start = above  # the edge that ends where what an edge stands for begins
        merges = []
        for level in range((self.depth - 1).bit_length()):
            odd = ((ends - 1) >> level) & 1 == 1
            targets = np.flatnonzero(odd & (kept | (ends % (2 << level) == 0)))
            merges.append((targets, start[targets]))
            start = np.where(odd, start[start], start)
        return merges


def _walk(depths: tuple[int, ...]) -> tuple[Indices, Indices] | None:
    """The edges that lead to leaves and to nodes; None if the depths are not those of whole trees."""
    leaf_edges, node_edges = [], []
    path: list[int] = []  # the edges down to where the walk is
    for depth in depths:
        if depth < len(path):
            return None
        while len(path) < depth:
            node_edges.append(path[-1] if path else -1)
            path.append(2 * len(node_edges) - 2)
        leaf_edges.append(path[-1])
        while path and path[-1] % 2:
            path.pop()
        if path:
            path[-1] += 1
    return None if path else (np.array(leaf_edges, np.intp), np.array(node_edges, np.intp))


@dataclass(frozen=True, repr=False)
class LeavesRandomness:
    """What :func:`reached_leaves` uses up.

    Attributes:
        mask: hides the differences from party 1.
        planes: its bits, at parties 0 and 2.
        sign: the draws of the comparison.
        levels: a part of a sharing of zero for the products of each level but the last.
        leaves: turns the leaves' bits into numbers.
    """

    mask: Mask
    planes: Ring | None
    sign: bits.SignRandomness
    levels: list[Ring]
    leaves: Injection

    def deal(self, party: Party) -> Protocol[None]:
        """What takes messages, in two rounds."""
        yield from self.leaves.deal(party)


def draw_leaves(party: Party, batch: int, shapes: TreeShapes, width: int, out_width: int) -> LeavesRandomness:
    """Draw the local half of what :func:`reached_leaves` uses up; arguments as there."""
    if not 1 <= width <= 64:
        raise InputError(f"numbers of {width} bits cannot be compared: 1 to 64 can")
    count = batch * shapes.nodes
    mask = draw_mask(party, (batch, shapes.nodes), width, additive=True)
    planes = None if mask.r is None else to_planes(mask.r, 0, width)
    sign = bits.draw_sign(party, count, width - 1)
    levels = [party.zero_bits(bits.words(batch * len(targets))) for targets, _ in shapes.merges[:-1]]
    return LeavesRandomness(mask, planes, sign, levels, draw_injection(party, 1, (batch, shapes.leaves), out_width))


def reached_leaves(
    party: Party,
    differences: Ring,
    shapes: TreeShapes,
    width: int,
    out_width: int = 64,
    random: LeavesRandomness | None = None,
) -> Protocol[Replicated]:
    """Which leaves are reached, as shared numbers 0 or 1 modulo 2^out_width: one of every tree.

    All tests are made at once: a walk from the root would show by its accesses where it goes. Every test's sign is
    found as for a comparison, but stays shared as a bit; a leaf is reached if all edges on its path are
    taken, so edges are multiplied, as bits, in a tree along each path; then the leaves' bits become numbers.

    3 + ceil(log2 g) + ceil(log2 depth) rounds for g = ceil((width - 1) / 4) > 0; bytes:
    :func:`trine.mpc.cost.reached_leaves`. What is opened: the differences hidden by a mask (to party 1), the leaves'
    bits hidden by random bits that no party knows (to all).

    Args:
        differences: this party's additive part (it need not be masked) of a number for every inner node,
            [N, nodes], in [-2^(width-1), 2^(width-1)): threshold less feature. It goes left where that is >= 0.
        shapes: of the trees, public.
        width: signed bits that the differences are known to fit in, 1 to 64.
        out_width: the result is shared modulo 2^out_width.
        random: made ahead of time by :func:`draw_leaves` and dealt; drawn and dealt here if not given.

    Returns:
        [N, leaves].

    Raises:
        InputError: the width is out of range.
        ShapeError: there is not a difference for every node.
    """
    if differences.ndim != 2 or differences.shape[1] != shapes.nodes:
        raise ShapeError(f"expected (N, {shapes.nodes}), a difference for each node, got {differences.shape}")
    batch = len(differences)
    used = random or draw_leaves(party, batch, shapes, width, out_width)
    tests = (batch, shapes.nodes)

    def online() -> Protocol[Replicated]:
        known = yield from open_masked(party, differences, used.mask, width, 1 << (width - 1))
        part = yield from _sign_part(party, to_planes(known, 0, width) if used.planes is None else used.planes, used)
        merges = shapes.merges
        if merges:
            signs = yield from reshare_bits(party, part, used.sign.zeros[-1][0])
            a = _edges(_unpacked(signs.a, tests), party.index == 0)
            b = _edges(_unpacked(signs.b, tests), party.index == 2)
            for (targets, above), zero in zip(merges[:-1], used.levels, strict=True):
                paths = yield from reshare_bits(party, _paths(a, b, targets, above), zero)
                a[:, targets] = _unpacked(paths.a, (batch, len(targets)))
                b[:, targets] = _unpacked(paths.b, (batch, len(targets)))
            targets, above = merges[-1]
            a[:, targets] = _unpacked(_paths(a, b, targets, above), (batch, len(targets)))
        else:
            a = _edges(_unpacked(part, tests), party.index == 0)
        reached = yield from used.leaves.open(party, _packed(a[:, shapes.leaf_edges])[np.newaxis])
        return reached.map(lambda share: share[0])

    return (yield from online() if random else dealt(party, used, online()))


def _sign_part(party: Party, planes: Ring, used: LeavesRandomness) -> Protocol[Ring]:
    """This party's exclusive-or part, not masked, of a plane of [difference >= 0]: the top bit of c - r."""
    part: Ring = planes[-1].copy() if party.index < 2 else np.zeros_like(planes[-1])
    if len(planes) > 1:
        less = yield from less_part(party, planes[:-1], used.sign)
        if less is not None:
            part ^= less.reshape(-1)
    return part


def _edges(left: Bits, complements: bool) -> Bits:
    """A share of which edges are taken, [N, 2 nodes], from one of going left; one share holds the 1 of "not"."""
    return np.stack([left, left ^ np.uint8(complements)], axis=-1).reshape(len(left), -1)


def _paths(a: Bits, b: Bits, targets: Indices, above: Indices) -> Ring:
    """This party's part of the products of pairs of edges, not masked; packed."""
    x, y = (Replicated(_packed(a[:, chosen]), _packed(b[:, chosen])) for chosen in (targets, above))
    return and_part(x, y)


def _packed(values: Bits) -> Ring:
    """Bits, a byte each, as a plane (words,)."""
    plane = np.zeros(bits.words(values.size), np.uint64)
    packed = np.packbits(values.reshape(-1), bitorder="little")
    plane.view(np.uint8)[: packed.size] = packed
    return plane


def _unpacked(plane: Ring, shape: tuple[int, int]) -> Bits:
    """A plane's bits, a byte each."""
    count = shape[0] * shape[1]
    return np.unpackbits(plane.view(np.uint8), count=count, bitorder="little").reshape(shape)
