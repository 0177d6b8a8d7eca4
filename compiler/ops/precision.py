"""How references compute: float64 inside where the tensor is float32, the declared dtype outside."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.ops.operator import Array, Attributes

Reference = Callable[[Sequence[Array], Attributes], tuple[Array, ...]]


def widen(array: Array) -> Array:
    """Floats as float64, anything else as it is."""
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def narrow(array: Any, dtype: np.dtype[Any]) -> Array:
    """`array` in `dtype`; values beyond its range become infinite."""
    return np.asarray(array).astype(dtype)


def in_float64(body: Callable[[Sequence[Array], Attributes], Any]) -> Reference:
    """A one-output reference whose `body` sees widened arrays; its result gets the dtype of the first input. No warnings."""

    def reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            return (narrow(body([widen(array) for array in arrays], attributes), arrays[0].dtype),)

    return reference
