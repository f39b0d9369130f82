"""How much is measured: sizes, and how many turns each comparison gets."""

from __future__ import annotations

from dataclasses import dataclass

from trine.bench.turns import Pace

__all__ = ["FULL", "QUICK", "Mode"]


@dataclass(frozen=True)
class Mode:
    """Sizes and turns.

    Attributes:
        matrix: K1, K3 and K7 multiply matrices of so many rows and columns.
        slow_matrix: K2, whose other sides take seconds at 1024.
        elements: K6.
        fill: bytes of one PRG fill, K5.
        batch: images in K4, K7 and W2.
        secret_matrix: W4.
        relu: elements in W5.
        sample: a kernel is called again and again for so many seconds to make one sample.
        kernels, slow_kernels, query, batch_query, operation: turns of K1 and K4 to K7, K2 and K3, W1, W2, and W4 to W7.
    """

    name: str
    matrix: int
    slow_matrix: int
    elements: int
    fill: int
    batch: int
    secret_matrix: int
    relu: int
    sample: float
    kernels: Pace
    slow_kernels: Pace
    query: Pace
    batch_query: Pace
    operation: Pace


QUICK = Mode(
    name="quick",
    matrix=1024,
    slow_matrix=512,
    elements=10**7,
    fill=1 << 20,
    batch=128,
    secret_matrix=1024,
    relu=10**6,
    sample=0.05,
    kernels=Pace(warm_up=1, least=5, most=7, seconds=3.0),
    slow_kernels=Pace(warm_up=1, least=5, most=5),
    query=Pace(warm_up=2, least=5, most=30, seconds=8.0),
    batch_query=Pace(warm_up=1, least=5, most=5),
    operation=Pace(warm_up=1, least=5, most=5),
)
FULL = Mode(
    name="full",
    matrix=1024,
    slow_matrix=1024,
    elements=10**7,
    fill=1 << 20,
    batch=128,
    secret_matrix=1024,
    relu=10**6,
    sample=0.1,
    kernels=Pace(warm_up=2, least=15, most=31, seconds=15.0),
    slow_kernels=Pace(warm_up=1, least=5, most=9, seconds=30.0),
    query=Pace(warm_up=2, least=15, most=50, seconds=30.0),
    batch_query=Pace(warm_up=2, least=7, most=15, seconds=30.0),
    operation=Pace(warm_up=1, least=5, most=11, seconds=30.0),
)
