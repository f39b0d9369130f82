"""Ring elements as bytes: only the bits that count travel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trine import _core

__all__ = ["low_bits", "pack", "packed_size", "unpack"]


def packed_size(count: int, width: int) -> int:
    """Bytes that ``count`` elements of ``width`` bits take, back to back."""
    return (count * width + 7) // 8


def pack(elements: NDArray[np.uint64], width: int) -> NDArray[np.uint8]:
    """The low ``width`` bits (1 to 64) of every element, back to back, little endian; uint8, one-dimensional.

    At 64 bits this is a view where it can be, not a copy.
    """
    flat = np.ascontiguousarray(elements).reshape(-1)
    if width == 64:
        return flat.view(np.uint8)
    out = np.empty(packed_size(flat.size, width), np.uint8)
    _core.bits_pack(flat, width, out)
    return out


def unpack(data: NDArray[np.uint8], shape: tuple[int, ...], width: int) -> NDArray[np.uint64]:
    """The inverse of :func:`pack`: elements in [0, 2^width), shape as given.

    ``data`` must have ``packed_size(prod(shape), width)`` bytes.
    """
    if width == 64:
        return data.view(np.uint64).reshape(shape)
    return _core.bits_unpack(data, shape, width)


def low_bits(x: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """x modulo 2^bits."""
    return x if bits == 64 else x & np.uint64((1 << bits) - 1)
