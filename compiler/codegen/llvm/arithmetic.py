"""Binary operators and conversions on values, scalar or vector, by dtype; both operands have the same type.

Integers wrap around; `div` truncates, `floordiv` and `mod` round towards minus infinity, and a division by zero gives some number instead
of a trap. `mod` of floats is C's fmod, `floordiv` the floor of the quotient.

Minimum and maximum of floats are one instruction each. On x86-64 that is min/max(b, a), which gives `a` if either is NaN: a NaN in the
first operand is kept, one in the second is lost, and of a constant and a value the value's is kept. So it is on RISC-V without vectors,
where keeping both would take two more comparisons and branches per lane. Elsewhere both are kept.
"""

from llvmlite import ir

from compiler.codegen.llvm.kernel_module import KernelModule
from compiler.codegen.llvm.llvm_types import I1, I32, I64, Dtype, Literal, constant, lanes_of, scalar_of, suffix, value_type, vector_of
from compiler.codegen.llvm.scope import Scope
from compiler.errors import CodegenError

_PLAIN = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or"}
_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv", "mod": "frem"}


def float_binary(scope: Scope, module: KernelModule, op: str, a: ir.Value, b: ir.Value) -> ir.Value:
    if op in _FLOAT:
        return scope.arithmetic(_FLOAT[op], a, b)
    if op == "floordiv":
        return scope.intrinsic(module.declare(f"llvm.floor.{suffix(a.type)}", a.type, [a.type]), a.type, scope.arithmetic("fdiv", a, b))
    if op in ("min", "max"):
        return float_extremum(scope, module, op, a, b)
    raise CodegenError(f"operator {op!r} is not defined for floats")


def float_extremum(scope: Scope, module: KernelModule, op: str, a: ir.Value, b: ir.Value) -> ir.Value:
    if module.target.arch != "x86_64" and module.target.has_vectors:
        name = f"llvm.{op}imum.{suffix(a.type)}"
        return scope.intrinsic(module.declare(name, a.type, [a.type, a.type]), a.type, a, b)
    if isinstance(a, Literal):
        a, b = b, a
    return scope.choose(scope.compare("fcmp ogt" if op == "min" else "fcmp olt", a, b), b, a)


def integer_binary(scope: Scope, module: KernelModule, op: str, dtype: Dtype, a: ir.Value, b: ir.Value) -> ir.Value:
    unsigned = dtype.kind in "ub"
    if op in _PLAIN:
        return scope.arithmetic(_PLAIN[op], a, b)
    if op in ("min", "max"):
        function = module.declare(f"llvm.{'u' if unsigned else 's'}{op}.{suffix(a.type)}", a.type, [a.type, a.type])
        return scope.intrinsic(function, a.type, a, b)
    if op == "pow":
        return _integer_power(scope, dtype, a, b)
    if op not in ("div", "floordiv", "mod"):
        raise CodegenError(f"operator {op!r} is not defined for {dtype.name}")
    a, b = _without_traps(scope, dtype, a, b)
    if unsigned:
        return scope.arithmetic("urem" if op == "mod" else "udiv", a, b)
    quotient = scope.arithmetic("sdiv", a, b)
    if op == "div":
        return quotient
    zero = constant(a.type, 0)
    rest = scope.arithmetic("srem", a, b)
    uneven = scope.compare("icmp ne", rest, zero)
    opposite = scope.compare("icmp slt", scope.arithmetic("xor", rest, b), zero)
    adjust = scope.arithmetic("and", uneven, opposite)
    if op == "mod":
        return scope.choose(adjust, scope.arithmetic("add", rest, b), rest)
    return scope.arithmetic("sub", quotient, scope.convert("zext", adjust, a.type))


def _without_traps(scope: Scope, dtype: Dtype, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Divide by 1 instead of 0, and for the one quotient that overflows: the least integer by -1."""
    if isinstance(b, Literal):
        return a, b
    one = constant(b.type, 1)
    trap = scope.compare("icmp eq", b, constant(b.type, 0))
    if dtype.kind == "i":
        least = scope.compare("icmp eq", a, constant(a.type, -(1 << (8 * dtype.itemsize - 1))))
        overflow = scope.arithmetic("and", least, scope.compare("icmp eq", b, constant(b.type, -1)))
        trap = scope.arithmetic("or", trap, overflow)
    return a, scope.choose(trap, one, b)


def _integer_power(scope: Scope, dtype: Dtype, a: ir.Value, b: ir.Value) -> ir.Value:
    """Square and multiply over all bits of the exponent; a negative exponent gives the power truncated to an integer (0, or 1 and -1)."""
    bits = 8 * dtype.itemsize
    one = constant(a.type, 1)
    result, square = one, a
    for bit in range(bits - (dtype.kind == "i")):
        odd = scope.compare("icmp ne", scope.arithmetic("and", b, constant(b.type, 1 << bit)), constant(b.type, 0))
        result = scope.choose(odd, scope.arithmetic("mul", result, square), result)
        square = scope.arithmetic("mul", square, square)
    if dtype.kind != "i":
        return result
    unit = scope.compare("icmp ule", scope.arithmetic("add", a, one), constant(a.type, 2))
    even = scope.compare("icmp eq", scope.arithmetic("and", b, one), constant(b.type, 0))
    inverse = scope.choose(unit, scope.choose(even, scope.arithmetic("mul", a, a), a), constant(a.type, 0))
    return scope.choose(scope.compare("icmp slt", b, constant(b.type, 0)), inverse, result)


def compare(scope: Scope, op: str, dtype: Dtype, a: ir.Value, b: ir.Value) -> ir.Value:
    """A truth value; comparisons with NaN are false except `ne`."""
    if dtype.kind == "f":
        return scope.compare("fcmp une" if op == "ne" else f"fcmp o{op}", a, b)
    sign = "" if op in ("eq", "ne") else "u" if dtype.kind in "ub" else "s"
    return scope.compare(f"icmp {sign}{op}", a, b)


def cast(scope: Scope, value: ir.Value, source: Dtype, result: Dtype) -> ir.Value:
    """Floats are truncated to integers, integers wrap around, anything but zero is true."""
    kind = vector_of(value_type(result), lanes_of(value.type))
    if result.kind == "b":
        return compare(scope, "ne", source, value, constant(value.type, 0))
    if source.kind == "f" and result.kind == "f":
        return scope.convert("fpext" if result.itemsize > source.itemsize else "fptrunc", value, kind)
    if source.kind == "f":
        if result.kind == "u" and result.itemsize == 8:
            return scope.convert("fptoui", value, kind)
        wide = vector_of(I32 if result.itemsize < 4 or result.name == "int32" else I64, lanes_of(value.type))
        return scope.convert("trunc", scope.convert("fptosi", value, wide), kind)
    if result.kind == "f":
        return scope.convert("sitofp" if source.kind == "i" else "uitofp", value, kind)
    if scalar_of(value.type) is I1 or result.itemsize > source.itemsize:
        return scope.convert("sext" if source.kind == "i" else "zext", value, kind)
    return scope.convert("trunc", value, kind)
