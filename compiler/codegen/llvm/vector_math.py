"""exp, log, tanh, erf, sigmoid and pow of float32 as straight-line code on a whole vector (or a scalar). Used by `functions.py`.

Each docstring gives the source of its polynomial and the error measured by `tests/compiler/codegen/test_functions.py`, in units of the last
place of the exact result. Infinities, NaN, denormal arguments and results are right. Without a fused multiply-add the errors grow by 1 ulp.
"""

from collections.abc import Sequence

from llvmlite import ir

from compiler.codegen.llvm.kernel_module import KernelModule
from compiler.codegen.llvm.llvm_types import DOUBLE, I32, I64, constant, lanes_of, suffix, vector_of
from compiler.codegen.llvm.scope import Scope

_INFINITY = float("inf")
_NAN = float("nan")
_LOG2_E = 1.4426950408889634
_ROUND_FLOAT = 12582912.0  # 1.5 * 2**23: adding it leaves the nearest integer in the low bits
_ROUND_DOUBLE = 6755399441055744.0  # 1.5 * 2**52

# Cephes expf.c: exp(r) = 1 + r + r**2 * P(r) for |r| <= ln(2)/2; ln(2) in two parts, the first with few enough bits to multiply exactly.
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
_EXP_LEAST, _EXP_GREATEST = -104.0, 88.8  # the result is 0 below and infinite above

# Cephes logf.c: log(1 + f) = f - f**2/2 + f**3 * P(f) for sqrt(1/2) <= 1 + f < sqrt(2).
_LOG_HIGH = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1)
_LOG = (*_LOG_HIGH, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
_SQRT_HALF = 0.7071067811865476
_LEAST_NORMAL = 1.1754943508222875e-38

# Cephes tanhf.c: tanh(x) = x + x**3 * P(x**2) for |x| <= 0.625.
_TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)

# Cephes ndtrf.c: erf(x) = x * P(x**2) for |x| <= 1.
_ERF_HIGH = (7.853861353153693e-5, -8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2, 1.128358514861418e-1)
_ERF_SMALL = (*_ERF_HIGH, -3.761262582423300e-1, 1.128379165726710e0)
# Own weighted minimax fit of log(erfc(t)) on [1, 4], which makes 1 - exp(P(t)) exact to 1.1e-9; erf is 1 in float32 from 3.93 on.
_ERF_LARGE = (1.863800862e-4, -2.947666682e-3, 2.183809690e-2, -1.031068191e-1, -6.381447315e-1, -1.127089262e0, -3.415125830e-4)


