"""The protocols of ``trine.mpc`` as operations that can be run, timed and checked by name and size.

Operands are integers with 16 fractional bits. Where a protocol asks how wide a number is, the width is what a user gets
who declares ``abs(x) < 2^15``: 32 bits before a product, the format's own 63 bits after one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trine.mpc import Party, Replicated, Session, compare, functions, share
from trine.mpc.arithmetic import local_conv2d, local_matmul, local_product, multiply
from trine.mpc.party import Ring
from trine.mpc.rounds import Protocol
from trine.mpc.truncation import truncate

__all__ = ["OPERATIONS", "Operation", "max_error", "opened", "share_operands"]

FRACTION = 16
UNIT = 2.0**-FRACTION
WIDTH, PRODUCT_WIDTH = 32, 63
# Classes of a classifier: what maximum and argmax are asked for.
CLASSES = 10
ROWS = 128  # of softmax, whose size is the number of classes
IMAGE, KERNEL = (13, 13, 16), (3, 3, 16, 32)

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Operation:
    """One protocol with its operands.

    Attributes:
        operands: clear integers for a size, always the same.
        protocol: a generator function of (party, *shares of the operands); of the clear operands if not ``shared``.
        expected: the exact result in the result's units, as float64.
        unit: what one unit of the result is worth.
        tolerance: units that the result may be off: a truncation's are below 1.
        shared: whether the operands are shared beforehand.
    """

    operands: Callable[[int], Sequence[Integers]]
    protocol: Callable[..., Protocol[Any]]
    expected: Callable[..., NDArray[Any]]
    unit: float = UNIT
    tolerance: float = 0.0
    shared: bool = True


def share_operands(session: Session, operation: Operation, size: int) -> list[Any]:
    """What the operation's protocol takes: the operands, shared by party 0 if they are to be."""
    arrays = [array.view(np.uint64) for array in operation.operands(size)]
    if not operation.shared:
        return arrays
    return [session.call(share.input_from, 0, array, array.shape) for array in arrays]


def opened(session: Session, result: Any) -> Any:
    """The operation's result in clear, whatever form it has."""
    # In a session of all three parties, the first one's form is that of all.
    form = result[0] if isinstance(result, tuple) else result
    return session.call(share.reveal, result) if isinstance(form, Replicated) else result


def max_error(operation: Operation, size: int, result: Ring) -> float:
    """The largest difference between a result in clear and the exact one, as a number (not in units)."""
    exact = operation.expected(*operation.operands(size))
    return float(np.abs(result.view(np.int64).astype(np.float64) - exact).max() * operation.unit)


def _numbers(*shape: int, bits: int = FRACTION) -> Integers:
    return np.random.default_rng(len(shape)).integers(-(1 << bits), 1 << bits, shape, np.int64)


def _wide(n: int) -> list[Integers]:
    return [_numbers(n, bits=WIDTH - 1)]


def _two(n: int) -> list[Integers]:
    return [_numbers(n), _numbers(n)[::-1].copy()]


def _rows(n: int) -> list[Integers]:
    return [_numbers(n, CLASSES, bits=WIDTH - 2)]


def _logits(classes: int) -> list[Integers]:
    return [np.rint(np.random.default_rng(0).normal(0, 5, (ROWS, classes)) / UNIT).astype(np.int64)]


def _input(party: Party, x: Ring) -> Protocol[Replicated]:
    return (yield from share.input_from(party, 0, x, x.shape))


def _reveal_to(party: Party, x: Replicated) -> Protocol[Ring | None]:
    return (yield from share.reveal_to(party, x, 0))


def _product(party: Party, x: Replicated, y: Replicated) -> Protocol[Replicated]:
    return (yield from truncate(party, local_product(x, y), FRACTION, PRODUCT_WIDTH))


def _matmul(party: Party, x: Replicated, y: Replicated) -> Protocol[Replicated]:
    return (yield from truncate(party, local_matmul(x, y), FRACTION, PRODUCT_WIDTH))


