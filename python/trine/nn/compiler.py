"""From a trained model to a plan and the tensors to be shared: fusion, and widths that are proven, not guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trine.errors import RangeError, UnsupportedModelError
from trine.mpc.party import Ring
from trine.nn.layers import AvgPool2D, Conv2D, Dense, Flatten, Layer, ReLU
from trine.nn.model import Sequential
from trine.nn.plan import Plan
from trine.nn.steps import (
    Conv2DStep,
    DenseStep,
    FlattenStep,
    PoolStep,
    RectifyStep,
    ReLUStep,
    Step,
    TruncateStep,
)
from trine.ring import FixedPoint

__all__ = ["CompiledModel", "compile"]

Reals = NDArray[np.float64]
WIDEST = 63
ROUNDING = 2.0**-36  # relative error of the bounds' own sums in float64, for up to 2^17 terms


@dataclass(frozen=True, repr=False)
class CompiledModel:
    """A model ready to be shared: the public plan, and the secret tensors as ring elements, in the plan's order."""

    plan: Plan
    tensors: list[Ring]

    def __repr__(self) -> str:
        return f"CompiledModel({len(self.tensors)} secret tensors, {len(self.plan.steps)} steps)"


def compile(model: Sequential, fraction: int = 16) -> CompiledModel:
    """Compile a model for private inference.

    Weights and inputs are rounded to ``fraction`` fractional bits. A bias joins its product, sum pooling is done before
    the one opening that a linear layer needs, and the pool's division by its window joins the truncation (powers of
    two) or the next layer's weights (all else). For each opening the widest possible value is bounded by interval
    arithmetic over the very integers that the parties will compute with, from the model's declared input range, so no
    value can overflow.

    Args:
        model: the model in the clear.
        fraction: fractional bits of inputs, weights and intermediate values.

    Raises:
        RangeError: some layer's values cannot be proven to fit in 63 bits; the message names the layer.
    """
    compiler = _Compiler(model, fraction)
    for index, layer in enumerate(model.layers):
        compiler.add(index, layer)
    return compiler.finish()


