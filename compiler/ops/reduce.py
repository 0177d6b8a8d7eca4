"""Reductions over any axes, and the index of an extreme value.

Operators and attributes
    reduce_sum reduce_prod reduce_l1 reduce_sum_square                    floats and integers
    reduce_max reduce_min                                                 and bools
    reduce_mean reduce_l2 reduce_log_sum reduce_log_sum_exp               floats
        axes (sorted tuple of non-negative numbers; none: nothing is reduced, only the function around the sum is applied)
        keepdims (bool)
    argmax argmin                                                         floats and integers to int64
        axis (non-negative), keepdims (bool), select_last_index (bool: which of equal values counts)

Stages: `{name}.sum` and `{name}` where the sum goes through a function; reduce_log_sum_exp has `{name}.max` before them, argmax and argmin
have `{name}.max` or `{name}.min`. An empty set reduces to the combiner's identity.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import in_float64
from compiler.ops.type_rules import require, require_axis, require_count, require_kind
from compiler.te import (
    Axis,
    Combiner,
    Const,
    Expr,
    Reduce,
    Tensor,
    call,
    compute,
    equal,
    max_over,
    min_over,
    reduce_axis,
    select,
)
from compiler.tensor_type import INT64, TensorType


@dataclass(frozen=True, slots=True)
class Reduction:
    """`after(combine of before(x), number of elements)`; `function(array, axes, keepdims)` is the same in numpy."""

    combiner: Combiner
    function: Callable[[Array, tuple[int, ...], bool], Any]
    kinds: str
    before: Callable[[Expr], Expr] = lambda x: x
    after: Callable[[Expr, int], Expr] | None = None


def reduced_shape(shape: Sequence[int], axes: Sequence[int], keepdims: bool) -> tuple[int, ...]:
    return tuple(1 if axis in axes else extent for axis, extent in enumerate(shape) if keepdims or axis not in axes)


def combiner_identity(combiner: Combiner, dtype: np.dtype[Any]) -> Const:
    """What a reduction over nothing gives."""
    if combiner in ("sum", "prod"):
        return Const(dtype.type(combiner == "prod").item(), dtype)
    if dtype.kind == "f":
        return Const(float("-inf") if combiner == "max" else float("inf"), dtype)
    if dtype.kind == "b":
        return Const(combiner == "min", dtype)
    info = np.iinfo(dtype)
    return Const(int(info.min if combiner == "max" else info.max), dtype)


def reduce_stage(
    name: str, x: Tensor, axes: tuple[int, ...], keepdims: bool, combiner: Combiner, element: Callable[[tuple[Expr, ...]], Expr]
) -> Tensor:
    """The stage that combines `element(index into x)` over `axes`; its data axes are d0, d1, ... of x, its reduction axes r0, r1, ..."""
    kept = [axis for axis in range(len(x.shape)) if keepdims or axis not in axes]
    inner = {axis: reduce_axis(x.shape[axis], f"r{axis}") for axis in axes}

    def body(*index: Expr) -> Expr:
        outer = dict(zip(kept, index, strict=True))
        place = tuple(inner[axis].var if axis in inner else outer[axis] for axis in range(len(x.shape)))
        value = element(place)
        if any(x.shape[axis] == 0 for axis in axes):
            return combiner_identity(combiner, value.dtype)
        return Reduce(combiner, value, tuple(inner.values())) if axes else value

    return compute(reduced_shape(x.shape, axes, keepdims), body, name, [f"d{axis}" for axis in kept])


def _axes(name: str, inputs: Sequence[TensorType], attributes: Attributes) -> tuple[int, ...]:
    axes = tuple(attributes["axes"])
    for axis in axes:
        require_axis(name, axis, inputs)
    require(axes == tuple(sorted(set(axes))), name, f"axes must be sorted and different, not {axes}", inputs)
    return axes


def _reduction_types(name: str, kinds: str) -> Callable[[Sequence[TensorType], Attributes], tuple[TensorType, ...]]:
    def infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 1)
        require_kind(name, inputs, kinds)
        shape = reduced_shape(inputs[0].shape, _axes(name, inputs, attributes), attributes["keepdims"])
        return (TensorType(shape, inputs[0].dtype),)

    return infer_types


def _register_reduction(name: str, reduction: Reduction) -> None:
    def stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
        (x,) = inputs
        axes, keepdims, after = tuple(attributes["axes"]), attributes["keepdims"], reduction.after
        first = stage if after is None else f"{stage}.sum"
        total = reduce_stage(first, x, axes, keepdims, reduction.combiner, lambda place: reduction.before(x[place]))
        if after is None:
            return (total,)
        count = prod(x.shape[axis] for axis in axes)
        return (compute(total.shape, lambda *index: after(total[index], count), stage),)

    def reference(arrays: Sequence[Array], attributes: Attributes) -> Any:
        return reduction.function(arrays[0], tuple(attributes["axes"]), bool(attributes["keepdims"]))

    types = _reduction_types(name, reduction.kinds)
    register_operator(Operator(name, FusionKind.REDUCTION, types, stages, in_float64(reference)))


def _log_sum_exp(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    """Shifted by the largest value; an infinite one is not shifted, so that the result is infinite and not NaN."""
    (x,) = inputs
    axes, keepdims = tuple(attributes["axes"]), attributes["keepdims"]
    kept = [axis for axis in range(len(x.shape)) if keepdims or axis not in axes]
    largest = reduce_stage(f"{stage}.max", x, axes, keepdims, "max", lambda place: x[place])

    def shift(place: Sequence[Expr]) -> Expr:
        value = largest[tuple(0 if axis in axes else place[axis] for axis in kept)]
        return select(call("isinf", value), 0.0, value)

    total = reduce_stage(f"{stage}.sum", x, axes, keepdims, "sum", lambda place: call("exp", x[place] - shift(place)))

    def result(*index: Expr) -> Expr:
        value = largest[index]
        return call("log", total[index]) + select(call("isinf", value), 0.0, value)

    return (compute(total.shape, result, stage),)


def _log_sum_exp_array(arrays: Sequence[Array], attributes: Attributes) -> Any:
    (x,), axes = arrays, tuple(attributes["axes"])
    largest = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    largest = np.where(np.isinf(largest), 0.0, largest)
    total = np.log(np.sum(np.exp(x - largest), axis=axes, keepdims=True)) + largest
    return total.reshape(reduced_shape(x.shape, axes, attributes["keepdims"]))


def _register_arg(name: str, extreme: str) -> None:
    """argmax and argmin: the extreme value, then the first (or last) index where it is met."""
    over, numpy_arg = (max_over, np.argmax) if extreme == "max" else (min_over, np.argmin)

    def infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 1)
        require_kind(name, inputs, "fi")
        axis = require_axis(name, attributes["axis"], inputs)
        require(inputs[0].shape[axis] > 0, name, f"axis {axis} is empty", inputs)
        return (TensorType(reduced_shape(inputs[0].shape, (axis,), attributes["keepdims"]), INT64),)

    def stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
        (x,) = inputs
        axis, keepdims, last = attributes["axis"], attributes["keepdims"], attributes["select_last_index"]
        kept = [each for each in range(len(x.shape)) if keepdims or each != axis]
        names = [f"d{each}" for each in kept]
        shape = reduced_shape(x.shape, (axis,), keepdims)

        def at(index: tuple[Expr, ...], place: Axis) -> Expr:
            outer = dict(zip(kept, index, strict=True))
            return x[tuple(place.var if each == axis else outer[each] for each in range(len(x.shape)))]

        def value(*index: Expr) -> Expr:
            place = reduce_axis(x.shape[axis], f"r{axis}")
            return over(at(index, place), place)

        best = compute(shape, value, f"{stage}.{extreme}", names)

        def position(*index: Expr) -> Expr:
            place = reduce_axis(x.shape[axis], f"r{axis}")
            met = equal(at(index, place), best[index])
            if last:
                return max_over(select(met, place.var, 0), place)
            return min_over(select(met, place.var, x.shape[axis] - 1), place)

        return (compute(shape, position, stage, names),)

    def reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
        (x,) = arrays
        axis = attributes["axis"]
        found = numpy_arg(np.flip(x, axis) if attributes["select_last_index"] else x, axis=axis, keepdims=bool(attributes["keepdims"]))
        if attributes["select_last_index"]:
            found = x.shape[axis] - 1 - found
        return (np.asarray(found, INT64),)

    register_operator(Operator(name, FusionKind.REDUCTION, infer_types, stages, reference))


def _sqrt(total: Expr, _: int) -> Expr:
    return call("sqrt", total)


def _log(total: Expr, _: int) -> Expr:
    return call("log", total)


def _mean(total: Expr, count: int) -> Expr:
    return total * (1 / count) if count else total / 0.0


def _array_max(array: Array, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.max(array, axis=axes, keepdims=keepdims, initial=combiner_identity("max", array.dtype).value)


def _array_min(array: Array, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.min(array, axis=axes, keepdims=keepdims, initial=combiner_identity("min", array.dtype).value)


def _array_mean(array: Array, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.sum(array, axis=axes, keepdims=keepdims) / np.float64(prod(array.shape[axis] for axis in axes))


_register_reduction("reduce_sum", Reduction("sum", lambda x, axes, keep: np.sum(x, axis=axes, keepdims=keep), "fi"))
_register_reduction("reduce_prod", Reduction("prod", lambda x, axes, keep: np.prod(x, axis=axes, keepdims=keep), "fi"))
_register_reduction("reduce_max", Reduction("max", _array_max, "fib"))
_register_reduction("reduce_min", Reduction("min", _array_min, "fib"))
_register_reduction("reduce_mean", Reduction("sum", _array_mean, "f", after=_mean))
_register_reduction(
    "reduce_l1", Reduction("sum", lambda x, axes, keep: np.sum(np.abs(x), axis=axes, keepdims=keep), "fi", before=lambda x: call("abs", x))
)
_register_reduction(
    "reduce_sum_square", Reduction("sum", lambda x, axes, keep: np.sum(x * x, axis=axes, keepdims=keep), "fi", before=lambda x: x * x)
)
_register_reduction(
    "reduce_l2",
    Reduction("sum", lambda x, axes, keep: np.sqrt(np.sum(x * x, axis=axes, keepdims=keep)), "f", before=lambda x: x * x, after=_sqrt),
)
_register_reduction("reduce_log_sum", Reduction("sum", lambda x, axes, keep: np.log(np.sum(x, axis=axes, keepdims=keep)), "f", after=_log))
register_operator(
    Operator(
        "reduce_log_sum_exp",
        FusionKind.REDUCTION,
        _reduction_types("reduce_log_sum_exp", "f"),
        _log_sum_exp,
        in_float64(_log_sum_exp_array),
    )
)
_register_arg("argmax", "max")
_register_arg("argmin", "min")
