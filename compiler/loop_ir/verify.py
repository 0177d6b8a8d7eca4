"""The verifier of the loop IR, run after every pass: a `LoopFunc` in, nothing out, `VerifyError` where a rule of nodes.py is broken.

Rules that hold at every stage
    buffer and loop names are unique where they are visible; every buffer is a parameter or allocated around its use, with the same shape,
    dtype and scope; loops and buffers have positive extents; an access has one int64 index per axis; operand dtypes agree; conditions are
    bool; parameters are global; a vectorized loop stands in no other vectorized loop
Rules once lowered
    no `Update`; parallel loops stand at the root, under nothing but `Seq` and `Allocate`; allocated buffers are local or register, and a
    parallel loop uses none from outside; indices of register buffers hang on unrolled and vectorized loops only
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from compiler.errors import VerifyError
from compiler.loop_ir.nodes import Allocate, For, IfThen, LoopFunc, LoopKind, Seq, Stmt, Store, Update
from compiler.loop_ir.printer import print_expr, print_stmt
from compiler.te import BINARY_OPS, FUNCTIONS, Binary, Buffer, Call, Const, Expr, Load, Reduce, Select, Var, children, names_in
from compiler.tensor_type import BOOL, INT64


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is visible at one place of the function."""

    func: LoopFunc
    lowered: bool
    buffers: Mapping[str, Buffer] = field(default_factory=dict)
    loops: Mapping[str, For] = field(default_factory=dict)
    private: frozenset[str] = frozenset()  # local and register buffers from outside the enclosing parallel loop
    at_root: bool = True
    checked: dict[int, Expr] = field(default_factory=dict)  # nodes found right with these buffers and kinds of loops, by identity

    def fail(self, message: str) -> NoReturn:
        raise VerifyError(f"{self.func.name}: {message}")

    def with_buffer(self, buffer: Buffer) -> "_Scope":
        return replace(self, buffers={**self.buffers, buffer.name: buffer}, checked={})

    def with_loop(self, loop: For) -> "_Scope":
        private = self.private
        if self.lowered and loop.kind is LoopKind.PARALLEL:
            private = frozenset(buffer.name for buffer in self.buffers.values() if buffer.scope != "global")
        return replace(self, loops={**self.loops, loop.name: loop}, private=private, at_root=False, checked={})


def verify(func: LoopFunc, lowered: bool = False) -> LoopFunc:
    """Raises `VerifyError` on the first rule broken; returns `func` itself, so that a pass may end in `return verify(...)`."""
    scope = _Scope(func, lowered)
    for buffer in func.params:
        if buffer.scope != "global":
            scope.fail(f"parameter {buffer.name} has scope {buffer.scope}; parameters are global")
        _check_declaration(buffer, scope)
        scope = scope.with_buffer(buffer)
    _check_stmt(func.body, scope)
    return func


def _check_declaration(buffer: Buffer, scope: _Scope) -> None:
    if buffer.name in scope.buffers:
        scope.fail(f"buffer {buffer.name} is declared twice")
    if any(extent < 1 for extent in buffer.shape):
        scope.fail(f"buffer {buffer.name} has shape {list(buffer.shape)}; extents are at least 1")


def _check_stmt(stmt: Stmt, scope: _Scope) -> None:
    match stmt:
        case For(name, extent, body, kind, _, _):
            _check_loop(stmt, name, extent, kind, scope)
            _check_stmt(body, scope.with_loop(stmt))
        case Seq(stmts):
            for sub in stmts:
                _check_stmt(sub, scope)
        case IfThen(condition, body):
            _check_expr(condition, scope)
            if condition.dtype != BOOL:
                scope.fail(f"condition {print_expr(condition)} is {condition.dtype}, not bool")
            _check_stmt(body, replace(scope, at_root=False))
        case Allocate(buffer, body):
            _check_declaration(buffer, scope)
            if scope.lowered and buffer.scope == "global":
                scope.fail(f"buffer {buffer.name} is allocated in global scope; once lowered it must be a workspace parameter")
            _check_stmt(body, scope.with_buffer(buffer))
        case Store(buffer, indices, value) | Update(buffer, indices, _, value):
            if scope.lowered and isinstance(stmt, Update):
                scope.fail(f"{print_stmt(stmt)}: reductions are plain stores once lowered")
            _check_access(buffer, indices, scope)
            for index in indices:
                _check_expr(index, scope)
            _check_expr(value, scope)
            if value.dtype != buffer.dtype:
                scope.fail(f"{print_stmt(stmt)}: stores {value.dtype} into {buffer.name}, which is {buffer.dtype}")


def _check_loop(loop: For, name: str, extent: int, kind: LoopKind, scope: _Scope) -> None:
    if name in scope.loops:
        scope.fail(f"loop {name} stands inside a loop of the same name")
    if extent < 1:
        scope.fail(f"loop {name} has extent {extent}; extents are at least 1")
    if kind is LoopKind.VECTORIZED:
        outer = next((other.name for other in scope.loops.values() if other.kind is LoopKind.VECTORIZED), None)
        if outer:
            scope.fail(f"vectorized loop {name} stands inside vectorized loop {outer}")
    if kind is LoopKind.PARALLEL and scope.lowered and not scope.at_root:
        scope.fail(f"parallel loop {name} does not stand at the root: {print_stmt(loop).splitlines()[0].strip()}")


