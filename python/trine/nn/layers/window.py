"""Windows over images: padding, dilation, and how many there are."""

from __future__ import annotations

from typing import TypeAlias, cast

from trine.errors import InputError, ShapeError
from trine.nn.layers.base import Pair, pair

__all__ = ["Padding", "Sides", "dilated", "padding_sides", "read_padding", "same_padding", "windows"]

Sides: TypeAlias = tuple[Pair, Pair]
Padding: TypeAlias = str | Sides


def same_padding(size: Pair, window: Pair, stride: Pair) -> Sides:
    """Keras's "same": zeros ((top, bottom), (left, right)) so that ceil(size / stride) windows fit.

    An odd zero goes last.

    >>> same_padding((5, 6), (3, 2), (2, 1))
    ((1, 1), (0, 1))
    """

    def one(length: int, window: int, stride: int) -> Pair:
        total = max((-(-length // stride) - 1) * stride + window - length, 0)
        return total // 2, total - total // 2

    return one(size[0], window[0], stride[0]), one(size[1], window[1], stride[1])


def read_padding(label: str, padding: object) -> Padding:
    """What a layer's field says: "same", or numbers of zeros.

    Raises:
        InputError: it is none of "valid", "same" and ((top, bottom), (left, right)).
    """
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise InputError(f"{label}: padding must be 'valid', 'same' or numbers, got {padding!r}")
        return padding if padding == "same" else ((0, 0), (0, 0))
    try:
        vertical, horizontal = cast(Sides, padding)
    except (TypeError, ValueError):
        raise InputError(f"{label}: padding must be ((top, bottom), (left, right)), got {padding!r}") from None
    what = f"{label}: padding"
    return pair(what, vertical, 0), pair(what, horizontal, 0)


def padding_sides(padding: Padding, size: Pair, window: Pair, stride: Pair) -> Sides:
    """The numbers behind a padding, for an image of this size."""
    return same_padding(size, window, stride) if isinstance(padding, str) else padding


def dilated(kernel: tuple[int, ...], dilation: Pair) -> Pair:
    """What a kernel spans when its neighbours lie ``dilation`` apart.

    >>> dilated((3, 2), (2, 4))
    (5, 5)
    """
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


def windows(label: str, size: Pair, window: Pair, stride: Pair) -> Pair:
    """How many windows fit (down, right).

    Raises:
        ShapeError: none does.
    """
    if size[0] < window[0] or size[1] < window[1]:
        raise ShapeError(f"{label}: a window of {window} does not fit into an input of {size}, padded")
    return (size[0] - window[0]) // stride[0] + 1, (size[1] - window[1]) // stride[1] + 1
