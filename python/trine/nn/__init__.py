"""Models: what they compute, in the clear and in three parties' hands."""

from trine.nn.compiler import CompiledModel, compile
from trine.nn.infer import infer
from trine.nn.keras import from_keras
from trine.nn.layers import AvgPool2D, Conv2D, Dense, Flatten, ReLU
from trine.nn.model import Sequential
from trine.nn.plan import Plan

__all__ = [
    "AvgPool2D",
    "CompiledModel",
    "Conv2D",
    "Dense",
    "Flatten",
    "Plan",
    "ReLU",
    "Sequential",
    "compile",
    "from_keras",
    "infer",
]
