"""What every step of a private model is: its effect on shares, and what is public about it.

Between steps a value is either a replicated sharing or this party's additive part of one (what a product leaves before
it is reshared). Products take the first and leave the second; openings lead back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from trine.mpc.arithmetic import PackedOperand
from trine.mpc.party import Party, Replicated, Ring
from trine.mpc.rounds import Protocol, Randomness
from trine.net import Cost

__all__ = ["Form", "LocalStep", "OpeningStep", "Shape", "Step", "Tensor", "Value", "additive_part"]

Shape = tuple[int, ...]
Value = Replicated | Ring
Tensor = Replicated | PackedOperand | list[PackedOperand]


class Form(NamedTuple):
    """What is public of a value: the shape of one input's, and whether it is in additive parts."""

    shape: Shape
    additive: bool


@dataclass(frozen=True)
class Step(ABC):
    """One step; its fields are public and go to all parties and clients.

    Attributes:
        inputs: the values it takes: value 0 is the model's input, value i + 1 what step i gives.
    """

    whole: ClassVar[bool] = True  # takes replicated sharings only
    opens: ClassVar[bool] = False  # works on so much at a time that large batches are cut for it

    inputs: tuple[int, ...]

    def tensors(self) -> list[Shape]:
        """Shapes of the secret tensors that the step uses up."""
        return []

    def pack(self, tensors: Sequence[Replicated]) -> list[Tensor]:
        """The tensors in the form that many queries read fastest."""
        return list(tensors)

    @abstractmethod
    def shape(self, *given: Shape) -> Shape:
        """Shape of the result for one input of the model, from those of what the step takes.

        Raises:
            ShapeError: the step does not take such values.
        """

    @abstractmethod
    def additive(self, *given: bool) -> bool:
        """Whether the result is in additive parts, given whether its inputs are."""

    def cost(self, batch: int, *given: Form) -> Cost:
        """Communication for a batch."""
        return Cost()

    def draw(self, party: Party, batch: int, *given: Form) -> Randomness | None:
        """The randomness that the step will use up, to be dealt yet; None if it uses none, or makes its own."""
        return None


@dataclass(frozen=True)
class LocalStep(Step):
    """A step without communication."""

    @abstractmethod
    def apply(self, party: Party, values: Sequence[Any], tensors: Sequence[Any]) -> Value:
        """The whole of the step."""


@dataclass(frozen=True)
class OpeningStep(Step):
    """A step with rounds of communication, on one value; leaves a replicated sharing."""

    opens = True

    def shape(self, *given: Shape) -> Shape:
        return given[0]

    def additive(self, *given: bool) -> bool:
        return False

    @abstractmethod
    def run(
        self, party: Party, values: Sequence[Any], tensors: Sequence[Tensor], random: Any = None
    ) -> Protocol[Value]:
        """Run the step on a batch.

        Args:
            values: its inputs.
            random: from :meth:`draw`, and dealt; made on the way if not given.
        """


def additive_part(x: Value) -> Ring:
    """This party's additive part of a value; local."""
    return x.a if isinstance(x, Replicated) else x