class FloatLanes:
    """float32 or float64 arithmetic on values of one type, so that formulas read like formulas."""

    def __init__(self, scope: Scope, module: KernelModule, kind: ir.Type) -> None:
        self.scope = scope
        self.module = module
        self.kind = kind
        self.bits = vector_of(I64 if suffix(kind).endswith("f64") else I32, lanes_of(kind))

    def number(self, value: float) -> ir.Value:
        return constant(self.kind, value)

    def integer(self, value: int) -> ir.Value:
        return constant(self.bits, value)

    def add(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.scope.arithmetic("fadd", a, b)

    def sub(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.scope.arithmetic("fsub", a, b)

    def mul(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.scope.arithmetic("fmul", a, b)

    def div(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.scope.arithmetic("fdiv", a, b)

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a*b + c, with one rounding where the target has the instruction."""
        if not self.module.has_fma:
            return self.add(self.mul(a, b), c)
        return self.intrinsic("fma", a, b, c)

    def polynomial(self, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
        """Horner's rule, the highest power first."""
        result = self.number(coefficients[0])
        for coefficient in coefficients[1:]:
            result = self.fma(result, x, self.number(coefficient))
        return result

    def intrinsic(self, name: str, *arguments: ir.Value) -> ir.Value:
        function = self.module.declare(f"llvm.{name}.{suffix(self.kind)}", self.kind, [self.kind] * len(arguments))
        return self.scope.intrinsic(function, self.kind, *arguments)

    def absolute(self, x: ir.Value) -> ir.Value:
        return self.intrinsic("fabs", x)

    def holds(self, predicate: str, a: ir.Value, b: float) -> ir.Value:
        """predicate: LLVM's, `olt`, `uno`, ..."""
        return self.scope.compare(f"fcmp {predicate}", a, self.number(b))

    def choose(self, condition: ir.Value, then: ir.Value, otherwise: ir.Value) -> ir.Value:
        return self.scope.choose(condition, then, otherwise)

    def clamp(self, x: ir.Value, low: float, high: float) -> ir.Value:
        """NaN stays NaN."""
        x = self.choose(self.holds("olt", x, low), self.number(low), x)
        return self.choose(self.holds("ogt", x, high), self.number(high), x)

    def to_bits(self, x: ir.Value) -> ir.Value:
        return self.scope.convert("bitcast", x, self.bits)

    def from_bits(self, bits: ir.Value) -> ir.Value:
        return self.scope.convert("bitcast", bits, self.kind)

    def on_bits(self, opcode: str, bits: ir.Value, value: int) -> ir.Value:
        return self.scope.arithmetic(opcode, bits, self.integer(value))


def exp(m: FloatLanes, x: ir.Value) -> ir.Value:
    """2**n * exp(r) with n = round(x / ln 2) (Cephes expf.c); 2**n in two factors, so that denormal results are rounded once. 1 ulp."""
    x = m.clamp(x, _EXP_LEAST, _EXP_GREATEST)
    shifted = m.fma(x, m.number(_LOG2_E), m.number(_ROUND_FLOAT))
    n = m.sub(shifted, m.number(_ROUND_FLOAT))
    r = m.fma(n, m.number(-_LN2_HIGH), x)
    r = m.fma(n, m.number(-_LN2_LOW), r)
    power = m.add(m.fma(m.polynomial(r, _EXP), m.mul(r, r), r), m.number(1.0))
    exponent = m.scope.arithmetic("sub", m.to_bits(shifted), m.to_bits(m.number(_ROUND_FLOAT)))
    half = m.on_bits("ashr", exponent, 1)
    for part in (half, m.scope.arithmetic("sub", exponent, half)):
        power = m.mul(power, m.from_bits(m.on_bits("shl", m.on_bits("add", part, 127), 23)))
    return power


def log(m: FloatLanes, x: ir.Value) -> ir.Value:
    """e * ln(2) + log(mantissa) (Cephes logf.c). 1 ulp."""
    denormal = m.holds("olt", x, _LEAST_NORMAL)
    bits = m.to_bits(m.choose(denormal, m.mul(x, m.number(2.0**23)), x))
    exponent = m.scope.arithmetic("sub", m.on_bits("lshr", bits, 23), m.choose(denormal, m.integer(126 + 23), m.integer(126)))
    mantissa = m.from_bits(m.on_bits("or", m.on_bits("and", bits, 0x007FFFFF), 0x3F000000))
    small = m.holds("olt", mantissa, _SQRT_HALF)
    f = m.sub(m.choose(small, m.add(mantissa, mantissa), mantissa), m.number(1.0))
    e = m.scope.convert("sitofp", m.choose(small, m.on_bits("sub", exponent, 1), exponent), m.kind)
    square = m.mul(f, f)
    rest = m.mul(m.mul(m.polynomial(f, _LOG), f), square)
    rest = m.fma(e, m.number(_LN2_LOW), rest)
    rest = m.fma(square, m.number(-0.5), rest)
    result = m.fma(e, m.number(_LN2_HIGH), m.add(f, rest))
    result = m.choose(m.holds("oeq", x, _INFINITY), x, result)
    result = m.choose(m.holds("oeq", x, 0.0), m.number(-_INFINITY), result)
    return m.choose(m.holds("ult", x, 0.0), m.number(_NAN), result)


def tanh(m: FloatLanes, x: ir.Value) -> ir.Value:
    """Polynomial up to 0.625, 1 - 2/(exp(2|x|) + 1) beyond (Cephes tanhf.c). 1.5 ulp."""
    magnitude = m.absolute(x)
    square = m.mul(x, x)
    near = m.fma(m.mul(m.polynomial(square, _TANH), square), x, x)
    e = exp(m, m.add(magnitude, magnitude))
    far = m.sub(m.number(1.0), m.div(m.number(2.0), m.add(e, m.number(1.0))))
    return m.choose(m.holds("ogt", magnitude, 0.625), m.intrinsic("copysign", far, x), near)


def sigmoid(m: FloatLanes, x: ir.Value) -> ir.Value:
    """With e = exp(-|x|): 1 / (1 + e), and e / (1 + e) for negative x, which keeps small results exact. 2.5 ulp."""
    e = exp(m, m.sub(m.number(-0.0), m.absolute(x)))
    numerator = m.choose(m.holds("oge", x, 0.0), m.number(1.0), e)
    return m.div(numerator, m.add(e, m.number(1.0)))


def erf(m: FloatLanes, x: ir.Value) -> ir.Value:
    """x * P(x**2) up to 1 (Cephes ndtrf.c), 1 - exp(P(|x|)) beyond (own fit). 2.6 ulp."""
    magnitude = m.absolute(x)
    near = m.mul(x, m.polynomial(m.mul(x, x), _ERF_SMALL))
    e = exp(m, m.polynomial(m.clamp(magnitude, 0.0, 4.0), _ERF_LARGE))
    far = m.intrinsic("copysign", m.sub(m.number(1.0), e), x)
    return m.choose(m.holds("ogt", magnitude, 1.0), far, near)


def power(m: FloatLanes, x: ir.Value, y: ir.Value) -> ir.Value:
    """|x|**y in float64, then sign and special cases as in C's pow. 1 ulp.

    A double's 52 bits leave enough of y * log2(x), whose integer part takes up to 8; half the lanes per register are the price.
    """
    magnitude = m.absolute(x)
    wide = FloatLanes(m.scope, m.module, vector_of(DOUBLE, lanes_of(m.kind)))
    exact = _positive_power(wide, m.scope.convert("fpext", magnitude, wide.kind), m.scope.convert("fpext", y, wide.kind))
    result = m.scope.convert("fptrunc", exact, m.kind)
    falling = m.holds("olt", y, 0.0)
    result = m.choose(m.holds("oeq", magnitude, 0.0), m.choose(falling, m.number(_INFINITY), m.number(0.0)), result)
    result = m.choose(m.holds("oeq", magnitude, _INFINITY), m.choose(falling, m.number(0.0), m.number(_INFINITY)), result)
    result = m.choose(m.holds("oeq", magnitude, 1.0), m.number(1.0), result)

    halved = m.mul(y, m.number(0.5))
    is_integer = m.scope.compare("fcmp oeq", m.intrinsic("floor", y), y)
    is_even = m.scope.compare("fcmp oeq", m.intrinsic("floor", halved), halved)
    odd = m.scope.arithmetic("and", is_integer, m.scope.arithmetic("xor", is_even, constant(is_even.type, True)))
    result = m.choose(odd, m.intrinsic("copysign", result, x), result)
    finite_negative = m.scope.arithmetic("and", m.holds("olt", x, 0.0), m.holds("one", magnitude, _INFINITY))
    no_root = m.scope.arithmetic("and", finite_negative, m.scope.arithmetic("xor", is_integer, constant(is_integer.type, True)))
    result = m.choose(no_root, m.number(_NAN), result)
    result = m.choose(m.scope.compare("fcmp uno", x, y), m.number(_NAN), result)
    one = m.scope.arithmetic("or", m.holds("oeq", x, 1.0), m.holds("oeq", y, 0.0))
    return m.choose(one, m.number(1.0), result)


def _positive_power(m: FloatLanes, x: ir.Value, y: ir.Value) -> ir.Value:
    """x**y for float64 x >= 0 to 1e-10, enough for float32: log2 by the series of atanh, 2**f by that of exp."""
    bits = m.to_bits(x)
    exponent = m.on_bits("sub", m.on_bits("lshr", bits, 52), 1023)
    mantissa = m.from_bits(m.on_bits("or", m.on_bits("and", bits, (1 << 52) - 1), 1023 << 52))
    large = m.holds("ogt", mantissa, 2 * _SQRT_HALF)
    mantissa = m.choose(large, m.mul(mantissa, m.number(0.5)), mantissa)
    exponent = m.choose(large, m.on_bits("add", exponent, 1), exponent)
    s = m.div(m.sub(mantissa, m.number(1.0)), m.add(mantissa, m.number(1.0)))
    series = m.polynomial(m.mul(s, s), [2 * _LOG2_E / odd for odd in range(15, 0, -2)])
    logarithm = m.fma(s, series, _small_integer(m, exponent))

    p = m.clamp(m.mul(y, logarithm), -300.0, 300.0)
    shifted = m.add(p, m.number(_ROUND_DOUBLE))
    n = m.sub(shifted, m.number(_ROUND_DOUBLE))
    coefficients = [1.0]
    for order in range(1, 11):
        coefficients.insert(0, coefficients[0] / (_LOG2_E * order))
    fraction = m.polynomial(m.sub(p, n), coefficients)
    scale = m.scope.arithmetic("sub", m.to_bits(shifted), m.to_bits(m.number(_ROUND_DOUBLE)))
    return m.mul(fraction, m.from_bits(m.on_bits("shl", m.on_bits("add", scale, 1023), 52)))


def _small_integer(m: FloatLanes, bits: ir.Value) -> ir.Value:
    """An int64 of few bits as a float64, without the conversion that AVX2 lacks."""
    shifted = m.scope.arithmetic("add", bits, m.to_bits(m.number(_ROUND_DOUBLE)))
    return m.sub(m.from_bits(shifted), m.number(_ROUND_DOUBLE))


FLOAT32_FUNCTIONS = {"exp": exp, "log": log, "tanh": tanh, "sigmoid": sigmoid, "erf": erf}
