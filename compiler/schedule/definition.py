"""Recover what a stage computes from its untouched loop nest."""

from dataclasses import dataclass

from compiler.errors import ScheduleError
from compiler.loop_ir import For, IfThen, LoopKind, Stmt, Store, Update
from compiler.te import Expr, Var


@dataclass(frozen=True, slots=True)
class StageDefinition:
    """loops: the data loops, one per axis of the buffer; reduce_loops: those of the reduction;
    guards: conditions around the statement; statement: what stands inside."""

    loops: tuple[For, ...]
    reduce_loops: tuple[For, ...]
    guards: tuple[Expr, ...]
    statement: Store | Update


def stage_definition(nest: Stmt, name: str) -> StageDefinition:
    """The definition of the stage `name` whose nest is `nest`; `ScheduleError` if a step has changed its loops already."""
    loops: list[For] = []
    stmt = nest
    guards: list[Expr] = []
    while isinstance(stmt, For | IfThen):
        if isinstance(stmt, IfThen):
            guards.append(stmt.condition)
            stmt = stmt.body
            continue
        if stmt.kind is not LoopKind.SERIAL or stmt.start != 0:
            raise ScheduleError(f"stage {name!r} has been scheduled already: move it first, then split its loops")
        loops.append(stmt)
        stmt = stmt.body
    data = tuple(loop for loop in loops if not loop.reduce)
    reduction = tuple(loop for loop in loops if loop.reduce)
    if not isinstance(stmt, Store | Update) or stmt.indices != tuple(Var(loop.name) for loop in data):
        raise ScheduleError(f"stage {name!r} has been scheduled already: move it first, then split its loops")
    return StageDefinition(data, reduction, tuple(guards), stmt)
