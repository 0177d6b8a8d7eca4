"""What an operator is, and the registry of all operators.

An operator has a shape rule, a tensor expression and a numpy reference. Attributes are plain JSON values (numbers, strings, tuples of
them) in a dict whose keys the operator's docstring lists; every key is always present (the frontend fills in defaults). `constant_inputs`
lists the positions of inputs whose *values* the operator needs at compile time as attributes, never as tensors: there are none left once
the frontend has built the graph (a reshape's target is the attribute `shape`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.te import Tensor
from compiler.tensor_type import TensorType

Attributes = Mapping[str, Any]
Array = NDArray[Any]


class FusionKind(StrEnum):
    """What the fusion pass may do with an operator."""

    ELEMENTWISE = "elementwise"  # out[i] from in[i] of the same shape or broadcast: joins as epilogue or prologue
    INJECTIVE = "injective"  # one output element from one input element at another index (transpose, slice): a prologue of elementwise
    REDUCTION = "reduction"  # an anchor that takes elementwise epilogues (pools, reductions)
    ANCHOR = "anchor"  # an anchor with a space of its own (convolution, matmul)
    OPAQUE = "opaque"  # stands alone (softmax, LSTM cell)
    VIEW = "view"  # the same bytes under another shape: no kernel at all (reshape, flatten, squeeze)


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the graph.

    infer_types(inputs, attributes) -> output types; raises `ShapeError` with the offending shapes.
    compute(name, inputs, attributes) -> output tensors; the (first) output is called `name`, inner stages `{name}.{stage}`.
    reference(arrays, attributes) -> output arrays, computed in float64 where the input is float32, cast back to the declared dtype.
    """

    name: str
    fusion: FusionKind
    infer_types: Callable[[Sequence[TensorType], Attributes], tuple[TensorType, ...]]
    compute: Callable[[str, Sequence[Tensor], Attributes], tuple[Tensor, ...]]
    reference: Callable[[Sequence[Array], Attributes], tuple[Array, ...]]


OPERATORS: dict[str, Operator] = {}


def register_operator(operator: Operator) -> Operator:
    if operator.name in OPERATORS:
        raise ValueError(f"operator {operator.name!r} is registered twice")
    OPERATORS[operator.name] = operator
    return operator


def get_operator(name: str) -> Operator:
    if name not in OPERATORS:
        raise KeyError(f"unknown operator {name!r}; known: {', '.join(sorted(OPERATORS))}")
    return OPERATORS[name]


def scalar_type(value: Any) -> np.dtype[Any]:
    """The dtype of a scalar attribute as the graph stores it."""
    return np.asarray(value).dtype
