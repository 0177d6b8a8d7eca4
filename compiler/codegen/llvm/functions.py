"""The functions of tensor expressions (`te.FUNCTIONS`, and pow) on LLVM values. Used by `expression_emitter.py`.

exp, log, tanh, erf, sigmoid and pow of float32 are inline vector code (`vector_math.py`); rounding, square root, sign and tests are an
instruction or two; the rest, and float64, calls libm once per lane. float16 is computed in float32.
"""

from collections.abc import Callable

from llvmlite import ir

from compiler.codegen.llvm.kernel_module import KernelModule
from compiler.codegen.llvm.llvm_types import DOUBLE, FLOAT, HALF, I32, Dtype, Literal, constant, lanes_of, scalar_of, suffix, vector_of
from compiler.codegen.llvm.scope import Scope
from compiler.codegen.llvm.vector_math import FLOAT32_FUNCTIONS, FloatLanes, power
from compiler.errors import CodegenError
from compiler.tensor_type import FLOAT32

LIBM = frozenset(
    {"sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "exp", "log", "tanh", "erf", "pow"}
)
_SAME_BITS = {"bits": I32, "from_bits": FLOAT}
_INTRINSICS = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "round": "rint", "abs": "fabs"}
_SPECIAL_POWERS: dict[float, Callable[[FloatLanes, ir.Value], ir.Value]] = {
    -1.0: lambda m, x: m.div(m.number(1.0), x),
    0.5: lambda m, x: m.intrinsic("sqrt", x),
    1.0: lambda _, x: x,
    2.0: lambda m, x: m.mul(x, x),
    3.0: lambda m, x: m.mul(m.mul(x, x), x),
}


def emit_function(scope: Scope, module: KernelModule, name: str, dtype: Dtype, x: ir.Value) -> ir.Value:
    """`name` of `x`, in the dtype of `x` except for isnan, isinf and those of bits. `round` is half to even."""
    if name in _SAME_BITS:
        return scope.convert("bitcast", x, vector_of(_SAME_BITS[name], lanes_of(x.type)))
    scalar = scalar_of(x.type)
    if dtype.kind != "f":
        return _integer_function(scope, module, name, dtype, x)
    if name == "isnan":
        return scope.compare("fcmp uno", x, x)
    m = FloatLanes(scope, module, x.type)
    if name == "isinf":
        return m.holds("oeq", m.absolute(x), float("inf"))
    if name == "neg":
        return scope.instruction(x.type, f"fneg {x.type} {x.get_reference()}")
    if name in _INTRINSICS:
        return m.intrinsic(_INTRINSICS[name], x)
    if name == "sign":
        unit = m.intrinsic("copysign", m.number(1.0), x)
        return m.choose(m.holds("one", x, 0.0), unit, x)
    if scalar is HALF:
        wide = scope.convert("fpext", x, vector_of(FLOAT, lanes_of(x.type)))
        return scope.convert("fptrunc", emit_function(scope, module, name, FLOAT32, wide), x.type)
    if scalar is FLOAT and name in FLOAT32_FUNCTIONS:
        return FLOAT32_FUNCTIONS[name](m, x)
    if name == "sigmoid":
        e = _per_lane(scope, module, "exp", scope.instruction(x.type, f"fneg {x.type} {x.get_reference()}"))
        return m.div(m.number(1.0), m.add(m.number(1.0), e))
    return _per_lane(scope, module, name, x)


def emit_power(scope: Scope, module: KernelModule, x: ir.Value, y: ir.Value) -> ir.Value:
    """x to the power of y; a few constant exponents are products."""
    m = FloatLanes(scope, module, x.type)
    for exponent, emit in _SPECIAL_POWERS.items():
        if isinstance(y, Literal) and y.get_reference() == constant(y.type, exponent).get_reference():
            return emit(m, x)
    if scalar_of(x.type) is FLOAT:
        return power(m, x, y)
    if scalar_of(x.type) is DOUBLE:
        return _per_lane(scope, module, "pow", x, y)
    wide = vector_of(FLOAT, lanes_of(x.type))
    return scope.convert("fptrunc", emit_power(scope, module, scope.convert("fpext", x, wide), scope.convert("fpext", y, wide)), x.type)


def _per_lane(scope: Scope, module: KernelModule, name: str, *arguments: ir.Value) -> ir.Value:
    """libm's function of that name in every lane."""
    if name not in LIBM:
        raise CodegenError(f"unknown function {name!r}")
    scalar = scalar_of(arguments[0].type)
    function = module.declare(name if scalar is DOUBLE else f"{name}f", scalar, [scalar] * len(arguments))
    lanes = lanes_of(arguments[0].type)
    if not lanes:
        return scope.intrinsic(function, scalar, *arguments)
    return scope.assemble(
        [scope.intrinsic(function, scalar, *(scope.lane(value, number) for value in arguments)) for number in range(lanes)]
    )


def _integer_function(scope: Scope, module: KernelModule, name: str, dtype: Dtype, x: ir.Value) -> ir.Value:
    """Rounding leaves integers as they are."""
    kind = x.type

    def intrinsic(operation: str, *arguments: ir.Value) -> ir.Value:
        function = module.declare(f"llvm.{operation}.{suffix(kind)}", kind, [argument.type for argument in arguments])
        return scope.intrinsic(function, kind, *arguments)

    match name:
        case "floor" | "ceil" | "round":
            return x
        case "abs":
            return intrinsic("abs", x, constant(ir.IntType(1), False)) if dtype.kind == "i" else x
        case "neg":
            return scope.arithmetic("sub", constant(kind, 0), x)
        case "sign" if dtype.kind == "i":
            return intrinsic("smax", intrinsic("smin", x, constant(kind, 1)), constant(kind, -1))
        case "sign":
            return intrinsic("umin", x, constant(kind, 1))
        case "isnan" | "isinf":
            return constant(vector_of(ir.IntType(1), lanes_of(kind)), False)
    raise CodegenError(f"function {name!r} is not defined for {dtype.name}")
