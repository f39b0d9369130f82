"""From a trained model to a plan and the tensors to be shared: fusion, and widths that are proven, not guessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trine.errors import UnsupportedModelError
from trine.mpc.party import Ring
from trine.nn import layers as kinds
from trine.nn.compiler import functions, images, linear, trees
from trine.nn.compiler.builder import Builder
from trine.nn.compiler.rewrite import rewrite
from trine.nn.compiler.value import Value
from trine.nn.layers import InputRanges, Layer, OneHot
from trine.nn.model import Model
from trine.nn.plan import Plan
from trine.nn.steps import LeavesStep, RectifyStep, ReLUStep, Step, TruncateStep
from trine.nn.steps.base import LocalStep

__all__ = ["LOWERINGS", "CompiledModel", "compile"]

Lowering = Callable[..., Value]

# How each kind of layer becomes steps: a function of (builder, label, layer, *values).
LOWERINGS: dict[type[Layer], Lowering] = {
    kinds.Add: images.add,
    kinds.Affine: linear.affine,
    kinds.ArgMax: trees.argmax,
    kinds.AvgPool2D: images.avg_pool,
    kinds.Clip: functions.clip,
    kinds.Concatenate: images.concatenate,
    kinds.Conv2D: linear.conv2d,
    kinds.Dense: linear.dense,
    kinds.ELU: functions.elu,
    kinds.Flatten: images.reshape,
    kinds.GELU: functions.function,
    kinds.InputRanges: trees.input_ranges,
    kinds.LayerNorm: functions.layer_norm,
    kinds.LeakyReLU: functions.leaky_relu,
    kinds.LogSoftmax: functions.softmax,
    kinds.MatMul: linear.matmul,
    kinds.MaxPool2D: images.max_pool,
    kinds.Multiply: linear.multiply,
    kinds.OneHot: images.one_hot,
    kinds.Pad: images.pad,
    kinds.Permute: images.permute,
    kinds.ReLU: functions.relu,
    kinds.Reshape: images.reshape,
    kinds.Scale: linear.scale,
    kinds.SiLU: functions.function,
    kinds.Sigmoid: functions.function,
    kinds.Slice: images.slice_,
    kinds.Softmax: functions.softmax,
    kinds.Softplus: functions.function,
    kinds.Tanh: functions.function,
    kinds.Trees: trees.trees,
}


@dataclass(frozen=True, repr=False)
class CompiledModel:
    """A model ready to be shared: the public plan, and the secret tensors as ring elements, in the plan's order."""

    plan: Plan
    tensors: list[Ring]

    def __repr__(self) -> str:
        return f"CompiledModel({len(self.tensors)} secret tensors, {len(self.plan.steps)} steps)"


def compile(model: Model, fraction: int = 16) -> CompiledModel:
    """Compile a model for private inference.

    Weights and inputs are rounded to ``fraction`` fractional bits. Batch norms and other constants join the weights
    beside them, a bias joins its product, sum pooling is done before the one opening that a linear layer needs, and the
    pool's division by its window joins the truncation (powers of two) or the next layer's weights (all else). For each
    opening the widest possible value is bounded by interval arithmetic over the very integers that the parties will
    compute with, from the model's declared input range, so no value can overflow; where the owner has declared
    narrower ranges (:func:`trine.nn.calibrate`), those are relied upon.

    Args:
        model: the model in the clear.
        fraction: fractional bits of inputs, weights and intermediate values.

    Raises:
        RangeError: some layer's values cannot be proven to fit in 63 bits; the message names the layer.
        UnsupportedModelError: a layer has no private form.
    """
    model, builder = rewrite(model), Builder(fraction)
    takers = [sum(value in node.inputs for node in model.nodes) for value in range(len(model.nodes))]
    values = [_input(model, fraction)]
    for index, node in enumerate(model.nodes):
        label = f"layer {index}, {node.layer.label}"
        lowering = LOWERINGS.get(type(node.layer))
        if lowering is None:
            raise UnsupportedModelError(f"{label}: there is no private form of this layer")
        builder.sole = all(takers[value] == 1 for value in node.inputs)
        value = lowering(builder, label, node.layer, *(values[i] for i in node.inputs))
        if model.ranges and not isinstance(node.layer, InputRanges):  # clients are held to the declared ranges
            value = value.within(*model.ranges[index + 1])
        value.width(label)
        values.append(value)
    return _finished(model, builder, values[-1])


def _input(model: Model, fraction: int) -> Value:
    low, high = (np.ldexp(bound, fraction) for bound in model.input_range)
    shape = (1, *model.shapes[0])
    value = Value(0, False, fraction, 1.0, np.full(shape, np.floor(low)), np.full(shape, np.ceil(high)))
    value.width(f"the input of {model.input_shape}")
    return value


def _finished(model: Model, builder: Builder, output: Value) -> CompiledModel:
    """The plan, with every sharing as narrow as what follows allows."""
    if output.number != len(builder.steps):  # the last layer had nothing to do, on what is not the last value
        output = builder.raised(output, 0)
    if output.fraction < 0:
        output = builder.raised(output, -output.fraction)
    width = output.width("the output")
    needed = [1] * len(builder.steps) + [width]
    steps: list[Step] = []
    for index in reversed(range(len(builder.steps))):
        step, out = builder.steps[index], needed[index + 1]
        takes = 64
        if isinstance(step, RectifyStep | TruncateStep):
            step, takes = replace(step, out_width=out), step.width + 1
        elif isinstance(step, ReLUStep):
            step, takes = replace(step, out_width=out), max(out, step.width)
        elif isinstance(step, LeavesStep):
            step, takes = replace(step, out_width=out), step.width
        elif isinstance(step, LocalStep):
            takes = out
        for value in step.inputs:
            needed[value] = max(needed[value], takes)
        steps.append(step)
    plan = Plan(
        input_shape=model.input_shape,
        output_shape=model.output_shape,
        input_range=model.input_range,
        input_axes=model.input_axes,
        output_axes=model.output_axes,
        **_client_side(model.nodes[0].layer),
        fraction=builder.fraction,
        output_fraction=output.fraction,
        output_gain=output.gain,
        output_width=width,
        steps=tuple(reversed(steps)),
    )
    return CompiledModel(plan, [tensor for index in range(len(steps)) for tensor in builder.tensors[index]])


def _client_side(layer: Layer) -> dict[str, Any]:
    """What the plan says of a first layer that is the client's work."""
    if isinstance(layer, OneHot):
        return {"tokens": layer.size}
    if isinstance(layer, InputRanges):
        low, high = tuple(layer.low.tolist()), tuple(layer.high.tolist())
        return {"input_low": low, "input_high": high, "input_size": layer.size, "input_single": layer.single}
    return {}
