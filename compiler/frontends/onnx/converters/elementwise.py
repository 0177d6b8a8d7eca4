"""ONNX frontend: element-wise operators, activations, arithmetic, comparisons, Cast and Clip.

Most are rows of a table; the others differ from the graph's operators in an attribute or a type rule.
"""

from typing import Any

import numpy as np
from onnx import helper

from compiler.errors import UnsupportedOperator
from compiler.frontends.onnx.converters.registry import Converter, converts, register_converter
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value

SAME_OPERATOR = {
    "Abs": "abs",
    "Acos": "acos",
    "Acosh": "acosh",
    "Add": "add",
    "And": "and",
    "Asin": "asin",
    "Asinh": "asinh",
    "Atan": "atan",
    "Atanh": "atanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Div": "div",
    "Equal": "equal",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "HardSwish": "hard_swish",
    "IsNaN": "isnan",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Log": "log",
    "Mish": "mish",
    "Mul": "mul",
    "Neg": "neg",
    "Not": "not",
    "Or": "or",
    "PRelu": "prelu",
    "Reciprocal": "reciprocal",
    "Relu": "relu",
    "Round": "round",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Sqrt": "sqrt",
    "Sub": "sub",
    "Tan": "tan",
    "Tanh": "tanh",
    "Where": "where",
    "Xor": "xor",
}

WITH_FLOAT_ATTRIBUTES: dict[str, tuple[str, dict[str, float]]] = {
    "Celu": ("celu", {"alpha": 1.0}),
    "Elu": ("elu", {"alpha": 1.0}),
    "HardSigmoid": ("hard_sigmoid", {"alpha": 0.2, "beta": 0.5}),
    "LeakyRelu": ("leaky_relu", {"alpha": 0.01}),
    "Selu": ("selu", {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}),
    "Shrink": ("shrink", {"bias": 0.0, "lambd": 0.5}),
    "ThresholdedRelu": ("thresholded_relu", {"alpha": 1.0}),
}

FOLDED = {"Max": "maximum", "Mean": "add", "Min": "minimum", "Sum": "add"}


def _same_operator(op: str) -> Converter:
    def convert(node: OnnxNode, build: FoldingBuilder) -> Value:
        return build.emit(op, *node.all_inputs())

    return convert


def _with_float_attributes(op: str, defaults: dict[str, float]) -> Converter:
    def convert(node: OnnxNode, build: FoldingBuilder) -> Value:
        attributes = {name: node.float_attribute(name, default) for name, default in defaults.items()}
        return build.emit(op, node.input(0), **attributes)

    return convert


def _folded(op: str) -> Converter:
    """An operator over any number of inputs as a chain of one over two."""

    def convert(node: OnnxNode, build: FoldingBuilder) -> Value:
        result, *others = node.all_inputs()
        for other in others:
            result = build.emit(op, result, other)
        if node.op_type == "Mean" and others:
            result = build.emit("mul", result, build.constant(1.0 / (len(others) + 1), result.dtype))
        return result

    return convert


for _name, _op in SAME_OPERATOR.items():
    register_converter(_name, 1, _same_operator(_op))
for _name, (_op, _defaults) in WITH_FLOAT_ATTRIBUTES.items():
    register_converter(_name, 1, _with_float_attributes(_op, _defaults))
for _name, _op in FOLDED.items():
    register_converter(_name, 1, _folded(_op))


@converts("Identity")
def convert_identity(node: OnnxNode, _: FoldingBuilder) -> Value:
    return node.input(0)


@converts("Pow")
def convert_pow(node: OnnxNode, build: FoldingBuilder) -> Value:
    base, exponent = node.input(0), node.input(1)
    if exponent.constant is not None and exponent.constant.size == 1 and exponent.rank <= base.rank:
        power = float(exponent.constant.reshape(()))
        if power == 1:
            return base
        if power == 2:
            return build.emit("mul", base, base)
        if power == 0.5 and base.dtype.kind == "f":
            return build.emit("sqrt", base)
    return build.emit("pow", base, exponent)


