"""The steps a private model is made of: what each does to shares, and what is public about it.

Between steps a value is either a replicated sharing or this party's additive part of one (what a product leaves before
it is reshared). Linear steps take the first to the second; Truncate and Rectify lead back, with one opening.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from trine import _core
from trine.errors import InputError, ShapeError
from trine.mpc import cost
from trine.mpc.arithmetic import PackedOperand, conv2d_shape, local_conv2d, local_matmul, pack_operand
from trine.mpc.compare import draw_rectify, draw_sign_products, rectify, relu
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Randomness
from trine.mpc.truncation import draw_truncation, truncate
from trine.net import Cost

__all__ = [
    "STEPS",
    "Conv2DStep",
    "DenseStep",
    "FlattenStep",
    "PoolStep",
    "ReLUStep",
    "RectifyStep",
    "Step",
    "Tensor",
    "TruncateStep",
]

Shape = tuple[int, ...]
Value = Replicated | Ring
Tensor = Replicated | PackedOperand


@dataclass(frozen=True)
class Step:
    """One step; its fields are public and go to all parties and clients."""

    linear: ClassVar[bool] = False  # takes a replicated sharing, leaves additive parts
    opens: ClassVar[bool] = False  # leaves a replicated sharing

    def tensors(self) -> list[Shape]:
        """Shapes of the secret tensors (weights, then bias) that the step uses up."""
        return []

    def pack(self, tensors: Sequence[Replicated]) -> list[Tensor]:
        """The tensors in the form that many queries read fastest: what is multiplied by is packed once."""
        return [pack_operand(tensors[0]), *tensors[1:]] if self.linear else list(tensors)

    def shape(self, given: Shape) -> Shape:
        """Shape of the result for one input of shape ``given``.

        Raises:
            ShapeError: the step does not take such an input.
        """
        return given

    def cost(self, batch: int, given: Shape, additive: bool) -> Cost:
        """Communication for a batch of inputs of shape ``given``, replicated or additive."""
        return Cost()

    def draw(self, party: Party, batch: int, given: Shape, additive: bool) -> Randomness | None:
        """The randomness that :meth:`run` will use up, to be dealt yet; None for a local step."""
        return None

    def run(self, party: Party, x: Value, tensors: Sequence[Tensor], random: Any = None) -> Protocol[Value]:
        """Run the step on a batch; a local step has no rounds.

        Args:
            random: from :meth:`draw`, and dealt; made on the way if not given.
        """
        yield from ()
        return self.apply(x, tensors)

    def apply(self, x: Value, tensors: Sequence[Tensor]) -> Value:
        """The whole of a local step."""
        raise NotImplementedError


@dataclass(frozen=True)
class Conv2DStep(Step):
    """Convolution by a secret kernel (KH, KW, C, O); leaves additive parts; local."""

    linear = True

    kernel: tuple[int, int, int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    bias: bool

    def tensors(self) -> list[Shape]:
        return [self.kernel, (self.kernel[3],)] if self.bias else [self.kernel]

    def shape(self, given: Shape) -> Shape:
        return conv2d_shape((1, *given), self.kernel, self.stride, self.padding)[1:]

    def apply(self, x: Value, tensors: Sequence[Tensor]) -> Value:
        assert isinstance(x, Replicated)
        return _plus_bias(local_conv2d(x, tensors[0], self.stride, self.padding), tensors[1:])


@dataclass(frozen=True)
class DenseStep(Step):
    """Product by a secret matrix (inputs, outputs); leaves additive parts; local."""

    linear = True

    weights: tuple[int, int]
    bias: bool

    def tensors(self) -> list[Shape]:
        return [self.weights, (self.weights[1],)] if self.bias else [self.weights]

    def shape(self, given: Shape) -> Shape:
        if given != (self.weights[0],):
            raise ShapeError(f"a dense step of {self.weights} does not take {given}")
        return (self.weights[1],)

    def apply(self, x: Value, tensors: Sequence[Tensor]) -> Value:
        assert isinstance(x, Replicated)
        return _plus_bias(local_matmul(x, tensors[0]), tensors[1:])


@dataclass(frozen=True)
class PoolStep(Step):
    """Sum over windows (the division is left to a later truncation or product); local.

    A product's bias is cheaper to add here than before: ``bias`` channels of it, or 0 for none.
    """

    window: tuple[int, int]
    stride: tuple[int, int]
    bias: int = 0

    def tensors(self) -> list[Shape]:
        return [(self.bias,)] if self.bias else []

    def shape(self, given: Shape) -> Shape:
        fits = len(given) == 3 and self.window[0] <= given[0] and self.window[1] <= given[1]
        if not fits or min(self.window + self.stride) < 1:
            raise ShapeError(f"windows of {self.window} in steps of {self.stride} do not fit {given}")
        if self.bias not in (0, given[2]):
            raise ShapeError(f"a bias of {self.bias} channels does not fit {given}")
        rows, columns = ((given[i] - self.window[i]) // self.stride[i] + 1 for i in (0, 1))
        return rows, columns, given[2]

    def apply(self, x: Value, tensors: Sequence[Tensor]) -> Value:
        return x.map(self._sum) if isinstance(x, Replicated) else _plus_bias(self._sum(x), tensors)

    def _sum(self, x: Ring) -> Ring:
        out = np.empty((len(x), *self.shape(x.shape[1:])), np.uint64)
        _core.z2k_sumpool(np.ascontiguousarray(x), out, self.window, self.stride)
        return out


@dataclass(frozen=True)
class FlattenStep(Step):
    """One row for each input; local."""

    def shape(self, given: Shape) -> Shape:
        return (math.prod(given),)

    def apply(self, x: Value, tensors: Sequence[Tensor]) -> Value:
        return x.map(_flat) if isinstance(x, Replicated) else _flat(x)


@dataclass(frozen=True)
class TruncateStep(Step):
    """Division by 2^shift of numbers of ``width`` signed bits: :func:`trine.mpc.truncation.truncate`."""

    opens = True
    shift: int
    width: int
    out_width: int

    def __post_init__(self) -> None:
        if not (1 <= self.shift < self.width <= 63 and 1 <= self.out_width <= 64):
            raise InputError(f"{self} is impossible")

    def cost(self, batch: int, given: Shape, additive: bool) -> Cost:
        return cost.truncate(batch * math.prod(given), self.shift, self.width, self.out_width, additive)

    def draw(self, party: Party, batch: int, given: Shape, additive: bool) -> Randomness:
        return draw_truncation(party, (batch, *given), self.shift, self.width, self.out_width, additive=additive)

    def run(self, party: Party, x: Value, tensors: Sequence[Tensor], random: Any = None) -> Protocol[Value]:
        return (yield from truncate(party, x, self.shift, self.width, self.out_width, random))


@dataclass(frozen=True)
class RectifyStep(Step):
    """Truncation and ReLU in one: :func:`trine.mpc.compare.rectify`."""

    opens = True
    shift: int
    width: int
    out_width: int

    def __post_init__(self) -> None:
        if not (1 <= self.shift < self.width - 1 <= 62 and 1 <= self.out_width <= 64):
            raise InputError(f"{self} is impossible")

    def cost(self, batch: int, given: Shape, additive: bool) -> Cost:
        return cost.rectify(batch * math.prod(given), self.shift, self.width, self.out_width, additive)

    def draw(self, party: Party, batch: int, given: Shape, additive: bool) -> Randomness:
        return draw_rectify(party, (batch, *given), self.shift, self.width, self.out_width, additive=additive)

    def run(self, party: Party, x: Value, tensors: Sequence[Tensor], random: Any = None) -> Protocol[Value]:
        return (yield from rectify(party, x, self.shift, self.width, self.out_width, random))


@dataclass(frozen=True)
class ReLUStep(Step):
    """ReLU of numbers that need no truncation: :func:`trine.mpc.compare.relu`."""

    width: int
    out_width: int

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 64 and 1 <= self.out_width <= 64):
            raise InputError(f"{self} is impossible")

    def cost(self, batch: int, given: Shape, additive: bool) -> Cost:
        return cost.relu(batch * math.prod(given), self.width, self.out_width)

    def draw(self, party: Party, batch: int, given: Shape, additive: bool) -> Randomness:
        return draw_sign_products(party, (batch, *given), self.width, self.out_width)

    def run(self, party: Party, x: Value, tensors: Sequence[Tensor], random: Any = None) -> Protocol[Value]:
        assert isinstance(x, Replicated)
        return (yield from relu(party, x, self.width, self.out_width, random))


STEPS: dict[str, type[Step]] = {
    "conv2d": Conv2DStep,
    "dense": DenseStep,
    "pool": PoolStep,
    "flatten": FlattenStep,
    "truncate": TruncateStep,
    "rectify": RectifyStep,
    "relu": ReLUStep,
}


def _plus_bias(part: Ring, bias: Sequence[Tensor]) -> Ring:
    for share in bias:
        assert isinstance(share, Replicated)
        part += share.a
    return part


def _flat(x: Ring) -> Ring:
    return x.reshape(len(x), -1)
