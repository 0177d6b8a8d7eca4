"""Random loop nests, natively and by the interpreter: loop kinds, windows, padding, quotients, accumulators, masks, all mixed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, LoopKind, Ranges, Seq, Stmt, Store, bounds, simplify_func
from compiler.te import Buffer, Cast, Const, Expr, Load, Var, call, logical_and, maximum, minimum, select
from compiler.tensor_type import FLOAT32

SIZE = 160  # elements of each input


class Program:
    """One random function over two inputs and an output, made from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.inputs = (Buffer("a", (SIZE,)), Buffer("b", (SIZE,)))
        self.extents = [int(self.rng.choice([1, 2, 3, 4, 7, 8, 16, 17])) for _ in range(3)]
        self.out = Buffer("out", tuple(self.extents))
        self.loops = [Var(name) for name in "xyz"]
        self.ranges: Ranges = {var.name: (0, extent - 1) for var, extent in zip(self.loops, self.extents, strict=True)}

    def pick(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def index(self, variables: list[Var], depth: int = 2) -> Expr:
        """An integer expression, with quotients, remainders and clamps now and then."""
        expr: Expr = Const(int(self.rng.integers(-4, 5)))
        for var in variables:
            expr = expr + var * int(self.rng.integers(-2, 4))
        match int(self.rng.integers(8)) if depth else 0:
            case 1:
                return expr // int(self.rng.integers(1, 9))
            case 2:
                return expr % int(self.rng.integers(1, 17)) + self.index(variables, depth - 1)
            case 3:
                return minimum(maximum(expr, 0), int(self.rng.integers(1, 40)))
            case 4:
                return select(self.index(variables, 0) < self.index(variables, 0), expr, self.index(variables, depth - 1))
        return expr

    def load(self, variables: list[Var]) -> Expr:
        """Inside the array, by range, by clamping, or under a guard."""
        buffer = self.pick(*self.inputs)
        at = self.index(variables)
        limits = bounds(at, {**self.ranges, "k": (0, 8)})
        match int(self.rng.integers(3)):
            case 0 if limits is not None and limits[1] - limits[0] < SIZE:
                return Load(buffer, (at - limits[0],))
            case 1:
                return Load(buffer, (minimum(maximum(at, 0), SIZE - 1),))
        otherwise = self.pick(Const(0.0, FLOAT32), Const(1.5, FLOAT32), Cast(FLOAT32, at))
        return select(logical_and(at >= 0, at < SIZE), Load(buffer, (at,)), otherwise)

    def value(self, variables: list[Var], depth: int = 2) -> Expr:
        if depth == 0:
            return self.load(variables)
        x, y = self.value(variables, depth - 1), self.value(variables, depth - 1)
        match int(self.rng.integers(7)):
            case 0:
                return x + y * self.load(variables)
            case 1:
                return x - y
            case 2:
                return maximum(x, y)
            case 3:
                return select(x < y, x, y * 2.0)
            case 4:
                return call(self.pick("tanh", "sigmoid", "floor", "abs", "sign"), x)
            case 5:
                return select(self.index(variables) < self.index(variables), x, y)
        return x * y

    def body(self) -> Stmt:
        at = tuple(self.loops)
        if self.rng.random() < 0.5:
            plain: Stmt = Store(self.out, at, self.value(self.loops))
        else:
            acc, depth = Buffer("acc", (1,), scope=self.pick("register", "local")), int(self.rng.integers(1, 9))
            here = (Const(0),)
            k = Var("k")
            add: Stmt = Store(acc, here, Load(acc, here) + self.value([*self.loops, k], 1))
            if self.rng.random() < 0.3:
                add = IfThen(self.index([*self.loops, k]) < self.index(self.loops), add)
            loop = For("k", depth, add, self.pick(LoopKind.SERIAL, LoopKind.UNROLLED), reduce=True)
            plain = Allocate(acc, Seq((Store(acc, here, Const(0.5, FLOAT32)), loop, Store(self.out, at, Load(acc, here)))))
        if self.rng.random() < 0.3:
            plain = IfThen(self.index(self.loops) < self.index(self.loops), plain)
        return plain

    def make(self) -> LoopFunc:
        stmt = self.body()
        order = [int(n) for n in self.rng.permutation(3)]
        vector = int(self.rng.integers(-1, 3))
        for position, axis in enumerate(order):
            kind = LoopKind.VECTORIZED if position == vector else self.pick(LoopKind.SERIAL, LoopKind.SERIAL, LoopKind.UNROLLED)
            if position == 2 and kind is LoopKind.SERIAL and self.rng.random() < 0.5:
                kind = LoopKind.PARALLEL
            stmt = For("xyz"[axis], self.extents[axis], stmt, kind)
        func = LoopFunc("f", (*self.inputs, self.out), stmt)
        return simplify_func(func) if self.rng.random() < 0.5 else func


@pytest.mark.parametrize("seed", range(150))
def test_random_program(check: Callable[..., Any], seed: int) -> None:
    program = Program(seed)
    func = program.make()
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(buffer.shape).astype(np.float32) for buffer in func.params]
    check(func, arrays, tolerance=1e-5)
