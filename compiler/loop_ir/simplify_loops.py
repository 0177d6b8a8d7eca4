"""Simplify every expression of a function under the ranges of the loops around it; drop what can never run."""

from operator import is_

from compiler.loop_ir.affine import Range, simplify
from compiler.loop_ir.nodes import Allocate, For, IfThen, LoopFunc, Seq, Stmt, Store, Update, map_expressions, map_statement, seq
from compiler.te import Binary, Call, Const, Expr, Var, substituter
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
        case For(name, extent, old, kind, reduce, start):
            inner = {**ranges, name: (start, start + extent - 1)}
            body = simplify_stmt(old, inner)
            while isinstance(body, IfThen) and (narrowed := _restrict(For(name, extent, body, kind, reduce, start), body.condition)):
                start, extent = narrowed
                body = simplify_stmt(body.body, {**ranges, name: (start, start + extent - 1)})
                if extent == 0:
                    return Seq(())
            if isinstance(body, Seq) and not body.stmts:
                return body
            if extent == 1 and kind != "vectorized" and kind != "parallel" and not reduce:
                return simplify_stmt(substitute_stmt(body, {name: Const(start)}), ranges)
            return stmt if body is old else For(name, extent, body, kind, reduce, start)
        case IfThen(old_condition, old):
            condition = _known(simplify(old_condition, ranges))
            if isinstance(condition, Const):
                return simplify_stmt(old, ranges) if condition.value else Seq(())
            body = simplify_stmt(old, ranges)
            if isinstance(body, Seq) and not body.stmts:
                return body
            return stmt if body is old and condition is old_condition else IfThen(condition, body)
        case Seq(stmts):
            new = [simplify_stmt(sub, ranges) for sub in stmts]
            return stmt if all(map(is_, stmts, new)) else seq(*new)
        case Allocate(buffer, old):
            body = simplify_stmt(old, ranges)
            return stmt if body is old else Allocate(buffer, body)
        case Store() | Update():
            return map_expressions(stmt, lambda expr: simplify(expr, ranges))


def substitute_stmt(stmt: Stmt, values: dict[str, Expr]) -> Stmt:
    """Replace variables by expressions throughout a statement."""
    return map_statement(stmt, lambda _: None, substituter(values))
