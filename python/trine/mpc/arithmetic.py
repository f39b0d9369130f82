"""Products of shared values, and the reshare that every product ends with."""

from __future__ import annotations

from typing import Any

import numpy as np

from trine import _core
from trine.errors import ShapeError
from trine.mpc.party import Party, Replicated, Ring, place
from trine.mpc.rounds import Protocol, Round
from trine.net import Bytes
from trine.ring.pack import pack, packed_size, unpack

__all__ = [
    "PackedOperand",
    "add_public",
    "conv2d_shape",
    "local_conv2d",
    "local_matmul",
    "local_product",
    "multiply",
    "pack_operand",
    "reshare",
]

PackedOperand = _core.PackedOperand
Pair = tuple[int, int]
Padding = tuple[int, int, int, int]


def add_public(party: Party, x: Replicated, constant: Ring) -> Replicated:
    """x + constant, for a constant everybody knows; local."""
    return x + place(party, 0, np.broadcast_to(constant, x.shape), x.shape)


def local_product(x: Replicated, y: Replicated) -> Ring:
    """This party's additive part of the element-wise product; shapes broadcast; local.

    z_i = x_i y_i + x_i y_{i+1} + x_{i+1} y_i; the nine terms of (x_0 + x_1 + x_2)(y_0 + y_1 + y_2) are covered
    once each (Araki et al. 2016, section 2.2). The parts are *not* random: mask them before they are sent.
    """
    xa, xb, ya, yb = _operands(x, y)
    out = np.empty(xa.shape, np.uint64)
    _core.rss_mul(xa, xb, ya, yb, out)
    return out


def pack_operand(y: Replicated) -> PackedOperand:
    """A shared matrix (K, N) or kernel (KH, KW, C, O) in the form that the kernels read; local.

    For operands that stay the same for many products, such as weights: :func:`local_matmul` and :func:`local_conv2d`
    take the result in the place of ``y`` or ``w`` and leave the same bits. It holds as many bytes as the share does,
    shows nothing but its ``shape`` and cannot be pickled.
    """
    return PackedOperand(np.ascontiguousarray(y.a), np.ascontiguousarray(y.b))


def local_matmul(x: Replicated, y: Replicated | PackedOperand) -> Ring:
    """This party's additive part of the matrix product (M, K) @ (K, N), as one product of depth 2K; local.

    Axes before the last two are those of a batch of products: (..., M, K) @ (..., K, N), the same for both.
    """
    if len(x.shape) < 2 or len(x.shape) != len(y.shape) or x.shape[:-2] != y.shape[:-2] or x.shape[-1] != y.shape[-2]:
        raise ShapeError(f"cannot multiply matrices of shapes {x.shape} and {y.shape}")
    xa, xb = np.ascontiguousarray(x.a), np.ascontiguousarray(x.b)
    out = np.empty((*x.shape[:-1], y.shape[-1]), np.uint64)
    if isinstance(y, PackedOperand):
        _core.rss_matmul_packed(xa, xb, y, out)
        return out
    ya, yb = np.ascontiguousarray(y.a), np.ascontiguousarray(y.b)
    for index in np.ndindex(x.shape[:-2]):
        _core.rss_matmul(xa[index], xb[index], ya[index], yb[index], out[index])
    return out


