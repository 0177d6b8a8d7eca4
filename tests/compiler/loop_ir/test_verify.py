"""Each rule of the verifier, broken once."""

import numpy as np
import pytest

from compiler.errors import VerifyError
from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, LoopKind, Stmt, Store, Update, seq, verify
from compiler.te import Axis, Binary, Buffer, Call, Cast, Const, Expr, Load, Reduce, Select, Var
from compiler.tensor_type import FLOAT32, INT32

N, J = Var("i"), Var("j")
X, Y = Buffer("x", (8,)), Buffer("y", (8,))
ACC = Buffer("acc", (4,), scope="register")
TMP = Buffer("tmp", (8,), scope="local")
ZERO = Const(0.0, FLOAT32)


def function(body: Stmt, *params: Buffer) -> LoopFunc:
    return LoopFunc("f", params or (X, Y), body)


def loop(name: str, body: Stmt, kind: LoopKind = LoopKind.SERIAL, extent: int = 8) -> For:
    return For(name, extent, body, kind)


def copy(index: Expr = N) -> Store:
    return Store(Y, (index,), Load(X, (index,)))


def storing(value: Expr) -> LoopFunc:
    return function(loop("i", Store(Y, (N,), value)))


def test_sound_functions_come_back(matmul: LoopFunc) -> None:
    assert verify(matmul) is matmul
    rows = loop("i", Allocate(TMP, loop("j", Store(TMP, (J,), ZERO), LoopKind.VECTORIZED)), LoopKind.PARALLEL)
    assert verify(function(seq(rows, loop("i", copy()))), lowered=True)
    registers = Allocate(ACC, loop("i", loop("j", Store(ACC, (J,), ZERO), LoopKind.UNROLLED, 4)))
    assert verify(function(registers), lowered=True)


@pytest.mark.parametrize(
    ("func", "message"),
    [
        (function(copy()), r"unknown variable i; visible loops: none"),
        (function(seq(loop("i", copy()), copy())), r"unknown variable i"),
        (function(loop("i", loop("i", copy()))), r"loop i stands inside a loop of the same name"),
        (function(loop("i", copy(), extent=0)), r"loop i has extent 0"),
        (function(copy(Const(0)), X), r"buffer y is neither a parameter nor allocated around its use; visible: x"),
        (function(seq(Allocate(TMP, copy(Const(0))), Store(TMP, (Const(0),), ZERO))), r"buffer tmp is neither"),
        (function(Allocate(X, copy(Const(0)))), r"buffer x is declared twice"),
        (function(copy(Const(0)), X, Y, Buffer("z", (0,))), r"buffer z has shape \[0\]"),
        (function(copy(Const(0)), X, Y, TMP), r"parameter tmp has scope local"),
        (function(copy(Const(0)), X, Buffer("y", (9,))), r"buffer y is used as float32\[8\] in global, declared as float32\[9\]"),
        (function(Store(Y, (Const(0), Const(0)), ZERO)), r"buffer y has 1 axes, indexed with 2"),
        (storing(Load(X, ())), r"buffer x has 1 axes, indexed with 0"),
        (function(Store(Y, (Const(0, INT32),), ZERO)), r"index 0:int32 of y is int32, not int64"),
        (storing(N), r"stores int64 into y, which is float32"),
        (storing(Binary("add", ZERO, N)), r"operands of add are float32 and int64"),
        (storing(Select(N, ZERO, ZERO)), r"the condition is int64, not bool"),
        (storing(Select(N < 1, ZERO, Const(0.0, np.dtype(np.float64)))), r"the arms are float32 and float64"),
        (storing(Cast(FLOAT32, Binary("and", N, N))), r"operands of and are int64, not bool"),
        (storing(Call("cbrt", (ZERO,))), r"no function 'cbrt' of 1 arguments"),
        (storing(Cast(FLOAT32, Call("not", (N,)))), r"the operand is int64, not bool"),
        (storing(Reduce("sum", ZERO, (Axis("k", 2),))), r"a reduction is an Update here"),
        (storing(Cast(FLOAT32, Const(1.5))), r"constant 1.5 is of Python type float, which does not fit int64"),
        (storing(Cast(FLOAT32, Var("i", INT32))), r"variable i is int32; loop variables are int64"),
        (function(IfThen(Const(1), copy(Const(0)))), r"condition 1 is int64, not bool"),
        (
            function(loop("i", loop("j", copy(), LoopKind.VECTORIZED), LoopKind.VECTORIZED)),
            r"vectorized loop j stands inside vectorized loop i",
        ),
    ],
)
def test_broken_rules(func: LoopFunc, message: str) -> None:
    with pytest.raises(VerifyError, match=f"^f: .*{message}"):
        verify(func)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (loop("i", Update(Y, (N,), "sum", ZERO)), r"reductions are plain stores once lowered"),
        (loop("i", loop("j", copy(), LoopKind.PARALLEL)), r"parallel loop j does not stand at the root"),
        (IfThen(Const(True, np.dtype(np.bool_)), loop("i", copy(), LoopKind.PARALLEL)), r"parallel loop i does not stand at the root"),
        (Allocate(Buffer("big", (8,)), loop("i", copy())), r"buffer big is allocated in global scope"),
        (
            Allocate(TMP, loop("i", Store(TMP, (N,), ZERO), LoopKind.PARALLEL)),
            r"buffer tmp is local, but used by a parallel loop from outside of it",
        ),
        (Allocate(ACC, loop("i", Store(ACC, (N,), ZERO), extent=4)), r"register buffer acc is indexed with i, a serial loop"),
    ],
)
def test_rules_of_lowered_functions(body: Stmt, message: str) -> None:
    verify(function(body))
    with pytest.raises(VerifyError, match=message):
        verify(function(body), lowered=True)
