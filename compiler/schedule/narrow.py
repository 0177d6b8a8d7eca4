"""narrow: keep numbers that have been rounded to three bytes in three bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import Allocate, For, LoopFunc, Stmt, Store, Update, map_statement, seq, walk_statements
from compiler.schedule.locate import find_buffer, find_stage, load_mapper, replace
from compiler.schedule.step import register_step
from compiler.te import HIGH, LOW, Buffer, Expr, Load, Select, Var, high_part, is_narrow, joined, low_part
from compiler.tensor_type import FLOAT32


@register_step
@dataclass(frozen=True, slots=True)
class Narrow:
    """Two new stages hold the parts of the numbers of `stage` (`te/narrow_float.py`); who reads `stage` reads and joins these.

    For constants, which are then loaded in three quarters of the bytes; `stage` itself is needed while they are packed only. Refused where
    a number might lose bits: what `stage` stores must be rounded, or be copied from what is.

    for i: w[i] = rounded(weight[i])      ->      for i: w[i] = rounded(weight[i])
    for i: y[i] = x[i] * w[i]                     for i: w.high[i] = high_part(w[i])
                                                  for i: w.low[i] = low_part(w[i])
                                                  for i: y[i] = x[i] * joined(w.high[i], w.low[i])
    """

    kind: ClassVar[str] = "narrow"
    stage: str

    def apply(self, func: LoopFunc) -> LoopFunc:
        source = find_buffer(func, self.stage)
        if source.dtype != FLOAT32 or source.scope != "global" or any(param.name == self.stage for param in func.params):
            raise ScheduleError(f"narrow: {self.stage!r} is a parameter, no float32, or not visible everywhere")
        if not _is_rounded(func, self.stage):
            raise ScheduleError(f"narrow: {self.stage!r} holds numbers that are not rounded to three bytes")
        high, low = Buffer(f"{self.stage}.high", source.shape, HIGH), Buffer(f"{self.stage}.low", source.shape, LOW)
        join = load_mapper(self.stage, lambda load: joined(Load(high, load.indices), Load(low, load.indices)))
        body = map_statement(func.body, lambda _: None, join)
        nest = find_stage(body, self.stage)
        parts = (_fill(high, source, high_part), _fill(low, source, low_part))
        return LoopFunc(func.name, func.params, Allocate(high, Allocate(low, replace(body, nest, seq(nest, *parts)))))


def _fill(buffer: Buffer, source: Buffer, part: Callable[[Expr], Expr]) -> Stmt:
    """buffer[...] = part(source[...])"""
    variables = tuple(Var(f"{buffer.name}.d{axis}") for axis in range(len(buffer.shape)))
    stmt: Stmt = Store(buffer, variables, part(Load(source, variables)))
    for variable, extent in zip(reversed(variables), reversed(buffer.shape), strict=True):
        stmt = For(variable.name, extent, stmt)
    return stmt


def _is_rounded(func: LoopFunc, name: str) -> bool:
    stores = [stmt for stmt in walk_statements(func.body) if isinstance(stmt, Store | Update) and stmt.buffer.name == name]
    return bool(stores) and all(isinstance(stmt, Store) and _is_rounded_value(func, stmt.value) for stmt in stores)


def _is_rounded_value(func: LoopFunc, value: Expr) -> bool:
    match value:
        case Load(buffer, _):
            return _is_rounded(func, buffer.name)
        case Select(_, then, otherwise):
            return _is_rounded_value(func, then) and _is_rounded_value(func, otherwise)
    return is_narrow(value)
