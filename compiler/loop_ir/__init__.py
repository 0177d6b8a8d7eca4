"""The loop IR: nodes, construction from tensor expressions, printer, verifier, interpreter, simplifier. Next: `compiler/schedule`."""

from compiler.loop_ir.affine import Linear, Range, Ranges, bounds, linear, linear_bounds, simplify
from compiler.loop_ir.build import as_buffer, build_loop_func, build_stage
from compiler.loop_ir.interpret import interpret, interpreter
from compiler.loop_ir.nodes import (
    Allocate,
    For,
    IfThen,
    LoopFunc,
    LoopKind,
    Seq,
    Stmt,
    Store,
    Update,
    expressions,
    map_expressions,
    map_statement,
    seq,
    sub_statements,
    walk_statements,
)
from compiler.loop_ir.printer import print_expr, print_func, print_stmt
from compiler.loop_ir.simplify_loops import simplify_func, simplify_stmt, substitute_stmt
from compiler.loop_ir.verify import verify

__all__ = [
    "Allocate",
    "For",
    "IfThen",
    "Linear",
    "LoopFunc",
    "LoopKind",
    "Range",
    "Ranges",
    "Seq",
    "Stmt",
    "Store",
    "Update",
    "as_buffer",
    "bounds",
    "build_loop_func",
    "build_stage",
    "expressions",
    "interpret",
    "interpreter",
    "linear",
    "linear_bounds",
    "map_expressions",
    "map_statement",
    "print_expr",
    "print_func",
    "print_stmt",
    "seq",
    "simplify",
    "simplify_func",
    "simplify_stmt",
    "sub_statements",
    "substitute_stmt",
    "verify",
    "walk_statements",
]