def conv2d_shape(
    x: tuple[int, ...],
    w: tuple[int, ...],
    stride: Pair,
    padding: Padding,
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> tuple[int, int, int, int]:
    """Shape (N, OH, OW, O) of the convolution of (N, H, W, C) with (KH, KW, C / groups, O).

    Raises:
        ShapeError: the shapes do not fit together.
    """
    top, bottom, left, right = padding
    if len(x) != 4 or len(w) != 4 or groups < 1 or x[3] != w[2] * groups or w[3] % groups or min(w) < 1:
        raise ShapeError(f"cannot convolve shape {x} (N, H, W, C) with {w} (KH, KW, C / groups, O), {groups} groups")
    spans = ((w[0] - 1) * dilation[0], (w[1] - 1) * dilation[1])
    height, width = x[1] + top + bottom - 1 - spans[0], x[2] + left + right - 1 - spans[1]
    if height < 0 or width < 0 or min(stride) < 1 or min(padding) < 0 or min(dilation) < 1:
        raise ShapeError(f"a kernel of {w[:2]} does not fit an image of {x[1:3]} with padding {padding}")
    return x[0], height // stride[0] + 1, width // stride[1] + 1, w[3]


def local_conv2d(
    x: Replicated,
    w: Replicated | PackedOperand,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Ring:
    """This party's additive part of a two-dimensional convolution (cross-correlation, as in every ML library); local.

    Args:
        x: images (N, H, W, C).
        w: kernels (KH, KW, C / groups, O); packed, or not, which dilation and groups need.
        padding: zeros added at the top, bottom, left, right.
        dilation: distance of neighbours in the kernel.
        groups: outputs g O / groups ... take channels g C / groups ... alone.
    """
    shape = conv2d_shape(x.shape, w.shape, stride, padding, dilation, groups)
    if isinstance(w, Replicated) and (groups > 1 or dilation != (1, 1)):
        return _tap_by_tap(x, w, shape, stride, padding, dilation, groups)
    out = np.empty(shape, np.uint64)
    xa, xb = np.ascontiguousarray(x.a), np.ascontiguousarray(x.b)
    if isinstance(w, PackedOperand):
        _core.rss_conv2d_packed(xa, xb, w, out, stride, padding)
    else:
        _core.rss_conv2d(xa, xb, np.ascontiguousarray(w.a), np.ascontiguousarray(w.b), out, stride, padding)
    return out


def _tap_by_tap(
    x: Replicated, w: Replicated, shape: tuple[int, ...], stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Ring:
    """A convolution with dilation or groups, as a sum over the kernel's places."""
    top, bottom, left, right = padding
    padded = x.map(lambda share: np.pad(share, ((0, 0), (top, bottom), (left, right), (0, 0))))
    inputs, outputs = w.shape[2], w.shape[3] // groups
    total = np.zeros(shape, np.uint64)
    for i, j in np.ndindex(w.shape[:2]):
        rows = slice(i * dilation[0], i * dilation[0] + (shape[1] - 1) * stride[0] + 1, stride[0])
        columns = slice(j * dilation[1], j * dilation[1] + (shape[2] - 1) * stride[1] + 1, stride[1])
        seen, tap = _at(padded, (slice(None), rows, columns)), _at(w, (i, j))
        if inputs == 1:  # depthwise: every channel by itself
            repeated = seen.map(lambda share: share.repeat(outputs, axis=3)) if outputs > 1 else seen
            total += local_product(repeated, _at(tap, (0,)))
            continue
        for g in range(groups):
            own = slice(g * outputs, (g + 1) * outputs)
            part = _at(seen, (..., slice(g * inputs, (g + 1) * inputs))).map(lambda share: share.reshape(-1, inputs))
            total[..., own] += local_matmul(part, _at(tap, (slice(None), own))).reshape(*shape[:3], outputs)
    return total


def _at(x: Replicated, index: Any) -> Replicated:
    return Replicated(x.a[index], x.b[index])


def reshare(party: Party, part: Ring, width: int = 64) -> Protocol[Replicated]:
    """From additive parts (one at each party) back to a replicated sharing, modulo 2^width.

    1 round; every party sends ``width`` bits an element: 3 * width / 8 bytes in all.
    Each party sees one message, masked by a share of zero that it cannot compute: uniform.
    """
    mine = party.zero(part.shape, width)
    mine += part
    return (yield from _send_back(party, mine, pack(mine, width), width))


def multiply(
    party: Party, x: Replicated, y: Replicated, width: int = 64, zero: Ring | None = None
) -> Protocol[Replicated]:
    """Element-wise product of ring elements modulo 2^width; shapes broadcast. Cost: that of one reshare.

    Args:
        zero: this party's part of a fresh sharing of zero, of the result's shape; drawn here if not given.
    """
    xa, xb, ya, yb = _operands(x, y)
    if zero is None:
        zero = party.zero(xa.shape, width)
    message = np.empty(packed_size(xa.size, width), np.uint8)
    _core.round_multiply(xa, xb, ya, yb, zero, width, zero, message)
    return (yield from _send_back(party, zero, message, width))


def _send_back(party: Party, mine: Ring, message: Bytes, width: int) -> Protocol[Replicated]:
    """Every party's masked part goes to its predecessor."""
    received = yield Round({party.previous: [message]}, {party.next: [message.size]})
    return Replicated(mine, unpack(received[party.next][0], mine.shape, width))


def _operands(x: Replicated, y: Replicated) -> tuple[Ring, Ring, Ring, Ring]:
    """The four arrays of a product, contiguous and of one shape."""
    if x.shape != y.shape:
        shape = np.broadcast_shapes(x.shape, y.shape)
        x, y = (s.map(lambda share: np.broadcast_to(share, shape)) for s in (x, y))
    xa, xb, ya, yb = (np.asarray(s, order="C") for s in (x.a, x.b, y.a, y.b))
    return xa, xb, ya, yb
