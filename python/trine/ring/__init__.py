"""Numbers: the rings that shares live in, the fixed-point format, and keyed random streams."""

from trine.ring.field import SEED_PRIME, PrimeField
from trine.ring.fixed import FixedPoint
from trine.ring.prg import Prg

__all__ = ["SEED_PRIME", "FixedPoint", "Prg", "PrimeField"]