def _check_access(buffer: Buffer, indices: tuple[Expr, ...], scope: _Scope) -> None:
    declared = scope.buffers.get(buffer.name)
    if declared is None:
        scope.fail(f"buffer {buffer.name} is neither a parameter nor allocated around its use; visible: {', '.join(scope.buffers)}")
    if (declared.shape, declared.dtype, declared.scope) != (buffer.shape, buffer.dtype, buffer.scope):
        scope.fail(
            f"buffer {buffer.name} is used as {buffer.dtype}{list(buffer.shape)} in {buffer.scope}, "
            f"declared as {declared.dtype}{list(declared.shape)} in {declared.scope}"
        )
    if len(indices) != len(buffer.shape):
        scope.fail(f"buffer {buffer.name} has {len(buffer.shape)} axes, indexed with {len(indices)}")
    for index in indices:
        if index.dtype != INT64:
            scope.fail(f"index {print_expr(index)} of {buffer.name} is {index.dtype}, not int64")
    if buffer.name in scope.private:
        scope.fail(f"buffer {buffer.name} is {buffer.scope}, but used by a parallel loop from outside of it")
    if scope.lowered and buffer.scope == "register":
        _check_register_indices(buffer, indices, scope)


def _check_register_indices(buffer: Buffer, indices: tuple[Expr, ...], scope: _Scope) -> None:
    for index in indices:
        for name in names_in(index).variables:
            loop = scope.loops.get(name)
            if loop and loop.extent > 1 and loop.kind not in (LoopKind.UNROLLED, LoopKind.VECTORIZED):
                scope.fail(f"register buffer {buffer.name} is indexed with {loop.name}, a {loop.kind.value} loop; unroll it")


def _check_expr(root: Expr, scope: _Scope) -> None:
    for name in names_in(root).variables:
        if name not in scope.loops:
            scope.fail(f"unknown variable {name}; visible loops: {', '.join(scope.loops) or 'none'}")
    rest = [root]
    while rest:
        expr = rest.pop()
        if id(expr) not in scope.checked:
            scope.checked[id(expr)] = expr
            _check_node(expr, scope)
            rest.extend(children(expr))


def _check_node(expr: Expr, scope: _Scope) -> None:
    if isinstance(expr, Binary):
        _check_binary(expr, scope)
    elif isinstance(expr, Const):
        _check_constant(expr.value, expr.dtype, scope)
    elif isinstance(expr, Var):
        if expr.dtype != INT64:
            scope.fail(f"variable {expr.name} is {expr.dtype}; loop variables are int64")
    elif isinstance(expr, Load):
        _check_access(expr.buffer, expr.indices, scope)
    elif isinstance(expr, Select):
        if expr.condition.dtype != BOOL:
            scope.fail(f"{print_expr(expr)}: the condition is {expr.condition.dtype}, not bool")
        if expr.then.dtype != expr.otherwise.dtype:
            scope.fail(f"{print_expr(expr)}: the arms are {expr.then.dtype} and {expr.otherwise.dtype}")
    elif isinstance(expr, Call):
        if expr.function not in FUNCTIONS or len(expr.args) != 1:
            scope.fail(f"{print_expr(expr)}: no function {expr.function!r} of {len(expr.args)} arguments")
        if expr.function == "not" and expr.args[0].dtype != BOOL:
            scope.fail(f"{print_expr(expr)}: the operand is {expr.args[0].dtype}, not bool")
    elif isinstance(expr, Reduce):
        scope.fail(f"{print_expr(expr)}: a reduction is an Update here, not an expression")


def _check_binary(expr: Binary, scope: _Scope) -> None:
    op, a, b = expr.op, expr.a, expr.b
    if op not in BINARY_OPS:
        scope.fail(f"unknown operation {op!r}; known: {', '.join(sorted(BINARY_OPS))}")
    if a.dtype != b.dtype:
        scope.fail(f"operands of {op} are {a.dtype} and {b.dtype}: {print_expr(a)}, {print_expr(b)}")
    if op in ("and", "or") and a.dtype != BOOL:
        scope.fail(f"operands of {op} are {a.dtype}, not bool: {print_expr(a)}, {print_expr(b)}")


def _check_constant(value: bool | int | float, dtype: np.dtype[Any], scope: _Scope) -> None:
    kinds = {"b": (bool, np.bool_), "i": (int, np.integer), "u": (int, np.integer), "f": (float, int, np.floating)}
    if dtype.kind not in kinds or not isinstance(value, kinds[dtype.kind]):
        scope.fail(f"constant {value!r} is of Python type {type(value).__name__}, which does not fit {dtype}")
