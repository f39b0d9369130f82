"""Models: what they compute, in the clear and in three parties' hands."""

from trine.nn import layers
from trine.nn.compiler import CompiledModel, compile
from trine.nn.importers.sklearn import from_sklearn
from trine.nn.infer import infer
from trine.nn.keras import from_keras
from trine.nn.layers import *  # noqa: F403
from trine.nn.model import Model, Node, Sequential
from trine.nn.plan import Plan

__all__ = [
    *layers.LAYERS,  # noqa: PLE0604
    "CompiledModel",
    "Model",
    "Node",
    "Plan",
    "Sequential",
    "compile",
    "from_keras",
    "from_sklearn",
    "infer",
    "layers",
]
