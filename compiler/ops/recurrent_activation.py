"""The activations inside recurrent cells, as expressions and as functions of arrays. Used by `lstm.py` and `gru.py`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.errors import UnsupportedOperator
from compiler.ops.operator import Array
from compiler.ops.type_rules import require, require_kind, require_same_dtype
from compiler.te import Expr, call, maximum, minimum
from compiler.tensor_type import TensorType

EXPRESSIONS: dict[str, Callable[[Expr], Expr]] = {
    "sigmoid": lambda x: call("sigmoid", x),
    "tanh": lambda x: call("tanh", x),
    "relu": lambda x: maximum(x, 0),
}
FUNCTIONS: dict[str, Callable[[Array], Any]] = {
    "sigmoid": lambda x: np.exp(-np.logaddexp(0.0, -x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}


def require_cell(op: str, inputs: Sequence[TensorType], shapes: Sequence[tuple[int, ...]], activations: Sequence[str], count: int) -> None:
    """The inputs are floats of these shapes, and `count` activations are known."""
    require_kind(op, inputs, "f")
    require_same_dtype(op, inputs)
    found = tuple(each.shape for each in inputs)
    require(found == tuple(shapes), op, f"needs shapes {', '.join(str(list(shape)) for shape in shapes)}", inputs)
    unknown = [name for name in activations if name not in EXPRESSIONS]
    if unknown or len(activations) != count:
        known = ", ".join(EXPRESSIONS)
        raise UnsupportedOperator(f"{op}: activations {', '.join(activations)} are not {count} of the known ones: {known}")


def activate(name: str, x: Expr, clip: float | None) -> Expr:
    return EXPRESSIONS[name](x if clip is None else minimum(maximum(x, -clip), clip))


def activate_array(name: str, x: Array, clip: float | None) -> Array:
    result: Array = FUNCTIONS[name](x if clip is None else np.clip(x, -clip, clip))
    return result
