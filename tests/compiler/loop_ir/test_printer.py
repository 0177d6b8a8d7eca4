"""The text of statements and expressions."""

import numpy as np
import pytest

from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, LoopKind, Seq, Store, Update, print_expr, print_func, print_stmt, seq
from compiler.te import Axis, Binary, Buffer, Call, Cast, Const, Expr, Load, Reduce, Select, Var, logical_and, logical_or, minimum
from compiler.tensor_type import BOOL, FLOAT32, INT32

N, J, K = Var("i"), Var("j"), Var("k")
X = Load(Buffer("x", (8,)), (N,))


def test_matmul(matmul: LoopFunc) -> None:
    assert print_func(matmul).splitlines() == [
        "def matmul(a: float32[4, 8], b: float32[8, 6], c: float32[4, 6]):",
        "    for c.i in range(0, 4):",
        "        for c.j in range(0, 6):",
        "            for c.k in range(0, 8):  # reduce",
        "                c[c.i, c.j] += a[c.i, c.k] * b[c.k, c.j]",
    ]


def test_every_statement() -> None:
    x, tmp = Buffer("x", (8,)), Buffer("tmp", (2, 4), scope="local")
    fill = Store(tmp, (Const(0), J), Const(0.0, FLOAT32))
    peak = Update(x, (N,), "max", Load(tmp, (Const(1), J)))
    body = seq(fill, IfThen(N < 3, peak), Seq(()))
    nest = For("i", 4, For("j", 4, body, LoopKind.VECTORIZED, reduce=True), LoopKind.PARALLEL, start=2)
    func = LoopFunc("f", (x, Buffer("acc", (), scope="register")), Allocate(tmp, nest))
    assert print_func(func).splitlines() == [
        "def f(x: float32[8], acc: float32[] in register):",
        "    with tmp: float32[2, 4] in local:",
        "        for i in range(2, 6):  # parallel",
        "            for j in range(0, 4):  # vectorized, reduce",
        "                tmp[0, j] = 0.0",
        "                if i < 3:",
        "                    x[i] max= tmp[1, j]",
    ]
    assert print_stmt(Seq(())) == "pass"


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (N + J + K, "i + j + k"),
        (N + (J + K), "i + (j + k)"),
        (N - (J - K), "i - (j - k)"),
        ((N + J) * K, "(i + j) * k"),
        (N + J * K, "i + j * k"),
        ((N * 4 + J) // 3 % 2, "(i * 4 + j) // 3 % 2"),
        (N % (J // 2), "i % (j // 2)"),
        (logical_or(logical_and(N < 1, J < 2), K < 3), "i < 1 and j < 2 or k < 3"),
        (logical_and(N < 1, logical_or(J < 2, K < 3)), "i < 1 and (j < 2 or k < 3)"),
        (logical_and(N < 1, logical_and(J < 2, K < 3)), "i < 1 and j < 2 and k < 3"),
        (Binary("eq", N < 1, J < 2), "(i < 1) == (j < 2)"),
        (Call("not", (N < 1,)), "not (i < 1)"),
        (Call("neg", (X * X,)), "-(x[i] * x[i])"),
        (Call("neg", (X,)) * X, "-x[i] * x[i]"),
        (Call("exp", (X - 1.5,)), "exp(x[i] - 1.5)"),
        (minimum(N, J + 1) * 2, "min(i, j + 1) * 2"),
        (Binary("pow", X, Const(2.0, FLOAT32)), "pow(x[i], 2.0)"),
        (Select(N < 3, X, Const(float("-inf"), FLOAT32)), "select(i < 3, x[i], -inf)"),
        (Cast(FLOAT32, N + 1), "float32(i + 1)"),
        (Const(7, INT32), "7:int32"),
        (Const(-2.0, np.dtype(np.float64)), "-2.0:float64"),
        (Const(True, BOOL), "True"),
        (Reduce("sum", X * X, (Axis("i", 8),)), "sum(x[i] * x[i] for i in range(0, 8))"),
    ],
)
def test_expressions(expr: Expr, text: str) -> None:
    assert print_expr(expr) == text
