"""Benchmarks: what trine's kernels, operations and service cost on this machine, beside other software."""

from trine.bench.rows import Limit, Results, Row, Side
from trine.bench.suite import ROWS, run

__all__ = ["ROWS", "Limit", "Results", "Row", "Side", "run"]
