"""Arrays out of ONNX's messages, and nodes of constants computed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trine.errors import InputError, UnsupportedModelError

__all__ = ["LARGEST", "attributes", "folded", "tensor_array"]

# Entries of the largest array that is computed on the way: a file of a few bytes could ask for any size.
LARGEST = 2**26

# What is computed where it does not depend on the input, beside the arithmetic in ELEMENTWISE.
FOLDED = (
    *("Shape", "Size", "Gather", "Concat", "Slice", "Squeeze", "Unsqueeze", "Reshape", "Transpose", "Identity"),
    *("Cast", "CastLike", "Constant", "ConstantOfShape", "Expand", "Range", "Split", "Flatten", "Tile"),
    *("Sqrt", "Reciprocal", "Neg", "Abs", "Floor", "Ceil", "Not", "Exp", "Log", "Erf", "Tanh", "Sigmoid"),
    *("ReduceProd", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "MatMul", "Dropout"),
)
ELEMENTWISE = (
    *("Add", "Sub", "Mul", "Div", "Mod", "Pow", "Min", "Max", "Equal", "Less", "Greater", "Where", "And", "Or"),
    *("LessOrEqual", "GreaterOrEqual"),
)


def tensor_array(tensor: Any, directory: Path | None) -> npt.NDArray[Any]:
    """The numbers of a TensorProto; those in a file beside the model are read from its directory alone."""
    import onnx

    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape):
        raise InputError(f"tensor {tensor.name!r} has shape {shape}")
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        array: npt.NDArray[Any] = onnx.numpy_helper.to_array(tensor)
        return array
    if directory is None:
        raise InputError(f"tensor {tensor.name!r} lies in another file: pass the model's path")
    entries = {entry.key: entry.value for entry in tensor.external_data}
    root = directory.resolve()
    path = (root / entries.get("location", "")).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise InputError(
            f"tensor {tensor.name!r} lies in {entries.get('location')!r}, which is no file beside the model"
        )
    kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if kind.kind not in "biuf":
        raise UnsupportedModelError(f"tensor {tensor.name!r} holds {kind}")
    offset, count = int(entries.get("offset", 0)), math.prod(shape)
    if offset < 0 or offset + count * kind.itemsize > path.stat().st_size:
        raise InputError(f"tensor {tensor.name!r} does not fit into {path.name}")
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(count * kind.itemsize)
    return np.frombuffer(data, kind.newbyteorder("<")).reshape(shape).astype(kind)


def attributes(node: Any, directory: Path | None) -> dict[str, Any]:
    """A node's attributes by name: numbers, strings, lists and arrays."""
    import onnx

    values: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            raise UnsupportedModelError("a graph within a node")
        value = onnx.helper.get_attribute_value(attribute)
        if attribute.type == onnx.AttributeProto.TENSOR:
            value = tensor_array(value, directory)
        values[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return values


def folded(onnx: Any, node: Any, inputs: list[Any], opset: int, directory: Path | None) -> list[Any]:
    """What a node gives for constants, by the reference of the onnx package."""
    if node.op_type not in FOLDED and node.op_type not in ELEMENTWISE:
        raise UnsupportedModelError("this operator is not supported for constants")
    given = attributes(node, directory)
    if node.op_type == "Constant":
        if len(given) != 1 or not isinstance(value := next(iter(given.values())), (np.ndarray, int, float, list)):
            raise UnsupportedModelError("a constant that is no array of numbers")
        return [np.asarray(value, None if isinstance(value, np.ndarray) else _plain(value))]
    arrays = [None if value is None else np.asarray(value) for value in inputs]
    if _size(node.op_type, arrays) > LARGEST:
        raise UnsupportedModelError(f"a constant of more than {LARGEST} numbers")
    names = [name if value is not None else "" for name, value in zip(node.input, arrays, strict=True)]
    feeds = {name: value for name, value in zip(names, arrays, strict=True) if value is not None}
    helper = onnx.helper
    graph = helper.make_graph(
        [node],
        "constants",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in feeds.items()
        ],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in node.output if name],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    with np.errstate(all="ignore"):
        results = onnx.reference.ReferenceEvaluator(model).run(None, feeds)
    return [np.asarray(result) for result in results]


def _plain(value: Any) -> Any:
    whole = isinstance(value, int) or (isinstance(value, list) and all(isinstance(item, int) for item in value))
    return np.int64 if whole else np.float32


def _size(kind: str, arrays: list[Any]) -> float:
    """How many numbers a node gives, at most."""
    known = [array for array in arrays if array is not None]
    if kind == "ConstantOfShape":
        return _product(known[0])
    if kind == "Expand":
        return _product(np.maximum(known[1], 1)) * float(known[0].size)
    if kind == "Tile":
        return _product(known[1]) * float(known[0].size)
    if kind == "Range":
        start, stop, step = (float(array.reshape(())) for array in known)
        return abs(stop - start) / abs(step) if step else math.inf
    if kind in ELEMENTWISE:
        return _product(np.broadcast_shapes(*(array.shape for array in known)))
    if kind == "MatMul":
        return float(known[0].size) * float(known[1].shape[-1])
    if kind == "Gather":
        return float(known[0].size) * float(known[1].size)
    return float(sum(array.size for array in known))


def _product(sizes: Any) -> float:
    return float(math.prod(float(size) for size in np.reshape(sizes, -1)))
