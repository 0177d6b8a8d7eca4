"""The arrays that a candidate is timed on, and the answer that it must give.

In: a `Workload` and a seed. Out: a `ReferenceCase`: inputs, and the outputs that the operators' numpy references give, composed over the
group. Next: `measure/verify.py` compares a candidate's outputs with them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.errors import TilewrightError
from compiler.ops import get_operator
from compiler.workload import Workload
from measure.errors import MeasureError

INDEXING_OPS = frozenset({"gather", "gather_elements"})  # input 1 holds indices into the axis `axis` of input 0
PLAIN_INTEGERS = (1, 8)  # other integers: small, and no zero that something is divided by

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ReferenceCase:
    """inputs: one array per argument, in its dtype. outputs: what the workload computes from them."""

    workload: Workload
    seed: int
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]

    @property
    def size_bytes(self) -> int:
        return sum(array.nbytes for array in (*self.inputs, *self.outputs))


def make_reference_case(workload: Workload, seed: int) -> ReferenceCase:
    """Inputs in [-1, 1), or in [0.5, 1.5) if those lead outside of a function's domain (log, sqrt, acosh)."""
    with np.errstate(all="ignore"):
        case = _compute(workload, seed, low=-1.0)
        if all(_is_finite(output) for output in case.outputs):
            return case
        positive = _compute(workload, seed, low=0.5)
    return positive if all(_is_finite(output) for output in positive.outputs) else case


def _compute(workload: Workload, seed: int, low: float) -> ReferenceCase:
    rng = np.random.default_rng(seed)
    extents = _index_extents(workload)
    inputs = tuple(
        _draw(rng, argument.type.shape, argument.type.dtype, low, extents.get(position))
        for position, argument in enumerate(workload.arguments)
    )
    return ReferenceCase(workload, seed, inputs, _evaluate(workload, inputs))


def _draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any], low: float, extent: int | None) -> Array:
    match dtype.kind:
        case "f":
            draws = rng.random(shape, dtype=np.float64 if dtype.itemsize == 8 else np.float32)
            scale = 2.0 if low < 0 else 1.0
            return np.asarray(draws * draws.dtype.type(scale) + draws.dtype.type(low), dtype)
        case "b":
            return rng.random(shape) < 0.5
        case "i" | "u":
            first, past = (0, extent) if extent is not None else PLAIN_INTEGERS
            return rng.integers(first, past, shape, dtype)
    raise MeasureError(f"no test values for dtype {dtype}; known: floats, integers, bool")


def _index_extents(workload: Workload) -> dict[int, int]:
    """For every argument that an indexing operator reads its indices from: how many there are to choose from."""
    extents: dict[int, int] = {}
    for op in workload.ops:
        if op.op in INDEXING_OPS and op.inputs[0][0] == op.inputs[1][0] == "arg":
            extents[op.inputs[1][1]] = workload.arguments[op.inputs[0][1]].type.shape[op.attributes["axis"]]
    return extents


def _evaluate(workload: Workload, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
    computed: list[tuple[Array, ...]] = []
    for op in workload.ops:
        arrays = [inputs[index] if source == "arg" else computed[index][0] for source, index in op.inputs]
        try:
            computed.append(get_operator(op.op).reference(arrays, op.attributes))
        except TilewrightError as error:
            raise MeasureError(f"no reference for {workload}: {error}") from error
    return computed[-1]


def _is_finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
