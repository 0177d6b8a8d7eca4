"""Workload + schedule -> two functions that code generation can take as they are. Next: `compiler/codegen`."""

from collections.abc import Iterator
from math import prod

from compiler.errors import ScheduleError
from compiler.loop_ir import (
    Allocate,
    For,
    IfThen,
    LoopFunc,
    LoopKind,
    Stmt,
    Store,
    simplify_func,
    sub_statements,
    verify,
    walk_statements,
)
from compiler.lower.flatten_buffers import flatten_buffers
from compiler.lower.lowered import LoweredKernel
from compiler.lower.peel_tails import peel_tails
from compiler.lower.place_reduction_init import place_reduction_init
from compiler.lower.separate_constants import separate_constants
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.te import names_in
from compiler.workload import Workload

MAX_LOCAL_BYTES = 4 * 1024 * 1024  # scratch stands on the stack of a thread, which is 8 MiB on Linux
MAX_REGISTER_ELEMENTS = 8192


def lower(workload: Workload, schedule: Schedule, target: Target) -> LoweredKernel:
    """Apply `schedule` to the workload's naive loop nest and lower it; raises `ScheduleError` where that is not possible on `target`."""
    func = lower_func(schedule.apply(workload.naive))
    _check_sizes(func, target)
    _check_shared(func)
    constants = [name for name, argument in zip(workload.argument_names, workload.arguments, strict=True) if argument.constant]
    lowered = separate_constants(func, len(workload.arguments), constants)
    verify(lowered.main, lowered=True)
    if lowered.pack is not None:
        verify(lowered.pack, lowered=True)
    return lowered


def lower_func(func: LoopFunc) -> LoopFunc:
    """The passes over one function, in order."""
    func = place_reduction_init(func)
    func = simplify_func(func)
    func = simplify_func(peel_tails(func))
    return flatten_buffers(func)


def _check_sizes(func: LoopFunc, target: Target) -> None:
    for stmt in walk_statements(func.body):
        if isinstance(stmt, Allocate) and stmt.buffer.scope == "register" and prod(stmt.buffer.shape) > MAX_REGISTER_ELEMENTS:
            elements = prod(stmt.buffer.shape)
            raise ScheduleError(f"register buffer {stmt.buffer.name!r} of {elements} elements: {target.vector_registers} registers exist")
    local = _local_bytes(func.body)
    if local > MAX_LOCAL_BYTES:
        raise ScheduleError(f"scratch of {local} bytes: at most {MAX_LOCAL_BYTES} are allowed")


def _check_shared(func: LoopFunc) -> None:
    """Threads must not write the same elements: what a parallel loop's body writes is its own, or depends on the loop's variable."""
    for loop in walk_statements(func.body):
        if isinstance(loop, For) and loop.kind is LoopKind.PARALLEL and loop.extent > 1:
            own = {stmt.buffer.name for stmt in walk_statements(loop.body) if isinstance(stmt, Allocate)}
            shared = next((name for name in _fixed_targets(loop.body, loop.name) if name not in own), None)
            if shared is not None:
                raise ScheduleError(f"parallel loop {loop.name!r}: every iteration writes the same elements of {shared!r}")


def _fixed_targets(stmt: Stmt, variable: str) -> Iterator[str]:
    """Buffers that `stmt` writes at places that do not depend on `variable`, and whatever its value is."""
    if isinstance(stmt, IfThen) and variable in names_in(stmt.condition).variables:
        return
    if isinstance(stmt, Store) and not any(variable in names_in(index).variables for index in stmt.indices):
        yield stmt.buffer.name
    for sub in sub_statements(stmt):
        yield from _fixed_targets(sub, variable)


def _local_bytes(stmt: Stmt) -> int:
    """Scratch alive at the same time; what stands in versions of a loop's body is counted once."""
    inner = max((_local_bytes(sub) for sub in sub_statements(stmt)), default=0)
    if isinstance(stmt, Allocate) and stmt.buffer.scope == "local":
        return inner + prod(stmt.buffer.shape) * stmt.buffer.dtype.itemsize
    return inner