class _Compiler:
    """Walks the layers and knows the current value's form, format and bounds (in units of the last place)."""

    def __init__(self, model: Sequential, fraction: int) -> None:
        self.model = model
        self.form = FixedPoint(fraction)
        self.steps: list[Step] = []
        self.tensors: list[Ring] = []
        self.additive = False
        self.fraction = fraction  # fractional bits of the current value
        self.gain = 1.0  # what the current value is still to be multiplied by
        low, high = (np.ldexp(bound, fraction) for bound in model.input_range)
        self.low: Reals = np.full((1, *model.input_shape), np.floor(low))
        self.high: Reals = np.full((1, *model.input_shape), np.ceil(high))
        self._width(f"the input of {model.input_shape}", 0)

    def add(self, index: int, layer: Layer) -> None:
        """Append what the layer needs."""
        label = f"layer {index}, {layer.label}"
        if isinstance(layer, Conv2D | Dense):
            self._replicated(label)
            self._linear(label, layer)
        elif isinstance(layer, ReLU):
            self._rectify(label)
        elif isinstance(layer, AvgPool2D):
            self._pool(layer)
        elif isinstance(layer, Flatten):
            self.steps.append(FlattenStep())
            self.low, self.high = layer.forward(self.low), layer.forward(self.high)
        else:
            raise UnsupportedModelError(f"{label}: there is no private form of this layer")

    def finish(self) -> CompiledModel:
        """The plan, with every sharing as narrow as what follows allows."""
        output_width = self._width("the output", 0)
        needed = output_width
        steps: list[Step] = []
        for step in reversed(self.steps):
            if isinstance(step, RectifyStep | TruncateStep):
                steps.append(replace(step, out_width=needed))
                needed = step.width + 1
            elif isinstance(step, ReLUStep):
                steps.append(replace(step, out_width=needed))
                needed = max(needed, step.width)
            else:
                steps.append(step)
        plan = Plan(
            input_shape=self.model.input_shape,
            output_shape=self.model.output_shape,
            input_range=self.model.input_range,
            fraction=self.form.fraction,
            output_fraction=self.fraction,
            output_gain=self.gain,
            output_width=output_width,
            steps=tuple(reversed(steps)),
        )
        return CompiledModel(plan, self.tensors)

    def _linear(self, label: str, layer: Conv2D | Dense) -> None:
        weights = self._encode(label, "weights", layer.weights * self.gain, self.form.fraction)
        self.gain = 1.0
        self.tensors.append(weights)
        if isinstance(layer, Conv2D):
            pads = layer.pads(self.low.shape[1:])
            kernel = (weights.shape[0], weights.shape[1], weights.shape[2], weights.shape[3])
            self.steps.append(Conv2DStep(kernel, layer.stride, pads, layer.bias is not None))
        else:
            self.steps.append(DenseStep((weights.shape[0], weights.shape[1]), layer.bias is not None))
        units = weights.view(np.int64).astype(np.float64)
        rising, falling, size = (
            replace(layer, weights=part, bias=None)
            for part in (np.maximum(units, 0), np.minimum(units, 0), np.abs(units))
        )
        margin = np.ceil(size.forward(np.maximum(np.abs(self.low), np.abs(self.high))) * ROUNDING)
        low = rising.forward(self.low) + falling.forward(self.high) - margin
        high = rising.forward(self.high) + falling.forward(self.low) + margin
        self.fraction += self.form.fraction
        if layer.bias is not None:
            bias = self._encode(label, "bias", layer.bias, self.fraction)
            self.tensors.append(bias)
            low, high = low + bias.view(np.int64), high + bias.view(np.int64)
        self.additive = True
        self.low, self.high = low, high
        self._width(label, 0)

    def _rectify(self, label: str) -> None:
        if self.additive:
            shift = self.fraction - self.form.fraction
            self.steps.append(RectifyStep(shift, self._width(label, shift), 64))
            self._shifted(shift)
        else:
            self.steps.append(ReLUStep(self._width(label, 0), 64))
        self.low, self.high = np.maximum(self.low, 0), np.maximum(self.high, 0)

    def _replicated(self, label: str) -> None:
        """Two linear layers in a row: truncate in between."""
        if self.additive:
            shift = self.fraction - self.form.fraction
            self.steps.append(TruncateStep(shift, self._width(label, shift), 64))
            self._shifted(shift)

    def _pool(self, layer: AvgPool2D) -> None:
        count = math.prod(layer.window)
        channels, last = 0, self.steps[-1] if self.steps else None
        if isinstance(last, Conv2DStep) and last.bias:  # add it to the sums: there are fewer of them
            channels = last.kernel[3]
            self.steps[-1] = replace(last, bias=False)
            self.tensors[-1] = self.tensors[-1] * np.uint64(count)
        self.steps.append(PoolStep(layer.window, layer.stride, channels))
        bits = count.bit_length() - 1
        self.fraction += bits
        self.gain *= (1 << bits) / count
        self.low, self.high = layer.forward(self.low) * count, layer.forward(self.high) * count

    def _shifted(self, shift: int) -> None:
        self.additive = False
        self.fraction -= shift
        self.low = np.floor(np.ldexp(self.low, -shift))
        self.high = np.floor(np.ldexp(self.high, -shift)) + 1

    def _encode(self, label: str, what: str, values: Reals, fraction: int) -> Ring:
        units = np.ldexp(values, fraction)
        if np.abs(units).max(initial=0) >= 2.0**WIDEST:
            raise RangeError(
                f"{label}: {what} do not fit {WIDEST} bits with {fraction} fractional ones; "
                "scale the model or use fewer fractional bits"
            )
        return np.ascontiguousarray(np.rint(units).astype(np.int64).view(np.uint64))

    def _width(self, label: str, shift: int) -> int:
        """Signed bits that hold every possible value, and what truncation by ``shift`` asks for above it."""
        largest = max(-float(self.low.min()), float(self.high.max()) + (1 << shift))
        if largest < 2.0 ** (WIDEST - 1):
            return int(largest).bit_length() + 1
        raise RangeError(
            f"{label}: its values may need {math.ceil(math.log2(largest)) + 1} bits, {self.fraction} of them "
            f"fractional; {WIDEST} are there; use fewer fractional bits, a smaller input range or smaller weights"
        )
