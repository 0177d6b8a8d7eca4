"""Tensors defined by expressions: `placeholder`, `compute`, `reduce_axis` and the reductions, as in Halide and TVM.

>>> from compiler.te import compute, placeholder, reduce_axis, sum_over
>>> a, b = placeholder((4, 8), name="a"), placeholder((8, 6), name="b")
>>> k = reduce_axis(8, "k")
>>> c = compute((4, 6), lambda i, j: sum_over(a[i, k] * b[k, j], k), name="c", axis_names=("i", "j"))
>>> [axis.name for axis in c.definition.axes]
['c.i', 'c.j']
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.te.expr import Axis, Buffer, Combiner, Expr, Load, Operand, Reduce, Var, as_expr
from compiler.te.traverse import distinct_nodes, substitute
from compiler.tensor_type import FLOAT32, INT64, TensorType


@dataclass(frozen=True, slots=True)
class Compute:
    """One value per point of `axes`; `body` may be a `Reduce` at its root, whose axes are the reduction axes."""

    axes: tuple[Axis, ...]
    body: Expr

    @property
    def reduce_axes(self) -> tuple[Axis, ...]:
        return self.body.axes if isinstance(self.body, Reduce) else ()


@dataclass(frozen=True, slots=True)
class Tensor(Buffer):
    """A buffer with its definition; a placeholder has none."""

    definition: Compute | None = field(default=None, compare=False)

    def __getitem__(self, indices: Operand) -> Expr:
        given = indices if isinstance(indices, tuple) else (indices,)
        if len(given) != len(self.shape):
            raise ValueError(f"{self.name} has {len(self.shape)} axes, indexed with {len(given)}")
        return Load(self, tuple(as_expr(index, INT64) for index in given))

    @property
    def type(self) -> TensorType:
        return TensorType(self.shape, self.dtype)


def placeholder(shape: Sequence[int], name: str, dtype: np.dtype[Any] = FLOAT32) -> Tensor:
    """An input of the computation."""
    return Tensor(name, tuple(shape), dtype)


def reduce_axis(extent: int, name: str) -> Axis:
    """An axis that `sum_over` and its kin run over; `compute` prefixes its name with the tensor's."""
    return Axis(name, extent)


def _reduction(combiner: Combiner, value: Operand, axes: tuple[Axis, ...]) -> Expr:
    if not axes:
        raise ValueError(f"{combiner} needs at least one axis")
    return Reduce(combiner, value, axes)


def sum_over(value: Operand, *axes: Axis) -> Expr:
    return _reduction("sum", value, axes)


def prod_over(value: Operand, *axes: Axis) -> Expr:
    return _reduction("prod", value, axes)


def max_over(value: Operand, *axes: Axis) -> Expr:
    return _reduction("max", value, axes)


def min_over(value: Operand, *axes: Axis) -> Expr:
    return _reduction("min", value, axes)


def compute(shape: Sequence[int], fn: Callable[..., Operand], name: str, axis_names: Sequence[str] = ()) -> Tensor:
    """A tensor of `shape` whose value at (i, j, ...) is `fn(i, j, ...)`.

    Axes are called `{name}.{axis}`, `axis` from `axis_names` or d0, d1, ...; the dtype is the body's.
    """
    names = tuple(axis_names) or tuple(f"d{position}" for position in range(len(shape)))
    if len(names) != len(shape):
        raise ValueError(f"{name}: {len(shape)} axes but {len(names)} names")
    axes = tuple(Axis(f"{name}.{axis}", extent) for axis, extent in zip(names, shape, strict=True))
    body = as_expr(fn(*(axis.var for axis in axes)), FLOAT32)
    if isinstance(body, Reduce):
        renamed = tuple(Axis(f"{name}.{axis.name}", axis.extent) for axis in body.axes)
        value = substitute(body.value, {old.name: Var(new.name) for old, new in zip(body.axes, renamed, strict=True)})
        body = Reduce(body.combiner, value, renamed)
    return Tensor(name, tuple(shape), body.dtype, definition=Compute(axes, body))


def producers(tensor: Tensor) -> Iterator[Tensor]:
    """The tensors that the definition of `tensor` reads, each once, in the order of first use."""
    if tensor.definition is None:
        return
    seen: set[str] = set()
    for node in distinct_nodes(tensor.definition.body):
        if isinstance(node, Load) and isinstance(node.buffer, Tensor) and node.buffer.name not in seen:
            seen.add(node.buffer.name)
            yield node.buffer


def topological_order(outputs: Sequence[Tensor]) -> list[Tensor]:
    """All tensors that `outputs` need, inputs first."""
    order: dict[str, Tensor] = {}

    def visit(tensor: Tensor) -> None:
        if tensor.name in order:
            return
        for source in producers(tensor):
            visit(source)
        order[tensor.name] = tensor

    for output in outputs:
        visit(output)
    return list(order.values())
