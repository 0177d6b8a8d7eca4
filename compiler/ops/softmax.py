"""Softmax and its logarithm along one axis, shifted by the largest value so that nothing overflows.

softmax(x)      attributes: axis (non-negative).   Stages {name}.max, {name}.exp, {name}.sum, {name}
log_softmax(x)  attributes: axis (non-negative).   Stages {name}.max, {name}.sum, {name}.log, {name}
The flattening softmax of ONNX before opset 13 is this one between two reshapes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.reduce import reduce_stage
from compiler.ops.type_rules import require_axis, require_count, require_kind
from compiler.te import Expr, Tensor, call, compute
from compiler.tensor_type import TensorType


def _at(tensor: Tensor, index: Sequence[Expr], axis: int) -> Expr:
    """The element of a tensor that was reduced over `axis` with its extent kept."""
    return tensor[tuple(0 if position == axis else place for position, place in enumerate(index))]


def _softmax(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,), axis = inputs, attributes["axis"]
    largest = reduce_stage(f"{stage}.max", x, (axis,), True, "max", lambda place: x[place])
    powers = compute(x.shape, lambda *index: call("exp", x[index] - _at(largest, index, axis)), f"{stage}.exp")
    total = reduce_stage(f"{stage}.sum", x, (axis,), True, "sum", lambda place: powers[place])
    return (compute(x.shape, lambda *index: powers[index] / _at(total, index, axis), stage),)


def _log_softmax(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    (x,), axis = inputs, attributes["axis"]
    largest = reduce_stage(f"{stage}.max", x, (axis,), True, "max", lambda place: x[place])
    total = reduce_stage(f"{stage}.sum", x, (axis,), True, "sum", lambda place: call("exp", x[place] - _at(largest, place, axis)))
    shift = compute(total.shape, lambda *index: call("log", total[index]), f"{stage}.log")
    return (compute(x.shape, lambda *index: x[index] - _at(largest, index, axis) - _at(shift, index, axis), stage),)


def _softmax_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    (x,), axis = arrays, attributes["axis"]
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _log_softmax_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    (x,), axis = arrays, attributes["axis"]
    shifted = x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _register(name: str, stages: Any, function: Any) -> None:
    def infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 1)
        require_kind(name, inputs, "f")
        require_axis(name, attributes["axis"], inputs)
        return (inputs[0],)

    register_operator(Operator(name, FusionKind.OPAQUE, infer_types, stages, in_float64(function)))


_register("softmax", _softmax, _softmax_array)
_register("log_softmax", _log_softmax, _log_softmax_array)
