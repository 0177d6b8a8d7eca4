"""Simplify every expression of a function under the ranges of the loops around it; drop what can never run."""

from compiler.loop_ir.affine import Range, simplify
from compiler.loop_ir.nodes import Allocate, For, IfThen, LoopFunc, Seq, Stmt, Store, Update, seq
from compiler.te import Binary, Call, Const, Expr, Var, substitute
from compiler.tensor_type import BOOL


def simplify_func(func: LoopFunc) -> LoopFunc:
    """Same function; conditions known from the loop ranges are gone, and loops of one iteration too (unless they carry a meaning)."""
    return LoopFunc(func.name, func.params, simplify_stmt(func.body, {}))


def _restrict(loop: For, condition: Expr) -> tuple[int, int] | None:
    """(start, extent) of the part of the loop in which a condition on its variable alone holds, or None for any other condition."""
    end = loop.start + loop.extent
    match condition:
        case Binary("lt", Var(name), Const(limit)) if name == loop.name:
            return loop.start, max(0, min(end, int(limit)) - loop.start)
        case Binary("lt", Const(limit), Var(name)) if name == loop.name:
            start = max(loop.start, int(limit) + 1)
            return start, max(0, end - start)
    return None


def _known(condition: Expr) -> Expr:
    """`not` of a constant as a constant."""
    match condition:
        case Call("not", (Const(value),)):
            return Const(not value, BOOL)
    return condition


def simplify_stmt(stmt: Stmt, ranges: dict[str, Range]) -> Stmt:
    match stmt:
        case For(name, extent, body, kind, reduce, start):
            inner = {**ranges, name: (start, start + extent - 1)}
            body = simplify_stmt(body, inner)
            while isinstance(body, IfThen) and (narrowed := _restrict(For(name, extent, body, kind, reduce, start), body.condition)):
                start, extent = narrowed
                body = simplify_stmt(body.body, {**ranges, name: (start, start + extent - 1)})
                if extent == 0:
                    return Seq(())
            if isinstance(body, Seq) and not body.stmts:
                return body
            if extent == 1 and kind != "vectorized" and kind != "parallel" and not reduce:
                return simplify_stmt(substitute_stmt(body, {name: Const(start)}), ranges)
            return For(name, extent, body, kind, reduce, start)
        case IfThen(condition, body):
            condition = _known(simplify(condition, ranges))
            if isinstance(condition, Const):
                return simplify_stmt(body, ranges) if condition.value else Seq(())
            body = simplify_stmt(body, ranges)
            return body if isinstance(body, Seq) and not body.stmts else IfThen(condition, body)
        case Seq(stmts):
            return seq(*(simplify_stmt(sub, ranges) for sub in stmts))
        case Allocate(buffer, body):
            return Allocate(buffer, simplify_stmt(body, ranges))
        case Store(buffer, indices, value):
            return Store(buffer, tuple(simplify(index, ranges) for index in indices), simplify(value, ranges))
        case Update(buffer, indices, combiner, value):
            return Update(buffer, tuple(simplify(index, ranges) for index in indices), combiner, simplify(value, ranges))


def substitute_stmt(stmt: Stmt, values: dict[str, Expr]) -> Stmt:
    """Replace variables by expressions throughout a statement."""
    match stmt:
        case For(name, extent, body, kind, reduce, start):
            return For(name, extent, substitute_stmt(body, values), kind, reduce, start)
        case IfThen(condition, body):
            return IfThen(substitute(condition, values), substitute_stmt(body, values))
        case Seq(stmts):
            return Seq(tuple(substitute_stmt(sub, values) for sub in stmts))
        case Allocate(buffer, body):
            return Allocate(buffer, substitute_stmt(body, values))
        case Store(buffer, indices, value):
            return Store(buffer, tuple(substitute(index, values) for index in indices), substitute(value, values))
        case Update(buffer, indices, combiner, value):
            return Update(buffer, tuple(substitute(index, values) for index in indices), combiner, substitute(value, values))
