"""The steps that a private model is made of."""

from trine.nn.steps.base import Form, LocalStep, OpeningStep, Step, Tensor, Value, additive_part
from trine.nn.steps.functions import FunctionStep, RsqrtStep, SoftmaxStep
from trine.nn.steps.linear import Conv2DStep, DenseStep, MatMulStep, MultiplyStep, ScaleStep
from trine.nn.steps.local import (
    AddStep,
    ConcatenateStep,
    FactorStep,
    PadStep,
    PermuteStep,
    PoolStep,
    ReshapeStep,
    ShiftStep,
    SliceStep,
    SumStep,
)
from trine.nn.steps.opening import MaxPoolStep, RectifyStep, ReLUStep, TruncateStep
from trine.nn.steps.trees import ArgMaxStep, LeavesStep

# By the name that a plan's JSON has for it.
STEPS: dict[str, type[Step]] = {
    "add": AddStep,
    "argmax": ArgMaxStep,
    "concatenate": ConcatenateStep,
    "conv2d": Conv2DStep,
    "dense": DenseStep,
    "factor": FactorStep,
    "function": FunctionStep,
    "leaves": LeavesStep,
    "matmul": MatMulStep,
    "maxpool": MaxPoolStep,
    "multiply": MultiplyStep,
    "pad": PadStep,
    "permute": PermuteStep,
    "pool": PoolStep,
    "rectify": RectifyStep,
    "relu": ReLUStep,
    "reshape": ReshapeStep,
    "rsqrt": RsqrtStep,
    "scale": ScaleStep,
    "shift": ShiftStep,
    "slice": SliceStep,
    "softmax": SoftmaxStep,
    "sum": SumStep,
    "truncate": TruncateStep,
}

__all__ = [
    "STEPS",
    "AddStep",
    "ArgMaxStep",
    "ConcatenateStep",
    "Conv2DStep",
    "DenseStep",
    "FactorStep",
    "Form",
    "FunctionStep",
    "LeavesStep",
    "LocalStep",
    "MatMulStep",
    "MaxPoolStep",
    "MultiplyStep",
    "OpeningStep",
    "PadStep",
    "PermuteStep",
    "PoolStep",
    "ReLUStep",
    "RectifyStep",
    "ReshapeStep",
    "RsqrtStep",
    "ScaleStep",
    "ShiftStep",
    "SliceStep",
    "SoftmaxStep",
    "Step",
    "SumStep",
    "Tensor",
    "TruncateStep",
    "Value",
    "additive_part",
]
