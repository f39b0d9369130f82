"""The public half of a private model: its steps, shapes and number formats, without a single weight."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trine.errors import InputError, ProtocolError, RangeError, ShapeError, TrineError
from trine.mpc.party import Ring
from trine.mpc.session import overlapping_rounds
from trine.net import Cost
from trine.nn.layers import InputRanges
from trine.nn.model import rearranged
from trine.nn.steps import STEPS, Form, Step
from trine.ring import FixedPoint
from trine.ring.fixed import real_array
from trine.ring.pack import low_bits

__all__ = ["Plan"]

VERSION = 2
LARGEST = 1 << 63  # of the whole numbers in a step
CHUNK_ELEMENTS = 1 << 19
NAMES = {step: name for name, step in STEPS.items()}


@dataclass(frozen=True)
class Plan:
    """What everybody may know of a private model: parties run it, clients encode and decode by it.

    Widths in the steps come from proven bounds on the model's intermediate values, or from ranges that its owner has
    declared; they tell a few bits about the weights' size (the logarithm of a norm for each layer), and nothing else.

    Attributes:
        input_shape: shape of one input.
        output_shape: shape of one output.
        input_range: every input value lies between these two numbers.
        input_axes: the order in which the steps see the input's axes.
        output_axes: the order in which a client sees the axes of what the last step gives.
        fraction: fractional bits of an input.
        output_fraction: fractional bits of an output.
        output_gain: an output is to be multiplied by this.
        output_width: outputs are shared modulo 2^output_width, as signed numbers.
        steps: what is done, each step after those whose values it takes.
        tokens: how many numbers an input value can be, if the client makes a one-hot row of each; else 0.
        input_low: the least that each value of a row can be, if the client brings each from a range of its own to a
            common one: see :class:`trine.nn.InputRanges`; else empty.
        input_high: the greatest, likewise.
        input_size: of the common range.
        input_single: whether values are rounded to float32 first.
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_range: tuple[float, float]
    input_axes: tuple[int, ...]
    output_axes: tuple[int, ...]
    fraction: int
    output_fraction: int
    output_gain: float
    output_width: int
    steps: tuple[Step, ...]
    tokens: int = 0
    input_low: tuple[float, ...] = ()
    input_high: tuple[float, ...] = ()
    input_size: float = 0.0
    input_single: bool = False

    def __post_init__(self) -> None:
        if sorted(self.input_axes) != list(range(len(self.input_shape))):
            raise InputError(f"input axes {self.input_axes} are no permutation of those of {self.input_shape}")
        last = self.forms[-1].shape
        if sorted(self.output_axes) != list(range(len(last))):
            raise InputError(f"output axes {self.output_axes} are no permutation of those of {last}")
        if tuple(last[axis] for axis in self.output_axes) != self.output_shape:
            raise ShapeError(f"the steps lead to shape {last}, not to {self.output_shape} in order {self.output_axes}")

    @cached_property
    def forms(self) -> list[Form]:
        """Shape and form of every value: the input's, and what each step gives."""
        shape = tuple(self.input_shape[axis] for axis in self.input_axes)
        forms = [Form((*shape, self.tokens) if self.tokens else shape, False)]
        for index, step in enumerate(self.steps):
            if not step.inputs or not all(0 <= value <= index for value in step.inputs):
                raise InputError(f"step {index} takes values {step.inputs}, of which 0 to {index} are there")
            given = [forms[value] for value in step.inputs]
            if step.whole and any(form.additive for form in given):
                raise InputError(f"{step} cannot take what a product leaves")
            shape = step.shape(*(form.shape for form in given))
            forms.append(Form(shape, step.additive(*(form.additive for form in given))))
        return forms

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
        most = max((math.prod(given[0].shape) for step, given in self.walk() if step.opens), default=1)
        count = min(batch, -(-batch * most // CHUNK_ELEMENTS))
        return [batch * (i + 1) // count - batch * i // count for i in range(count)]

    def walk(self) -> Iterator[tuple[Step, list[Form]]]:
        """Every step with the forms of what it takes."""
        for step in self.steps:
            yield step, [self.forms[value] for value in step.inputs]

    def _cost(self, batch: int) -> Cost:
        """What does not depend on one another shares rounds: those of the longest chain are all."""
        ends, total = [0], Cost()
        for step, given in self.walk():
            cost = step.cost(batch, *given)
            ends.append(max(ends[value] for value in step.inputs) + cost.rounds)
            total += cost
        return Cost(max(ends), total.bytes)

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
        values = rearranged(values, self.input_axes)
        if self.tokens:
            return self._one_hot(values)
        if self.input_low:
            return self._from_ranges(values)
        low, high = self.input_range
        if values.min() < low or values.max() > high:
            raise RangeError(
                f"an input lies outside [{low:g}, {high:g}], the model's declared range: "
                "scale inputs as the training data were"
            )
        return FixedPoint(self.fraction).encode(values)

    def _from_ranges(self, values: NDArray[np.float64]) -> Ring:
        outside = np.flatnonzero(((values < self.input_low) | (values > self.input_high)).any(axis=0))
        if outside.size:
            first = outside[0]
            raise RangeError(
                f"value {first} of an input lies outside [{self.input_low[first]:g}, {self.input_high[first]:g}], "
                "the range that the model declares for it"
            )
        scaled = self._ranges.forward(values).clip(-self.input_size, self.input_size)
        return FixedPoint(self.fraction).encode(scaled)

    @property
    def _ranges(self) -> InputRanges:
        return InputRanges(np.array(self.input_low), np.array(self.input_high), self.input_size, self.input_single)

    def _one_hot(self, values: NDArray[np.float64]) -> Ring:
        if (values != np.rint(values)).any() or values.min() < 0 or values.max() >= self.tokens:
            raise RangeError(f"the model takes whole numbers from 0 to {self.tokens - 1}")
        return np.asarray(values[..., np.newaxis] == np.arange(self.tokens), np.uint64) << np.uint64(self.fraction)

    def decode_output(self, total: Ring) -> NDArray[np.float64]:
        """The model's outputs from the sum of the parties' parts: float64 ``(N, *output_shape)``."""
        unused = np.uint64(64 - self.output_width)
        signed = (total << unused).view(np.int64) >> unused.astype(np.int64)
        return rearranged(
            np.ldexp(signed.astype(np.float64), -self.output_fraction) * self.output_gain, self.output_axes
        )

    def combine(self, parts: Sequence[Ring]) -> NDArray[np.float64]:
        """The outputs behind the three parties' parts."""
        total = parts[0] + parts[1] + parts[2]
        return self.decode_output(low_bits(total, self.output_width))

    def to_json(self) -> str:
        """The plan as JSON; the same plan gives the same text."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "steps"}
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
        if not 0 <= self.tokens < 1 << 31:
            raise InputError(f"its tokens cannot be {self.tokens}")
        if self.input_low:
            self._ranges.output_shape(self.input_shape)
        if not np.isfinite([low, high, self.output_gain]).all():
            raise InputError("its numbers must be finite")


def _step(entry: dict[str, Any]) -> Step:
    step = STEPS[entry.pop("step")](**{name: _tupled(value) for name, value in entry.items()})
    for name, value in vars(step).items():
        for item in value if isinstance(value, tuple) else (value,):
            if not isinstance(item, str) and not (isinstance(item, int) and abs(item) < LARGEST):
                raise InputError(f"{name} of a step is {value!r}, not made of whole numbers")
    return step


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
