"""Indices that are the same for all lanes but read from memory, where a mask decides which lanes there are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.loop_ir import For, IfThen, LoopFunc, LoopKind, Store
from compiler.te import Binary, Buffer, Const, Expr, Load, Var, maximum, minimum, select
from compiler.tensor_type import INT64

Check = Callable[..., Any]

TABLE, INDEX, OUT = Buffer("table", (32, 4)), Buffer("index", (3,), INT64), Buffer("out", (29, 4))
ROW, LANE = Var("row"), Var("lane")
AT = Load(INDEX, (Const(1),))
INDICES: dict[str, Expr] = {
    "plain": AT,
    "wrapped": select(AT < 0, AT + 4, AT),
    "clamped": minimum(maximum(select(AT < 0, AT + 4, AT), 0), 3),
    "scaled": (AT * 3 + 9) % 4,
}


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize("strided", [False, True])
def test_lookup_under_a_mask(check: Check, name: str, strided: bool) -> None:
    at = INDICES[name] if name != "plain" else maximum(AT, 0)
    flat = ROW * 8 + LANE
    source = (flat, at) if strided else (at, Const(2))
    body = IfThen(Binary("lt", flat, Const(29)), Store(OUT, (flat, Const(1)), Load(TABLE, source)))
    vector = For("lane", 8, body, LoopKind.VECTORIZED)
    func = LoopFunc("f", (TABLE, INDEX, OUT), For("row", 4, vector))
    rng = np.random.default_rng(3)
    tables = [rng.standard_normal(buffer.shape).astype(np.float32) for buffer in (TABLE, OUT)]
    for value in (-3, 2):
        check(func, [tables[0], np.asarray([99, value, 99]), tables[1]])


@pytest.mark.parametrize("name", INDICES)
def test_arithmetic_under_a_mask(check: Check, name: str) -> None:
    out = Buffer("out", (29,), INT64)
    flat = ROW * 8 + LANE
    body = IfThen(Binary("lt", flat, Const(29)), Store(out, (flat,), INDICES[name] + flat * 2))
    func = LoopFunc("f", (INDEX, out), For("row", 4, For("lane", 8, body, LoopKind.VECTORIZED)))
    check(func, [np.asarray([99, -3, 99]), np.zeros(29, np.int64)])
