"""Register and local buffers: accumulators through nested loops, several widths, privacy of lanes, the fall-back to the stack."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.codegen.llvm.generate_object import generate_module
from compiler.loop_ir import Allocate, For, LoopFunc, LoopKind, Seq, Stmt, Store
from compiler.target import Target
from compiler.te import Buffer, Const, Expr, Load, Var, maximum
from compiler.tensor_type import FLOAT32

Check = Callable[..., Any]
RNG = np.random.default_rng(13)
VECTORIZED, UNROLLED, SERIAL = LoopKind.VECTORIZED, LoopKind.UNROLLED, LoopKind.SERIAL


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.standard_normal(shape).astype(np.float32)


def tile(buffer: Buffer, value: Expr, rows: int, columns: int, lanes: int, *at: Expr) -> Stmt:
    """buffer[at..., r, c, l] = value over unrolled r and c and vectorized l."""
    body = For("l", lanes, Store(buffer, (*at, Var("r"), Var("c"), Var("l")), value), VECTORIZED)
    return For("r", rows, For("c", columns, body, UNROLLED), UNROLLED)


def matmul(rows: int, columns: int, lanes: int, depth: int, depth_kind: LoopKind) -> LoopFunc:
    """out[t, r, c, l] = relu(sum over k of a[t, r, k] * b[k, c, l]) with a register tile."""
    a, b = Buffer("a", (3, rows, depth)), Buffer("b", (depth, columns, lanes))
    out, acc = Buffer("out", (3, rows, columns, lanes)), Buffer("acc", (rows, columns, lanes), scope="register")
    at = (Var("r"), Var("c"), Var("l"))
    product = Load(a, (Var("t"), Var("r"), Var("k"))) * Load(b, (Var("k"), Var("c"), Var("l")))
    body = Seq(
        (
            tile(acc, Const(0.0, FLOAT32), rows, columns, lanes),
            For("k", depth, tile(acc, Load(acc, at) + product, rows, columns, lanes), depth_kind, reduce=True),
            tile(out, maximum(Load(acc, at), 0.0), rows, columns, lanes, Var("t")),
        )
    )
    return LoopFunc("matmul", (a, b, out), For("t", 3, Allocate(acc, body)))


@pytest.mark.parametrize("depth_kind", [SERIAL, UNROLLED])
@pytest.mark.parametrize(("rows", "columns", "lanes"), [(1, 1, 16), (4, 2, 16), (3, 3, 8), (2, 2, 5), (1, 2, 1), (2, 1, 32)])
def test_register_tiles(check: Check, rows: int, columns: int, lanes: int, depth_kind: LoopKind) -> None:
    func = matmul(rows, columns, lanes, 9, depth_kind)
    check(func, [floats(*buffer.shape) for buffer in func.params])


def test_no_stack_memory_and_few_instructions_in_the_inner_loop() -> None:
    """The tile lives in phis: the loop over k has one fma per accumulator, one load per operand and no store."""
    func = matmul(4, 2, 16, 9, SERIAL)
    text = str(generate_module(func, Target.parse("x86-64-v4"), "k"))
    assert "alloca" not in text
    inner = max(text.split("\nloop"), key=lambda block: block.count('llvm.fma.v16f32"('))
    inner = inner.split("\ndone")[0]
    assert inner.count('llvm.fma.v16f32"(') == 8
    assert inner.count(" load ") == 4 + 2
    assert inner.count("store ") == 0
    assert inner.count(" phi ") == 8 + 1 + 2  # accumulators, the loop's variable, a pointer into each operand


def test_invariant_loads_and_addresses_stand_outside_the_loop() -> None:
    """out[i, l] += w[l] * x[i]: the weights are loaded once."""
    w, x, out = Buffer("w", (16,)), Buffer("x", (100,)), Buffer("out", (100, 16))
    i, lane = Var("i"), Var("l")
    body = For("l", 16, Store(out, (i, lane), Load(w, (lane,)) * Load(x, (i,))), VECTORIZED)
    text = str(generate_module(LoopFunc("f", (w, x, out), For("i", 100, body)), Target.parse("x86-64-v4"), "k"))
    loop = text.split("\nloop")[1].split("\ndone")[0]
    assert loop.count(" load <16 x float>") == 0
    assert loop.count(" load float") == 1


def test_a_load_is_not_moved_past_a_store_to_its_buffer(check: Check) -> None:
    a, out = Buffer("a", (16,)), Buffer("out", (4, 16))
    i, lane = Var("i"), Var("l")
    body = Seq(
        (
            Store(out, (i, lane), Load(a, (lane,))),
            Store(a, (lane,), Load(a, (lane,)) * 2.0),
            Store(out, (i, lane), Load(a, (lane,)) + Load(out, (i, lane))),
        )
    )
    check(LoopFunc("f", (a, out), For("i", 4, For("l", 16, body, VECTORIZED))), [floats(16), floats(4, 16)])


def test_values_of_several_widths(check: Check) -> None:
    """A tile of 20 columns as 16 + 4 lanes, each written and read as such."""
    a, out = Buffer("a", (5, 20)), Buffer("out", (20,))
    acc = Buffer("acc", (20,), scope="register")

    def both(make: Callable[[Expr], Stmt]) -> Stmt:
        return Seq((For("m", 16, make(Var("m")), VECTORIZED), For("n", 4, make(Var("n") + 16), VECTORIZED)))

    init = both(lambda j: Store(acc, (j,), Const(0.0, FLOAT32)))
    add = For("k", 5, both(lambda j: Store(acc, (j,), Load(acc, (j,)) + Load(a, (Var("k"), j)))), reduce=True)
    end = both(lambda j: Store(out, (j,), Load(acc, (j,))))
    check(LoopFunc("f", (a, out), Allocate(acc, Seq((init, add, end)))), [floats(5, 20), floats(20)])


def test_overlapping_accesses_fall_back_to_the_stack(check: Check) -> None:
    """Written as one vector, read element by element."""
    a, out, acc = Buffer("a", (16,)), Buffer("out", (16,)), Buffer("acc", (16,), scope="register")
    write = For("j", 16, Store(acc, (Var("j"),), Load(a, (Var("j"),)) * 3.0), VECTORIZED)
    read = For("j", 16, Store(out, (Var("j"),), Load(acc, (Const(15) - Var("j"),))), UNROLLED)
    check(LoopFunc("f", (a, out), Allocate(acc, Seq((write, read)))), [floats(16), floats(16)])


def test_an_index_that_stays_variable_falls_back_to_the_stack(check: Check) -> None:
    a, out, acc = Buffer("a", (6, 16)), Buffer("out", (6, 16)), Buffer("acc", (6, 16), scope="local")
    i, j = Var("i"), Var("j")
    write = For("i", 6, For("j", 16, Store(acc, (i, j), Load(a, (i, j)) + 1.0), VECTORIZED))
    read = For("i", 6, For("j", 16, Store(out, (i, j), Load(acc, (Const(5) - i, j))), VECTORIZED))
    check(LoopFunc("f", (a, out), Allocate(acc, Seq((write, read)))), [floats(6, 16), floats(6, 16)])


@pytest.mark.parametrize("scope", ["register", "local"])
def test_a_buffer_allocated_in_a_vector_loop_is_each_lanes_own(check: Check, scope: str) -> None:
    a, out, acc = Buffer("a", (7, 16)), Buffer("out", (16,)), Buffer("acc", (2,), scope=scope)
    j, k = Var("j"), Var("k")
    init = Seq((Store(acc, (Const(0),), Const(0.0, FLOAT32)), Store(acc, (Const(1),), Const(-9.0, FLOAT32))))
    total = Store(acc, (Const(0),), Load(acc, (Const(0),)) + Load(a, (k, j)))
    largest = Store(acc, (Const(1),), maximum(Load(acc, (Const(1),)), Load(a, (k, j))))
    end = Store(out, (j,), Load(acc, (Const(0),)) * Load(acc, (Const(1),)))
    body = Allocate(acc, Seq((init, For("k", 7, Seq((total, largest)), reduce=True), end)))
    check(LoopFunc("f", (a, out), For("j", 16, body, VECTORIZED)), [floats(7, 16), floats(16)])


def test_scratch_of_a_parallel_loop(check: Check) -> None:
    a, out, rows = Buffer("a", (9, 24)), Buffer("out", (9, 24)), Buffer("rows", (24,), scope="local")
    i, j = Var("i"), Var("j")
    fill = For("j", 24, Store(rows, (j,), Load(a, (i, j)) * 2.0), VECTORIZED)
    drain = For("j", 24, Store(out, (i, j), Load(rows, (Const(23) - j,))), VECTORIZED)
    check(LoopFunc("f", (a, out), For("i", 9, Allocate(rows, Seq((fill, drain))), LoopKind.PARALLEL)), [floats(9, 24), floats(9, 24)])


def test_scalar_accumulators(check: Check) -> None:
    a, out, acc = Buffer("a", (5, 30)), Buffer("out", (5,)), Buffer("acc", (3,), scope="register")
    i, k, u = Var("i"), Var("k"), Var("u")
    init = For("u", 3, Store(acc, (u,), Const(0.0, FLOAT32)), UNROLLED)
    add = For("k", 10, For("u", 3, Store(acc, (u,), Load(acc, (u,)) + Load(a, (i, k * 3 + u))), UNROLLED), reduce=True)
    end = Store(out, (i,), Load(acc, (Const(0),)) + Load(acc, (Const(1),)) + Load(acc, (Const(2),)))
    check(LoopFunc("f", (a, out), For("i", 5, Allocate(acc, Seq((init, add, end))))), [floats(5, 30), floats(5)])
