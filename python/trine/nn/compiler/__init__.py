"""The compiler: a model in the clear becomes a public plan and secret tensors."""

from trine.nn.compiler.calibrate import calibrate
from trine.nn.compiler.compile import CompiledModel, compile

__all__ = ["CompiledModel", "calibrate", "compile"]
