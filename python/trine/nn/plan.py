"""The public half of a private model: its steps, shapes and number formats, without a single weight."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trine.errors import InputError, ProtocolError, RangeError, ShapeError, TrineError
from trine.mpc.party import Ring
from trine.mpc.session import overlapping_rounds
from trine.net import Cost
from trine.nn.steps import STEPS, PoolStep, ReLUStep, Step
from trine.ring import FixedPoint
from trine.ring.fixed import real_array
from trine.ring.pack import low_bits

__all__ = ["Plan"]

VERSION = 1
CHUNK_ELEMENTS = 1 << 19
NAMES = {step: name for name, step in STEPS.items()}


@dataclass(frozen=True)
class Plan:
    """What everybody may know of a private model: parties run it, clients encode and decode by it.

    Widths in the steps come from proven bounds on the model's intermediate values, so they tell a few
    bits about the weights' size (the logarithm of a norm for each layer), and nothing else about them.

    Attributes:
        input_shape: shape of one input.
        output_shape: shape of one output.
        input_range: every input value lies between these two numbers.
        fraction: fractional bits of an input.
        output_fraction: fractional bits of an output.
        output_gain: an output is to be multiplied by this.
        output_width: outputs are shared modulo 2^output_width, as signed numbers.
        steps: what is done, in order.
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_range: tuple[float, float]
    fraction: int
    output_fraction: int
    output_gain: float
    output_width: int
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        shape: tuple[int, ...] = self.input_shape
        for step, additive in zip(self.steps, self._additive(), strict=True):
            if additive and (step.linear or isinstance(step, ReLUStep)):
                raise InputError(f"{step} cannot take what a linear step leaves")
            if isinstance(step, PoolStep) and step.bias and not additive:
                raise InputError(f"{step} can only add its bias to what a linear step leaves")
            shape = step.shape(shape)
        if shape != self.output_shape:
            raise ShapeError(f"the steps lead to shape {shape}, not {self.output_shape}")

    @property
    def tensors(self) -> list[tuple[int, ...]]:
        """Shapes of the secret tensors, in the order in which the steps use them."""
        return [shape for step in self.steps for shape in step.tensors()]

    def cost(self, batch: int = 1) -> Cost:
        """Rounds, and bytes of all parties together, of one inference; input and output not counted."""
        sizes = self.chunks(batch)
        costs = [self._cost(size) for size in sizes]
        return Cost(overlapping_rounds([c.rounds for c in costs]), sum(c.bytes for c in costs))

    def chunks(self, batch: int) -> list[int]:
        """The sizes of the parts in which a batch is computed, so that one computes while another's messages travel.

        A part opens at most ``CHUNK_ELEMENTS`` numbers at a time (or is a single input): what it works on stays in the
        processor's cache, and the memory that a batch takes does not grow with it.
        """
        most = max((math.prod(shape) for step, shape, _ in self.walk() if step.opens), default=1)
        count = min(batch, -(-batch * most // CHUNK_ELEMENTS))
        return [batch * (i + 1) // count - batch * i // count for i in range(count)]

    def walk(self) -> Iterator[tuple[Step, tuple[int, ...], bool]]:
        """Every step with the shape of one input of it, and whether that comes in additive parts."""
        shape = self.input_shape
        for step, additive in zip(self.steps, self._additive(), strict=True):
            yield step, shape, additive
            shape = step.shape(shape)

    def _cost(self, batch: int) -> Cost:
        return sum((step.cost(batch, shape, additive) for step, shape, additive in self.walk()), Cost())

    def _additive(self) -> Iterator[bool]:
        """For each step, whether what it takes is in additive parts."""
        additive = False
        for step in self.steps:
            yield additive
            additive = step.linear or (additive and not step.opens)

    def encode_input(self, x: ArrayLike) -> Ring:
        """Inputs as ring elements.

        Args:
            x: one input of shape ``input_shape``, or a batch ``(N, *input_shape)``; values within ``input_range``.

        Returns:
            uint64 ``(N, *input_shape)``; N is 1 for one input.

        Raises:
            ShapeError: the shape is another.
            DtypeError, NotFiniteError, RangeError: the values cannot be used.
        """
        values = real_array(x)
        if values.shape == self.input_shape:
            values = values[np.newaxis]
        if values.shape[1:] != self.input_shape or not len(values):
            raise ShapeError(
                f"the model takes inputs of shape {self.input_shape} or a batch (N, "
                f"{', '.join(map(str, self.input_shape))}), not {values.shape}"
            )
        low, high = self.input_range
        if values.min() < low or values.max() > high:
            raise RangeError(
                f"an input lies outside [{low:g}, {high:g}], the model's declared range: "
                "scale inputs as the training data were"
            )
        return FixedPoint(self.fraction).encode(values)

    def decode_output(self, total: Ring) -> NDArray[np.float64]:
        """The model's outputs from the sum of the parties' parts, ``(N, *output_shape)``."""
        unused = np.uint64(64 - self.output_width)
        signed = (total << unused).view(np.int64) >> unused.astype(np.int64)
        return np.ldexp(signed.astype(np.float64), -self.output_fraction) * self.output_gain

    def combine(self, parts: Sequence[Ring]) -> NDArray[np.float64]:
        """The outputs behind the three parties' parts."""
        total = parts[0] + parts[1] + parts[2]
        return self.decode_output(low_bits(total, self.output_width))

    def to_json(self) -> str:
        """The plan as JSON; the same plan gives the same text."""
        fields = {name: value for name, value in vars(self).items() if name != "steps"}
        steps = [{"step": NAMES[type(step)], **asdict(step)} for step in self.steps]
        return json.dumps({"version": VERSION, **fields, "steps": steps}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Read a plan.

        Raises:
            ProtocolError: this is no plan, or one of another version.
        """
        try:
            fields = json.loads(text)
            if fields.pop("version") != VERSION:
                raise InputError(f"its version is not {VERSION}")
            steps = tuple(_step(entry) for entry in fields.pop("steps"))
            plan = cls(**{name: _tupled(value) for name, value in fields.items()}, steps=steps)
            plan._check()
        except (TrineError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ProtocolError(f"this is not a plan: {error}") from None
        return plan

    def _check(self) -> None:
        FixedPoint(self.fraction)
        low, high = self.input_range
        if not (1 <= self.output_width <= 64 and 0 <= self.output_fraction <= 64 and low <= high):
            raise InputError("its formats are out of range")
        if not np.isfinite([low, high, self.output_gain]).all():
            raise InputError("its numbers must be finite")


def _step(entry: dict[str, Any]) -> Step:
    step = STEPS[entry.pop("step")](**{name: _tupled(value) for name, value in entry.items()})
    for name, value in vars(step).items():
        for number in value if isinstance(value, tuple) else (value,):
            if not isinstance(number, int) or not 0 <= number < 1 << 31:
                raise InputError(f"{name} of a step is {value!r}, not made of counts")
    return step


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
