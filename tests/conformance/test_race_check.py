"""What the search for races finds, and that no schedule has any."""

from dataclasses import replace

import numpy as np
import pytest

from compiler.loop_ir import Allocate, For, IfThen, LoopFunc, LoopKind, Stmt, Store, seq
from compiler.lower import lower
from compiler.te import Binary, Buffer, Const, Expr, Load, Select, Var
from compiler.tensor_type import FLOAT32
from schedule_space import space_for
from tests.conformance.native_check import targets
from tests.conformance.race_check import find_races
from tests.conformance.test_workloads import ALL

DATA, OUT, SCRATCH = Buffer("data", (64,)), Buffer("out", (64,)), Buffer("scratch", (8,))
ROW, COLUMN, ZERO = Var("row"), Var("column"), Const(0.0, FLOAT32)
NEXT = Binary("add", COLUMN, Const(1))
DRAWS = 30


def at(factor: int, offset: Expr | None = None) -> Expr:
    scaled = Binary("mul", ROW, Const(factor))
    return scaled if offset is None else Binary("add", scaled, offset)


def rows(*body: Stmt) -> LoopFunc:
    """`for row in 0..8 in parallel: for column in 0..8: body`"""
    inner = For("column", 8, seq(*body))
    return LoopFunc("kernel", (DATA, OUT, SCRATCH), For("row", 8, inner, LoopKind.PARALLEL))


def store(buffer: Buffer, index: Expr, value: Expr | None = None) -> Stmt:
    return Store(buffer, (index,), value or Const(1.0, FLOAT32))


FINE = {
    "own row": rows(store(OUT, at(8, COLUMN), Load(DATA, (COLUMN,)))),
    "own row, read again": rows(store(OUT, at(8, COLUMN)), store(OUT, at(8, COLUMN), Load(OUT, (at(8, COLUMN),)))),
    "scratch of its own": rows(Allocate(SCRATCH, seq(store(SCRATCH, COLUMN), store(OUT, at(8, COLUMN), Load(SCRATCH, (COLUMN,)))))),
    "overlap that never happens": rows(IfThen(Binary("lt", COLUMN, Const(7)), store(OUT, at(7, COLUMN)))),
    "the next row, never read": rows(store(OUT, at(8, COLUMN), Select(Binary("lt", ROW, Const(0)), Load(OUT, (at(8, NEXT),)), ZERO))),
}  # fmt: skip
RACES = {
    "shared scratch": (rows(store(SCRATCH, COLUMN)), "two iterations write the same element of scratch"),
    "overlapping rows": (rows(store(OUT, at(7, COLUMN))), "two iterations write the same element of out"),
    "reading a neighbour": (
        rows(store(OUT, at(8, COLUMN), Load(OUT, (Binary("min", at(8, NEXT), Const(63)),)))),
        "an iteration reads an element of out that another one writes",
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_nothing_shared(name: str) -> None:
    assert find_races(FINE[name]) == []


@pytest.mark.parametrize("name", RACES)
def test_races_are_found(name: str) -> None:
    func, text = RACES[name]
    assert find_races(func) == [f"row: {text}"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_no_schedule_has_a_race(name: str) -> None:
    """Lowered only, so that many can be searched; what the other tests of this folder compile is searched as well."""
    for target in targets().values():
        space = space_for(ALL[name], replace(target, cores=2), 2)
        for candidate in (space.default(), *space.sample(np.random.default_rng(len(name)), DRAWS)):
            lowered = lower(ALL[name], space.schedule(candidate), target)
            for func in (lowered.main, lowered.pack):
                assert func is None or not find_races(func), candidate.key
