"""numpy dtypes as LLVM types and constants. A bool is i1 as a value and one byte in memory; a vector type is made for each lane count."""

import functools
from typing import Any

import numpy as np
from llvmlite import ir

from compiler.errors import CodegenError

Dtype = np.dtype[Any]

I1, I8, I32, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
FLOAT, DOUBLE, HALF = ir.FloatType(), ir.DoubleType(), ir.HalfType()
POINTER, VOID = ir.PointerType(), ir.VoidType()

_BY_NAME = {
    "bool": I1,
    "int8": I8,
    "uint8": I8,
    "int16": ir.IntType(16),
    "uint16": ir.IntType(16),
    "int32": I32,
    "uint32": I32,
    "int64": I64,
    "uint64": I64,
    "float16": HALF,
    "float32": FLOAT,
    "float64": DOUBLE,
}
_VALUE_TYPES = {np.dtype(name): kind for name, kind in _BY_NAME.items()}
_SUFFIXES = {FLOAT: "f32", DOUBLE: "f64", HALF: "f16", I1: "i1", I8: "i8", ir.IntType(16): "i16", I32: "i32", I64: "i64", POINTER: "p0"}


class Literal(ir.Value):  # type: ignore[misc]
    """A constant, spelled as LLVM's assembly has it."""

    __slots__ = ("_reference", "operand", "type")

    def __init__(self, kind: ir.Type, reference: str) -> None:
        self.type = kind
        self._reference = reference
        self.operand = f"{kind} {reference}"

    def get_reference(self) -> str:
        return self._reference

    def __str__(self) -> str:
        return self.operand


def value_type(dtype: Dtype) -> ir.Type:
    found = _VALUE_TYPES.get(dtype)
    if found is None:
        raise CodegenError(f"dtype {dtype.name} has no LLVM code; supported: {', '.join(_BY_NAME)}")
    return found


def memory_type(dtype: Dtype) -> ir.Type:
    return I8 if dtype.kind == "b" else value_type(dtype)


@functools.cache
def vector_of(scalar: ir.Type, lanes: int) -> ir.Type:
    """The vector type of `lanes` lanes; the scalar itself for 0."""
    return ir.VectorType(scalar, lanes) if lanes else scalar


def lanes_of(kind: ir.Type) -> int:
    """Lane count; 0 for a scalar."""
    return kind.count if isinstance(kind, ir.VectorType) else 0


def scalar_of(kind: ir.Type) -> ir.Type:
    return kind.element if isinstance(kind, ir.VectorType) else kind


def suffix(kind: ir.Type) -> str:
    """The type as intrinsics spell it in their names: v16f32."""
    return f"v{kind.count}{_SUFFIXES[kind.element]}" if isinstance(kind, ir.VectorType) else _SUFFIXES[kind]


def constant(kind: ir.Type, value: bool | int | float) -> ir.Value:
    """`value` in every lane of `kind`."""
    scalar = scalar_of(kind)
    if scalar is I1:
        text = "true" if value else "false"
    elif isinstance(scalar, ir.IntType):
        text = str(_wrap(int(value), scalar.width))
    else:
        text = ir.Constant(scalar, float(np.float16(value)) if scalar is HALF else float(value)).get_reference()
    return Literal(kind, f"splat ({scalar} {text})" if isinstance(kind, ir.VectorType) else text)


def _wrap(value: int, width: int) -> int:
    return value if -(1 << (width - 1)) <= value < 1 << (width - 1) else (value + (1 << (width - 1))) % (1 << width) - (1 << (width - 1))


def lane_numbers(scalar: ir.IntType, lanes: int, stride: int = 1) -> ir.Value:
    """<0, stride, 2 * stride, ...>."""
    items = ", ".join(f"{scalar} {lane * stride}" for lane in range(lanes))
    return Literal(vector_of(scalar, lanes), f"<{items}>")


def poison(kind: ir.Type) -> ir.Value:
    return Literal(kind, "poison")


def zero(kind: ir.Type) -> ir.Value:
    return Literal(kind, "zeroinitializer")
