"""Functions of shared numbers: each for every number of the format, with a stated error and cost.

Protocols, as all of ``trine.mpc``: generator functions of ``(party, x, width, fraction)``.
"""

from trine.mpc.functions.activations import elu, gelu, gelu_tanh, sigmoid, silu, softplus, tanh
from trine.mpc.functions.exponential import exp, exp_nonpositive
from trine.mpc.functions.quotients import divide
from trine.mpc.functions.roots import log, reciprocal, rsqrt, sqrt
from trine.mpc.functions.softmaxes import log_softmax, softmax
from trine.mpc.functions.sorting import argsort, sort, topk

__all__ = [
    "argsort",
    "divide",
    "elu",
    "exp",
    "exp_nonpositive",
    "gelu",
    "gelu_tanh",
    "log",
    "log_softmax",
    "reciprocal",
    "rsqrt",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "sort",
    "sqrt",
    "tanh",
    "topk",
]
