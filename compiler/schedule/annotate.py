"""unroll, vectorize, parallel: say how a loop runs. (Bindings to the blocks and threads of a GPU are of the same form.)"""

from dataclasses import dataclass
from typing import ClassVar

from compiler.errors import ScheduleError
from compiler.loop_ir import For, LoopFunc, LoopKind, Stmt, sub_statements
from compiler.schedule.locate import find_loop, path_to, rewrite_loop
from compiler.schedule.step import register_step

MAX_VECTOR_LANES = 64


def _annotate(func: LoopFunc, name: str, kind: LoopKind) -> LoopFunc:
    def rule(loop: For) -> Stmt:
        if loop.kind is not LoopKind.SERIAL:
            raise ScheduleError(f"{name!r} is {loop.kind.value} already")
        return For(loop.name, loop.extent, loop.body, kind, loop.reduce, loop.start)

    return rewrite_loop(func, name, rule)


@register_step
@dataclass(frozen=True, slots=True)
class Unroll:
    """Expand a loop completely: all its iterations stand one after the other in the code.

    for i in range(0, 3):        ->     for i in range(0, 3):  # unrolled
        a[i] = 0                            a[i] = 0
    """

    kind: ClassVar[str] = "unroll"
    loop: str

    def apply(self, func: LoopFunc) -> LoopFunc:
        return _annotate(func, self.loop, LoopKind.UNROLLED)


@register_step
@dataclass(frozen=True, slots=True)
class Vectorize:
    """Run all iterations of a data loop as the lanes of one vector.

    for i in range(0, 16):       ->     for i in range(0, 16):  # vectorized
        a[i] = 0                            a[i] = 0
    """

    kind: ClassVar[str] = "vectorize"
    loop: str

    def apply(self, func: LoopFunc) -> LoopFunc:
        loop = find_loop(func, self.loop)
        if loop.reduce or loop.extent > MAX_VECTOR_LANES:
            raise ScheduleError(f"{self.loop!r} (extent {loop.extent}) cannot be a vector: data loops of at most {MAX_VECTOR_LANES} can")
        nested = [sub for sub in path_to(func.body, loop) or () if isinstance(sub, For) and sub.kind is LoopKind.VECTORIZED]
        if nested or _has_vector(loop.body):
            raise ScheduleError(f"{self.loop!r} stands inside or around another vectorized loop")
        return _annotate(func, self.loop, LoopKind.VECTORIZED)


def _has_vector(stmt: Stmt) -> bool:
    if isinstance(stmt, For) and stmt.kind is LoopKind.VECTORIZED:
        return True
    return any(_has_vector(sub) for sub in sub_statements(stmt))


@register_step
@dataclass(frozen=True, slots=True)
class Parallel:
    """Share the iterations of an outermost data loop among the threads.

    for i in range(0, 64):       ->     for i in range(0, 64):  # parallel
        a[i] = 0                            a[i] = 0
    """

    kind: ClassVar[str] = "parallel"
    loop: str

    def apply(self, func: LoopFunc) -> LoopFunc:
        loop = find_loop(func, self.loop)
        outer = [sub.name for sub in path_to(func.body, loop) or () if isinstance(sub, For) and sub is not loop]
        if loop.reduce or outer:
            raise ScheduleError(f"{self.loop!r} cannot be parallel: it is a reduction or stands inside {', '.join(outer) or 'nothing'}")
        return _annotate(func, self.loop, LoopKind.PARALLEL)
