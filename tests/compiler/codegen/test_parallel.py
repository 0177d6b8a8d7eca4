"""Parallel loops: shares of the range, several loops in one function, scratch, the pool's pointer."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.codegen.llvm import generate_object, load_objects
from compiler.errors import CodegenError
from compiler.loop_ir import Allocate, For, LoopFunc, LoopKind, Seq, Store
from compiler.lower import LoweredKernel, Param, ParamRole
from compiler.target import Target
from compiler.te import Buffer, Const, Load, Var

Check = Callable[..., Any]
RNG = np.random.default_rng(19)
KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
PARALLEL_FOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.standard_normal(shape).astype(np.float32)


def test_two_parallel_loops_and_a_serial_one(check: Check) -> None:
    a, b, c = Buffer("a", (13, 16)), Buffer("b", (13, 16)), Buffer("c", (16,))
    i, j = Var("i"), Var("j")
    double = For("i", 13, For("j", 16, Store(b, (i, j), Load(a, (i, j)) * 2.0), LoopKind.VECTORIZED), LoopKind.PARALLEL)
    total = For("i", 13, For("j", 16, Store(c, (j,), Load(c, (j,)) + Load(b, (i, j))), LoopKind.VECTORIZED))
    shift = For("i", 13, For("j", 16, Store(b, (i, j), Load(b, (i, j)) - Load(c, (j,))), LoopKind.VECTORIZED), LoopKind.PARALLEL)
    check(LoopFunc("f", (a, b, c), Seq((double, total, shift))), [floats(13, 16), floats(13, 16), floats(16)])


@pytest.mark.parametrize("extent", [1, 2, 5])
def test_short_ranges(check: Check, extent: int) -> None:
    a = Buffer("a", (extent + 2,))
    i = Var("i")
    check(LoopFunc("f", (a,), For("i", extent, Store(a, (i,), Load(a, (i,)) + 1.0), LoopKind.PARALLEL, start=2)), [floats(extent + 2)])


def test_scratch_at_the_root_around_serial_code(check: Check) -> None:
    a, c, scratch = Buffer("a", (16,)), Buffer("c", (5, 16)), Buffer("scratch", (16,), scope="local")
    i, j = Var("i"), Var("j")
    serial = Seq((For("j", 16, Store(scratch, (j,), Load(a, (j,)) * 3.0)), For("j", 16, Store(a, (j,), Load(scratch, (Const(15) - j,))))))
    parallel = For("i", 5, For("j", 16, Store(c, (i, j), Load(a, (j,)))), LoopKind.PARALLEL)
    check(LoopFunc("f", (a, c), Seq((Allocate(scratch, serial), parallel))), [floats(16), floats(5, 16)])


def test_a_parallel_loop_inside_another_loop_is_refused() -> None:
    a = Buffer("a", (4, 4))
    inner = For("j", 4, Store(a, (Var("i"), Var("j")), Load(a, (Var("i"), Var("j")))), LoopKind.PARALLEL)
    for kind in (LoopKind.SERIAL, LoopKind.UNROLLED, LoopKind.PARALLEL):
        func = LoopFunc("f", (a,), For("i", 4, inner, kind))
        with pytest.raises(CodegenError, match="parallel loop j stands inside"):
            generate_object(LoweredKernel(func, ()), Target.parse("host"), "k")


def test_parallel_for_gets_the_pool_the_params_and_the_extent() -> None:
    a = Buffer("a", (10,))
    func = LoopFunc("f", (a,), For("i", 10, Store(a, (Var("i"),), Const(1.0, np.dtype(np.float32))), LoopKind.PARALLEL))
    artifact = generate_object(LoweredKernel(func, (Param(a, ParamRole.OUTPUT, 0),)), Target.parse("host"), "k")
    seen: list[tuple[int, int, int]] = []

    @PARALLEL_FOR
    def record(pool: int, _: int, params: int, count: int) -> None:
        seen.append((pool, params, count))

    loaded = load_objects([artifact.object_code], {"tw_parallel_for": ctypes.cast(record, ctypes.c_void_p).value or 0})
    array = np.zeros(10, np.float32)
    pointers = (ctypes.c_void_p * 1)(array.ctypes.data)
    KERNEL(loaded.address("k"))(ctypes.addressof(pointers), 0x1234)
    assert seen == [(0x1234, ctypes.addressof(pointers), 10)]
    assert not array.any()


def test_main_and_pack_in_one_object() -> None:
    w, packed, x, y = Buffer("w", (8, 4)), Buffer("packed", (4, 8)), Buffer("x", (4,)), Buffer("y", (8,))
    i, k = Var("i"), Var("k")
    pack = LoopFunc("pack", (w, packed), For("k", 4, For("i", 8, Store(packed, (k, i), Load(w, (i, k))))))
    add = For("k", 4, For("i", 8, Store(y, (i,), Load(y, (i,)) + Load(packed, (k, i)) * Load(x, (k,))), LoopKind.VECTORIZED))
    main = LoopFunc("main", (x, packed, y), Seq((For("i", 8, Store(y, (i,), Const(0.0, np.dtype(np.float32)))), add)))
    params = (Param(x, ParamRole.ARGUMENT, 0), Param(packed, ParamRole.PACKED, 0), Param(y, ParamRole.OUTPUT, 0))
    pack_params = (Param(w, ParamRole.ARGUMENT, 1), Param(packed, ParamRole.PACKED, 0))
    artifact = generate_object(LoweredKernel(main, params, pack, pack_params), Target.parse("host"), "matvec")
    assert (artifact.symbol, artifact.pack_symbol) == ("matvec", "matvec_pack")
    loaded = load_objects([artifact.object_code], {"tw_parallel_for": 0})
    block = np.zeros(256, np.float32)
    start = -block.ctypes.data // 4 % 16
    arrays = [block[start + 48 * n : start + 48 * n + size] for n, size in enumerate((32, 32, 4, 8))]
    arrays[0][:], arrays[2][:] = floats(32), floats(4)
    weights, matrix, vector, result = (array.ctypes.data for array in arrays)
    for symbol, addresses in (("matvec_pack", (weights, matrix)), ("matvec", (vector, matrix, result))):
        pointers = (ctypes.c_void_p * len(addresses))(*addresses)
        KERNEL(loaded.address(symbol))(ctypes.addressof(pointers), None)
    np.testing.assert_allclose(arrays[3], arrays[0].reshape(8, 4) @ arrays[2], rtol=1e-5)
