"""Loop nests as text, for people and golden tests: `LoopFunc` in, Python-like lines out. Equal functions print equally.

    def matmul(a: float32[4, 8], b: float32[8, 6], c: float32[4, 6]):
        for c.i in range(0, 4):  # parallel
            for c.j in range(0, 6):
                for c.k in range(0, 8):  # reduce
                    c[c.i, c.j] += a[c.i, c.k] * b[c.k, c.j]

Numbers of type int64, float32 and bool stand plain, others carry their type (`2:int32`).
"""

from collections.abc import Iterator
from math import isfinite

from compiler.loop_ir.nodes import Allocate, For, IfThen, LoopFunc, LoopKind, Seq, Stmt, Store, Update
from compiler.te import Binary, Buffer, Call, Cast, Const, Expr, Load, Reduce, Select, Var
from compiler.tensor_type import BOOL, FLOAT32, INT64, TensorType

INDENT = "    "
SYMBOLS = {
    "or": ("or", 1),
    "and": ("and", 2),
    "lt": ("<", 4),
    "le": ("<=", 4),
    "gt": (">", 4),
    "ge": (">=", 4),
    "eq": ("==", 4),
    "ne": ("!=", 4),
    "add": ("+", 5),
    "sub": ("-", 5),
    "mul": ("*", 6),
    "div": ("/", 6),
    "floordiv": ("//", 6),
    "mod": ("%", 6),
}
COMPARISON = 4
UNARY = 7
ATOM = 9
UPDATES = {"sum": "+=", "prod": "*=", "max": "max=", "min": "min="}


def print_func(func: LoopFunc) -> str:
    """The whole function, one statement a line, without a newline at the end."""
    params = ", ".join(_declaration(buffer) for buffer in func.params)
    return "\n".join([f"def {func.name}({params}):", *_lines(func.body, INDENT)])


def print_stmt(stmt: Stmt) -> str:
    return "\n".join(_lines(stmt, ""))


def print_expr(expr: Expr) -> str:
    """With as few parentheses as keep the tree: `a - (b - c)` but `a - b - c`."""
    return _expr(expr)[0]


def _declaration(buffer: Buffer) -> str:
    text = f"{buffer.name}: {TensorType(buffer.shape, buffer.dtype)}"
    return text if buffer.scope == "global" else f"{text} in {buffer.scope}"


def _lines(stmt: Stmt, indent: str) -> Iterator[str]:
    match stmt:
        case For(name, extent, body, kind, reduce, start):
            marks = [*([kind.value] if kind is not LoopKind.SERIAL else []), *(["reduce"] if reduce else [])]
            yield f"{indent}for {name} in range({start}, {start + extent}):" + (f"  # {', '.join(marks)}" if marks else "")
            yield from _lines(body, indent + INDENT)
        case IfThen(condition, body):
            yield f"{indent}if {print_expr(condition)}:"
            yield from _lines(body, indent + INDENT)
        case Allocate(buffer, body):
            yield f"{indent}with {_declaration(buffer)}:"
            yield from _lines(body, indent + INDENT)
        case Seq(()):
            yield f"{indent}pass"
        case Seq(stmts):
            for sub in stmts:
                yield from _lines(sub, indent)
        case Store(buffer, indices, value):
            yield f"{indent}{_element(buffer, indices)} = {print_expr(value)}"
        case Update(buffer, indices, combiner, value):
            yield f"{indent}{_element(buffer, indices)} {UPDATES[combiner]} {print_expr(value)}"


def _element(buffer: Buffer, indices: tuple[Expr, ...]) -> str:
    return f"{buffer.name}[{', '.join(map(print_expr, indices))}]"


def _constant(const: Const) -> str:
    number = float(const.value) if const.dtype.kind == "f" else const.value
    text = repr(number) if isinstance(number, bool | int) or isfinite(number) else str(number)
    return text if const.dtype in (INT64, FLOAT32, BOOL) else f"{text}:{const.dtype.name}"


def _wrapped(expr: Expr, at_least: int) -> str:
    text, binding = _expr(expr)
    return text if binding >= at_least else f"({text})"


def _expr(expr: Expr) -> tuple[str, int]:
    """The text and how tightly its outermost operator binds."""
    match expr:
        case Const(value, _):
            return _constant(expr), UNARY if value < 0 else ATOM
        case Var(name, _):
            return name, ATOM
        case Binary(op, a, b) if op in SYMBOLS:
            symbol, binding = SYMBOLS[op]
            left = binding + 1 if binding == COMPARISON else binding
            right = binding if op in ("and", "or") else binding + 1
            return f"{_wrapped(a, left)} {symbol} {_wrapped(b, right)}", binding
        case Binary(op, a, b):
            return f"{op}({print_expr(a)}, {print_expr(b)})", ATOM
        case Call("not", (value,)):
            return f"not {_wrapped(value, UNARY)}", 3
        case Call("neg", (value,)):
            return f"-{_wrapped(value, UNARY)}", UNARY
        case Call(function, args):
            return f"{function}({', '.join(map(print_expr, args))})", ATOM
        case Select(condition, then, otherwise):
            return f"select({print_expr(condition)}, {print_expr(then)}, {print_expr(otherwise)})", ATOM
        case Cast(dtype, value):
            return f"{dtype.name}({print_expr(value)})", ATOM
        case Load(buffer, indices):
            return _element(buffer, indices), ATOM
        case Reduce(combiner, value, axes):
            ranges = " ".join(f"for {axis.name} in range(0, {axis.extent})" for axis in axes)
            return f"{combiner}({print_expr(value)} {ranges})", ATOM
