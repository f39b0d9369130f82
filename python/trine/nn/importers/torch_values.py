"""Numbers out of PyTorch's tensors, and channels that come first."""

from __future__ import annotations

from typing import Any

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn.importers.axes import Tensor
from trine.nn.layers import Array

__all__ = ["array", "first", "last", "operand", "optional"]


def array(tensor: Any) -> Array:
    """A tensor's numbers."""
    if getattr(tensor, "is_quantized", False) or getattr(tensor, "is_complex", bool)():
        raise UnsupportedModelError("quantized or complex weights")
    return np.asarray(tensor.detach().cpu().double().numpy(), dtype=np.float64)


def optional(tensor: Any) -> Array | None:
    """The same, or None for None."""
    return None if tensor is None else array(tensor)


def operand(value: Any) -> Tensor | Array:
    """A tensor of the graph as it is, and everything else as numbers; of a batch of equal rows one is enough."""
    if isinstance(value, Tensor):
        return value
    if hasattr(value, "detach"):
        if value.ndim and value.shape[0] > 1 and value.stride(0) == 0:
            value = value[:1]
        return array(value)
    return np.asarray(value, np.float64)


def last(x: Tensor) -> Tensor:
    """The channels, which come after the batch, brought to the end."""
    return x.transposed([0, *range(2, len(x.axes)), 1])


def first(x: Tensor) -> Tensor:
    """The channels brought back from the end."""
    end = len(x.axes) - 1
    return x.transposed([0, end, *range(1, end)])