def _conv2d(party: Party, x: Replicated, w: Replicated) -> Protocol[Replicated]:
    return (yield from truncate(party, local_conv2d(x, w), FRACTION, PRODUCT_WIDTH))


def _truncate(party: Party, x: Replicated) -> Protocol[Replicated]:
    return (yield from truncate(party, x, FRACTION, PRODUCT_WIDTH))


def _nonnegative(party: Party, x: Replicated) -> Protocol[Replicated]:
    return (yield from compare.nonnegative(party, x, WIDTH))


def _relu(party: Party, x: Replicated) -> Protocol[Replicated]:
    return (yield from compare.relu(party, x, WIDTH))


def _rectify(party: Party, x: Replicated) -> Protocol[Replicated]:
    return (yield from compare.rectify(party, x, FRACTION, PRODUCT_WIDTH))


def _select(party: Party, bit: Replicated, x: Replicated, y: Replicated) -> Protocol[Replicated]:
    return (yield from compare.select(party, bit, x, y))


def _maximum(party: Party, x: Replicated) -> Protocol[Replicated]:
    return (yield from compare.maximum(party, x, WIDTH))


def _argmax(party: Party, x: Replicated) -> Protocol[Replicated]:
    index, _ = yield from compare.argmax(party, x, WIDTH)
    return index


def _softmax(party: Party, x: Replicated) -> Protocol[Replicated]:
    return (yield from functions.softmax(party, x, WIDTH, FRACTION))


def _exact_softmax(x: Integers) -> Floats:
    powers = np.exp((x - x.max(-1, keepdims=True)) * UNIT)
    return np.asarray(powers / powers.sum(-1, keepdims=True) / UNIT)


def _windows(x: Integers, w: Integers) -> Floats:
    """The convolution in float64, exact here: the sums stay far below 2^53."""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], (1, 2))
    return np.asarray(np.einsum("nijckl,klco->nijo", windows.astype(np.float64), w.astype(np.float64), optimize=True))


OPERATIONS: dict[str, Operation] = {
    "input": Operation(_wide, _input, lambda x: x, shared=False),
    "reveal": Operation(_wide, share.reveal, lambda x: x),
    "reveal-to": Operation(_wide, _reveal_to, lambda x: x),
    "multiply": Operation(_two, multiply, lambda x, y: x * y, unit=UNIT**2),
    "product": Operation(_two, _product, lambda x, y: x * y * UNIT, tolerance=1),
    "truncate": Operation(lambda n: [_numbers(n, bits=48)], _truncate, lambda x: x * UNIT, tolerance=1),
    "matmul": Operation(
        lambda n: [_numbers(n, n), _numbers(n, n).T.copy()],
        _matmul,
        lambda x, y: x.astype(np.float64) @ y.astype(np.float64) * UNIT,
        tolerance=1,
    ),
    "conv2d": Operation(
        lambda n: [_numbers(n, *IMAGE), _numbers(*KERNEL)],
        _conv2d,
        lambda x, w: _windows(x, w) * UNIT,
        tolerance=1,
    ),
    "nonnegative": Operation(_wide, _nonnegative, lambda x: x >= 0, unit=1.0),
    "relu": Operation(_wide, _relu, lambda x: np.maximum(x, 0)),
    "rectify": Operation(lambda n: [_numbers(n, bits=48)], _rectify, lambda x: np.maximum(x * UNIT, 0), tolerance=1),
    "select": Operation(lambda n: [_numbers(n) & 1, *_two(n)], _select, lambda bit, x, y: y + bit * (x - y)),
    "maximum": Operation(_rows, _maximum, lambda x: x.max(-1)),
    "softmax": Operation(_logits, _softmax, _exact_softmax, tolerance=1.2),
    "argmax": Operation(_rows, _argmax, lambda x: x.argmax(-1), unit=1.0),
}
