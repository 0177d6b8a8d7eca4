"""Each step: the loop nest that it makes (golden), the same results as before, and a ScheduleError where it does not apply."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.errors import ScheduleError
from compiler.loop_ir import LoopFunc, build_loop_func, expressions, interpret, print_func, verify, walk_statements
from compiler.lower import lower_func
from compiler.schedule import (
    STEPS,
    CacheRead,
    CacheWrite,
    ComputeAt,
    ComputeInline,
    Fuse,
    Narrow,
    PadStorage,
    Parallel,
    Prefetch,
    Reorder,
    RFactor,
    Schedule,
    Specialize,
    Split,
    Step,
    Unroll,
    Vectorize,
)
from compiler.te import Load, Tensor, compute, logical_and, placeholder, reduce_axis, round_to_narrow, select, sum_over, walk

Array = NDArray[Any]


def scale_then_add() -> LoopFunc:
    a = placeholder((6, 10), "a")
    b = compute((6, 10), lambda i, j: a[i, j] * 2.0, "b", ("i", "j"))
    c = compute((6, 10), lambda i, j: b[i, j] + 1.0, "c", ("i", "j"))
    return build_loop_func("kernel", [a], [c])


def product() -> LoopFunc:
    a, b = placeholder((5, 7), "a"), placeholder((7, 10), "b")
    k = reduce_axis(7, "k")
    c = compute((5, 10), lambda i, j: sum_over(a[i, k] * b[k, j], k), "c", ("i", "j"))
    return build_loop_func("kernel", [a, b], [c])


def rounded_product() -> LoopFunc:
    """With a row of zeros behind the weights."""
    a, b = placeholder((5, 8), "a"), placeholder((7, 10), "b")
    rounded = compute((8, 10), lambda i, j: select(i < 7, round_to_narrow(b[i, j]), 0.0), "w", ("i", "j"))
    k = reduce_axis(8, "k")
    c = compute((5, 10), lambda i, j: sum_over(a[i, k] * rounded[k, j], k), "c", ("i", "j"))
    return build_loop_func("kernel", [a, b], [c])


def window_sum() -> LoopFunc:
    a = placeholder((11,), "a")
    padded = compute((13,), lambda i: select((i >= 1), select(i < 12, a[i - 1], 0.0), 0.0), "p", ("i",))
    k = reduce_axis(3, "k")
    c = compute((11,), lambda i: sum_over(_at(padded, i, k), k), "c", ("i",))
    return build_loop_func("kernel", [a], [c])


def window_rows() -> LoopFunc:
    """Two elements of each window of 2 x 3, with a border on every side: one row above, two below, two columns left, one right."""
    a = placeholder((2, 5, 7), "a")

    def inside(n: Any, y: Any, x: Any) -> Any:
        return select(logical_and(y >= 1, y < 6, x >= 2, x < 9), a[n, y - 1, x - 2], 0.0)

    padded = compute((2, 8, 10), inside, "p", ("n", "y", "x"))
    corners = compute((2, 7, 8), lambda n, y, x: padded[n, y, x] + padded[n, y + 1, x + 2] * 2.0, "c", ("n", "y", "x"))
    return build_loop_func("kernel", [a], [corners])


def _at(tensor: Tensor, i: Any, k: Any) -> Any:
    return tensor[i + k.var]


def row_sum() -> LoopFunc:
    a = placeholder((3, 10), "a")
    k = reduce_axis(10, "k")
    return build_loop_func("kernel", [a], [compute((3,), lambda i: sum_over(a[i, k], k), "s", ("i",))])


CASES: dict[str, tuple[Callable[[], LoopFunc], tuple[Step, ...]]] = {
    "split": (scale_then_add, (Split("c.j", (4,)),)),
    "split_twice": (scale_then_add, (Split("c.j", (2, 3)),)),
    "fuse": (scale_then_add, (Fuse(("c.i", "c.j"), "c.f"),)),
    "reorder": (product, (Reorder(("c.k", "c.j", "c.i")),)),
    "reorder_guarded": (product, (Split("c.j", (4,)), Reorder(("c.j.0", "c.k", "c.i", "c.j.1")))),
    "unroll": (row_sum, (Unroll("s.k"),)),
    "vectorize": (product, (Split("c.j", (4,)), Reorder(("c.k", "c.j.1")), Vectorize("c.j.1"))),
    "parallel": (scale_then_add, (Parallel("c.i"),)),
    "compute_inline": (scale_then_add, (ComputeInline("b"),)),
    "compute_at": (scale_then_add, (Split("c.j", (4,)), ComputeAt("b", "c.j.0"))),
    "compute_at_window": (window_sum, (Split("c.i", (4,)), ComputeAt("p", "c.i.0"))),
    "cache_write": (product, (CacheWrite("c", "c.acc"), Split("c.j", (4,)), ComputeAt("c.acc", "c.j.0", "register"))),
    "cache_read": (product, (CacheRead("b", "c", "b.packed", ((1, 4),), (1, 0, 2)), Split("c.j", (4,)))),
    "cache_read_split_twice": (
        product,
        (CacheRead("b", "c", "b.packed", ((1, 2), (1, 3)), (1, 0, 2, 3)), Split("c.j", (2, 3))),
    ),
    "pad_storage": (scale_then_add, (PadStorage("b", 1, 3),)),
    "pad_storage_of_a_tile": (
        scale_then_add,
        (Split("c.j", (4,)), ComputeAt("b", "c.j.0"), PadStorage("b", 0, 1), PadStorage("b", 0, 1)),
    ),
    "pad_storage_of_a_cached_stage": (
        scale_then_add,
        (PadStorage("b", 1, 2), CacheWrite("b", "b.acc"), Split("b.j", (4,)), ComputeAt("b.acc", "b.j.0")),
    ),
    "narrow": (rounded_product, (Narrow("w"), Reorder(("c.k", "c.j")), Vectorize("c.j"))),
    "narrow_copy": (
        rounded_product,
        (CacheRead("w", "c", "w.packed", ((1, 4),), (1, 0, 2)), Narrow("w.packed"), Split("c.j", (4,)), Parallel("w.packed.high.d0")),
    ),
    "prefetch": (product, (Prefetch("b", 256), Reorder(("c.k", "c.j")), Vectorize("c.j"))),
    "specialize": (window_rows, (ComputeInline("p"), Specialize("c.y"))),
    "specialize_moved": (window_rows, (Split("c.x", (4,)), ComputeAt("p", "c.x.0"), Specialize("c.x.0"))),
    "specialize_fused": (window_rows, (ComputeInline("p"), Fuse(("c.n", "c.y", "c.x"), "c.f"), Specialize("c.f"), Parallel("c.f"))),
    "specialize_without_guards": (scale_then_add, (Specialize("c.i"),)),
    "rfactor": (row_sum, (Split("s.k", (4,)), RFactor("s", "s.k.1", "s.rf"), ComputeAt("s.rf", "s.i"))),
    "fused_guard": (
        product,
        (Split("c.j", (4,)), Reorder(("c.i", "c.j.0", "c.k", "c.j.1")), Fuse(("c.i", "c.j.0"), "c.p"), Parallel("c.p")),
    ),
}


def run(func: LoopFunc) -> Array:
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(param.shape).astype(param.dtype) for param in func.params]
    interpret(func, arrays)
    return arrays[-1].reshape(-1)


@pytest.mark.parametrize("name", CASES)
def test_step_keeps_the_results(name: str, golden: Callable[[str, str], None]) -> None:
    make, steps = CASES[name]
    before = make()
    schedule = Schedule(steps)
    assert Schedule.from_json(schedule.to_json()) == schedule
    after = schedule.apply(before)
    verify(after)
    np.testing.assert_allclose(run(after), run(before), rtol=1e-5)
    golden(f"{name}.txt", print_func(after))


@pytest.mark.parametrize("name", CASES)
def test_lowering_keeps_the_results(name: str, golden: Callable[[str, str], None]) -> None:
    make, steps = CASES[name]
    lowered = lower_func(Schedule(steps).apply(make()))
    verify(lowered)
    rng = np.random.default_rng(3)
    shapes = [param.shape for param in make().params]
    arrays = [rng.standard_normal(shape).astype(np.float32).reshape(-1) for shape in shapes]
    interpret(lowered, arrays)
    np.testing.assert_allclose(arrays[-1], run(make()), rtol=1e-5)
    golden(f"{name}_lowered.txt", print_func(lowered))


REFUSED: dict[str, tuple[Callable[[], LoopFunc], tuple[Step, ...], str]] = {
    "unknown loop": (product, (Split("c.x", (4,)),), "no loop 'c.x'; the loops are c.i, c.j, c.k"),
    "factor zero": (product, (Split("c.j", (0,)),), "at least 1"),
    "split after annotation": (product, (Unroll("c.j"), Split("c.j", (2,))), "unrolled"),
    "fuse of strangers": (scale_then_add, (Fuse(("b.i", "c.i"), "f"),), "not directly inside"),
    "fuse of data and reduction": (product, (Fuse(("c.j", "c.k"), "f"),), "mixes reduction and data"),
    "reorder across stages": (scale_then_add, (Reorder(("b.i", "c.i")),), "not in one nest"),
    "vector of a reduction": (product, (Vectorize("c.k"),), "cannot be a vector"),
    "vector in a vector": (scale_then_add, (Vectorize("c.j"), Vectorize("c.i")), "another vectorized loop"),
    "parallel inside": (product, (Parallel("c.j"),), "stands inside c.i"),
    "parallel reduction": (product, (Reorder(("c.k", "c.i", "c.j")), Parallel("c.k")), "is a reduction"),
    "inline of a reduction": (product, (ComputeInline("c"),), "is a reduction"),
    "inline of an output": (scale_then_add, (ComputeInline("c"),), "is a parameter"),
    "move a scheduled stage": (scale_then_add, (Split("b.j", (2,)), ComputeAt("b", "c.i")), "scheduled already"),
    "move to an unknown scope": (scale_then_add, (ComputeAt("b", "c.i", "shared"),), "unknown scope 'shared'"),
    "room in a parameter": (scale_then_add, (PadStorage("a", 1, 1),), "pad_storage of 'a', axis 1, by 1: it is a parameter"),
    "room in an output": (scale_then_add, (PadStorage("c", 1, 1),), "it is a parameter"),
    "room along no axis": (scale_then_add, (PadStorage("b", 2, 1),), "has no such axis"),
    "less room": (scale_then_add, (PadStorage("b", 1, -1),), "axis 1, by -1"),
    "room in an unknown buffer": (scale_then_add, (PadStorage("x", 0, 1),), "no buffer 'x'"),
    "narrow of a parameter": (rounded_product, (Narrow("b"),), "'b' is a parameter"),
    "narrow of what is not rounded": (scale_then_add, (Narrow("b"),), "'b' holds numbers that are not rounded"),
    "narrow of a sum": (product, (CacheWrite("c", "c.acc"), Narrow("c.acc")), "'c.acc' holds numbers that are not rounded"),
    "prefetch of what follows directly": (product, (Prefetch("b", 0),), "0 bytes ahead; 1 to 1048576 are possible"),
    "prefetch from too far away": (product, (Prefetch("b", 1 << 21),), "2097152 bytes ahead"),
    "prefetch of an unknown buffer": (product, (Prefetch("x", 64),), "no buffer 'x'"),
    "versions of an unknown loop": (window_rows, (Specialize("c.z"),), "no loop 'c.z'"),
    "versions of a vector": (window_rows, (ComputeInline("p"), Vectorize("c.x"), Specialize("c.x")), "is a vector, which has one body"),
    "a loop of two versions": (window_rows, (ComputeInline("p"), Specialize("c.y"), Unroll("c.x")), "no loop 'c.x'"),
    "cache of too few axes": (product, (CacheRead("b", "c", "b.packed", ((1, 2), (1, 3)), (1, 0, 2)),), "does not permute 4 axes"),
    "cache of what is not read": (scale_then_add, (CacheRead("a", "c", "a.copy"),), "does not read 'a'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, steps, text = REFUSED[name]
    with pytest.raises(ScheduleError, match=text):
        Schedule(steps).apply(make())


def test_prefetch_is_kept_by_lowering() -> None:
    """The printed loops do not show it: it changes no value."""
    make, steps = CASES["prefetch"]
    lowered = lower_func(Schedule(steps).apply(make()))
    statements = [expr for stmt in walk_statements(lowered.body) for expr in expressions(stmt)]
    read = [node.buffer for expr in statements for node in walk(expr) if isinstance(node, Load)]
    assert {buffer.name: buffer.prefetch for buffer in read} == {"a": 0, "b": 256, "c": 0}
    assert {param.name: param.prefetch for param in lowered.params} == {"a": 0, "b": 256, "c": 0}


def test_every_step_has_a_case() -> None:
    used = {step.kind for _, steps in CASES.values() for step in steps}
    assert used == set(STEPS)


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(ScheduleError, match="format 99"):
        Schedule.from_json({"format": 99, "steps": []})
    with pytest.raises(ScheduleError, match="unknown schedule step 'shuffle'; known: cache_read"):
        Schedule.from_json({"format": 1, "steps": [["shuffle", "i"]]})
