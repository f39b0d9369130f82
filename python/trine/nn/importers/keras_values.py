"""Numbers out of Keras's variables, and channels that come first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trine.nn.importers.axes import Tensor
from trine.nn.layers import Array

__all__ = ["ChannelsLast", "array", "channels_of", "optional"]


def array(variable: Any) -> Array:
    """A variable's or a tensor's numbers."""
    import keras

    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float64)


def optional(variable: Any) -> Array | None:
    """The same, or None for None."""
    return None if variable is None else array(variable)


@dataclass(frozen=True)
class ChannelsLast:
    """Brings the channels of a layer's input to the end, and those of its answer back."""

    first: bool

    def __call__(self, x: Tensor) -> Tensor:
        return x.transposed([0, *range(2, len(x.axes)), 1]) if self.first else x

    def back(self, x: Tensor) -> Tensor:
        """The answer with its channels where the layer has them."""
        last = len(x.axes) - 1
        return x.transposed([0, last, *range(1, last)]) if self.first else x


def channels_of(layer: Any) -> ChannelsLast:
    """What this layer says about where its channels are; sequences have them last where it says nothing."""
    return ChannelsLast(getattr(layer, "data_format", "channels_last") == "channels_first")