@converts("Mod", since=10)
def convert_mod(node: OnnxNode, build: FoldingBuilder) -> Value:
    """The remainder of floats with the divisor's sign (opset 28) is the one with the dividend's, moved once where the signs differ."""
    x, y, truncates = node.input(0), node.input(1), bool(node.int_attribute("fmod", 0))
    if truncates or x.dtype.kind != "f":
        return build.emit("mod", x, y, fmod=truncates)
    zero = build.constant(0, x.dtype)
    remainder = build.emit("mod", x, y, fmod=True)
    differs = build.emit("less", build.emit("mul", remainder, build.emit("sign", y)), zero)
    return build.emit("where", differs, build.emit("add", remainder, y), remainder)


@converts("IsInf", since=10)
def convert_is_inf(node: OnnxNode, build: FoldingBuilder) -> Value:
    positive, negative = (bool(node.int_attribute(f"detect_{side}", 1)) for side in ("positive", "negative"))
    return build.emit("isinf", node.input(0), positive=positive, negative=negative)


@converts("Gelu", since=20)
def convert_gelu(node: OnnxNode, build: FoldingBuilder) -> Value:
    return build.emit("gelu", node.input(0), approximate=node.string_attribute("approximate", "none"))


@converts("Swish", since=24)
def convert_swish(node: OnnxNode, build: FoldingBuilder) -> Value:
    x, alpha = node.input(0), node.float_attribute("alpha", 1.0)
    if alpha == 1.0:
        return build.emit("swish", x)
    scaled = build.emit("mul", x, build.constant(alpha, x.dtype))
    return build.emit("mul", x, build.emit("sigmoid", scaled))


@converts("Cast")
@converts("CastLike", since=15)
def convert_cast(node: OnnxNode, build: FoldingBuilder) -> Value:
    node.ignore_attributes("saturate", "round_mode")
    x = node.input(0)
    return cast(build, x, node.input(1).dtype if node.op_type == "CastLike" else _target_dtype(node))


def cast(build: FoldingBuilder, x: Value, dtype: np.dtype[Any]) -> Value:
    """`x` with another element type; `x` itself when it has that type already."""
    return x if x.dtype == dtype else build.emit("cast", x, to=dtype.name)


def _target_dtype(node: OnnxNode) -> np.dtype[Any]:
    element_type = node.int_attribute("to", 0)
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(element_type))
    except KeyError:
        raise UnsupportedOperator(f"element type {element_type} is unknown") from None
    if dtype.kind not in "fiub":
        raise UnsupportedOperator(f"a cast to {dtype.name} is not supported; supported are numbers and bool")
    return dtype


@converts("Clip", since=6)
def convert_clip_by_attributes(node: OnnxNode, build: FoldingBuilder) -> Value:
    largest = float(np.finfo(np.float32).max)
    low, high = node.float_attribute("min", -largest), node.float_attribute("max", largest)
    return build.emit("clip", node.input(0), min=None if low <= -largest else low, max=None if high >= largest else high)


@converts("Clip", since=11)
def convert_clip_by_inputs(node: OnnxNode, build: FoldingBuilder) -> Value:
    x, bounds = node.input(0), (node.optional_input(1), node.optional_input(2))
    if all(bound is None or bound.constant is not None for bound in bounds):
        low, high = (_finite_bound(bound) for bound in bounds)
        return x if low is None and high is None else build.emit("clip", x, min=low, max=high)
    for bound, op in zip(bounds, ("maximum", "minimum"), strict=True):
        if bound is not None:
            x = build.emit(op, x, bound)
    return x


def _finite_bound(bound: Value | None) -> float | None:
    number = None if bound is None or bound.constant is None else bound.constant.item()
    return None if number is None or np.isinf(number) else number
