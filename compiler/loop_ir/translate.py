"""Python source for a loop nest, for `interpret.py`: `LoopFunc` in, a callable over flat memoryviews out.

def run(b0, b1):                                 one flat memoryview per parameter
    for v0, v1 in product(range(0, 4), ...):     perfectly nested loops become one: CPython allows 20 nested blocks
        if v1 == 0: b1[...] = 0.0                the identity of an Update
        b1[v0 if ... else outside(...)] = ...    checks stand in the index; loop variables inside the extent need none
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import isfinite, prod
from typing import Any, NoReturn

import numpy as np

from compiler.errors import VerifyError
from compiler.loop_ir.nodes import Allocate, For, IfThen, LoopFunc, Seq, Stmt, Store, Update
from compiler.loop_ir.scalar_functions import FUNCTION_TABLE, cast_value, divide, floor_divide, maximum, minimum, modulo, power
from compiler.te import Binary, Buffer, Call, Cast, Const, Expr, Load, Reduce, Select, Var

INFIX = {"add": "+", "sub": "-", "mul": "*", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "and": "and", "or": "or"}
CALLED: Mapping[str, Callable[[Any, Any], Any]] = {
    "div": divide,
    "floordiv": floor_divide,
    "mod": modulo,
    "min": minimum,
    "max": maximum,
    "pow": power,
}
COMBINE = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}


def identity(combiner: str, dtype: np.dtype[Any]) -> bool | int | float:
    """What a reduction starts from: 0, 1, or the least or greatest value of `dtype`."""
    if combiner in ("sum", "prod"):
        value: bool | int | float = np.asarray(0 if combiner == "sum" else 1, dtype).item()
        return value
    if dtype.kind == "f":
        return -np.inf if combiner == "max" else np.inf
    if dtype.kind == "b":
        return combiner == "min"
    info = np.iinfo(dtype)
    return int(info.min if combiner == "max" else info.max)


def _outside(buffer: Buffer, index: Sequence[int]) -> NoReturn:
    raise VerifyError(f"{buffer.name}{list(index)} is out of bounds: its shape is {list(buffer.shape)}")


def _poisoned(buffer: Buffer) -> memoryview:
    dtype = buffer.dtype
    poison = np.nan if dtype.kind == "f" else dtype.kind == "b" or np.iinfo(dtype).min
    return np.full(prod(buffer.shape), poison, dtype).data


@dataclass(slots=True)
class _Writer:
    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    buffers: dict[str, str] = field(default_factory=dict)
    loops: dict[str, tuple[str, For]] = field(default_factory=dict)
    reduce_outside: dict[str, int] = field(default_factory=dict)  # per allocated buffer, how many reduce loops surround its Allocate
    reduce_loops: list[For] = field(default_factory=list)
    count: int = 0

    def fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def constant(self, value: Any) -> str:
        name = self.fresh("k")
        self.names[name] = value
        return name

    def emit(self, depth: int, line: str) -> None:
        self.lines.append(" " * depth + line)


def translate(func: LoopFunc) -> Callable[..., None]:
    """A callable of one flat memoryview per parameter; `func` is assumed to be verified."""
    writer = _Writer(names={"product": product, "outside": _outside, "poisoned": _poisoned, "cast_value": cast_value})
    writer.names |= {f"f_{name}": function for name, function in FUNCTION_TABLE.items()}
    writer.names |= {f"op_{name}": function for name, function in CALLED.items()}
    for buffer in func.params:
        writer.buffers[buffer.name] = writer.fresh("b")
    writer.emit(0, f"def run({', '.join(writer.buffers.values())}):")
    _statement(func.body, writer, 1)
    source = "\n".join(writer.lines)
    exec(compile(source, f"<interpreter of {func.name}>", "exec"), writer.names)
    run: Callable[..., None] = writer.names["run"]
    return run


def _statement(stmt: Stmt, writer: _Writer, depth: int) -> None:
    match stmt:
        case For():
            _loops(stmt, writer, depth)
        case IfThen(condition, body):
            writer.emit(depth, f"if {_expr(condition, writer)}:")
            _statement(body, writer, depth + 1)
        case Seq(stmts):
            for sub in stmts:
                _statement(sub, writer, depth)
            if not stmts:
                writer.emit(depth, "pass")
        case Allocate(buffer, body):
            _allocate(buffer, body, writer, depth)
        case Store(buffer, indices, value):
            writer.emit(depth, f"{_element(buffer, indices, writer)} = {_expr(value, writer)}")
        case Update():
            _update(stmt, writer, depth)


def _loops(loop: For, writer: _Writer, depth: int) -> None:
    nest = [loop]
    while isinstance(nest[-1].body, For):
        nest.append(nest[-1].body)
    saved, reduces = dict(writer.loops), len(writer.reduce_loops)
    for each in nest:
        writer.loops[each.name] = (writer.fresh("v"), each)
    writer.reduce_loops += [each for each in nest if each.reduce]
    variables = ", ".join(writer.loops[each.name][0] for each in nest)
    ranges = ", ".join(f"range({each.start}, {each.start + each.extent})" for each in nest)
    writer.emit(depth, f"for {variables} in {ranges if len(nest) == 1 else f'product({ranges})'}:")
    _statement(nest[-1].body, writer, depth + 1)
    writer.loops = saved
    del writer.reduce_loops[reduces:]


def _allocate(buffer: Buffer, body: Stmt, writer: _Writer, depth: int) -> None:
    name = writer.fresh("b")
    writer.buffers[buffer.name] = name
    writer.reduce_outside[buffer.name] = len(writer.reduce_loops)
    writer.emit(depth, f"{name} = poisoned({writer.constant(buffer)})")
    _statement(body, writer, depth)
    del writer.buffers[buffer.name], writer.reduce_outside[buffer.name]


def _update(stmt: Update, writer: _Writer, depth: int) -> None:
    place = writer.fresh("t")
    element = f"{writer.buffers[stmt.buffer.name]}[{place}]"
    started = [
        f"{writer.loops[loop.name][0]} == {loop.start}" for loop in writer.reduce_loops[writer.reduce_outside.get(stmt.buffer.name, 0) :]
    ]
    writer.emit(depth, f"{place} = {_offset(stmt.buffer, stmt.indices, writer)}")
    start = writer.constant(identity(stmt.combiner, stmt.buffer.dtype))
    writer.emit(depth, f"if {' and '.join(started) or 'True'}: {element} = {start}")
    op = COMBINE[stmt.combiner]
    value = _expr(stmt.value, writer)
    writer.emit(depth, f"{element} = " + (f"{element} {INFIX[op]} {value}" if op in INFIX else f"op_{op}({element}, {value})"))


def _element(buffer: Buffer, indices: tuple[Expr, ...], writer: _Writer) -> str:
    return f"{writer.buffers[buffer.name]}[{_offset(buffer, indices, writer)}]"


def _offset(buffer: Buffer, indices: tuple[Expr, ...], writer: _Writer) -> str:
    """The flat index, with a check for every axis whose index is more than a loop variable that stays inside."""
    terms: list[str] = []
    checks: list[str] = []
    stride = prod(buffer.shape)
    for index, extent in zip(indices, buffer.shape, strict=True):
        stride //= extent
        text = _expr(index, writer)
        if not _stays_inside(index, extent, writer):
            name = writer.fresh("t")
            checks.append(f"0 <= ({name} := {text}) < {extent}")
            text = name
        terms.append(text if stride == 1 else f"{text} * {stride}")
    offset = " + ".join(terms) or "0"
    if not checks:
        return offset
    every_index = "".join(f"{_expr(index, writer)}, " for index in indices)
    return f"{offset} if {' and '.join(checks)} else outside({writer.constant(buffer)}, ({every_index}))"


def _stays_inside(index: Expr, extent: int, writer: _Writer) -> bool:
    if isinstance(index, Const):
        return 0 <= index.value < extent
    if isinstance(index, Var):
        loop = writer.loops[index.name][1]
        return loop.start >= 0 and loop.start + loop.extent <= extent
    return False


def _expr(expr: Expr, writer: _Writer) -> str:
    match expr:
        case Const(value, dtype):
            exact = np.asarray(value, dtype).item()
            return repr(exact) if isfinite(exact) else writer.constant(exact)
        case Var(name, _):
            return writer.loops[name][0]
        case Binary(op, a, b) if op in INFIX:
            return f"({_expr(a, writer)} {INFIX[op]} {_expr(b, writer)})"
        case Binary(op, a, Const(value)) if op in ("floordiv", "mod") and a.dtype.kind == "i" and value > 0:
            return f"({_expr(a, writer)} {'//' if op == 'floordiv' else '%'} {value})"
        case Binary(op, a, b):
            return f"op_{op}({_expr(a, writer)}, {_expr(b, writer)})"
        case Call(function, args):
            return f"f_{function}({', '.join(_expr(arg, writer) for arg in args)})"
        case Select(condition, then, otherwise):
            return f"({_expr(then, writer)} if {_expr(condition, writer)} else {_expr(otherwise, writer)})"
        case Cast(dtype, value):
            return f"cast_value({_expr(value, writer)}, {writer.constant(dtype)})"
        case Load(buffer, indices):
            return _element(buffer, indices, writer)
        case Reduce():
            raise VerifyError("a reduction is an Update in the loop IR, not an expression")
