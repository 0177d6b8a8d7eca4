"""Activations: element-wise functions of one floating-point tensor, rows of a table as in `elementwise.py`.

Operators and attributes
    relu (integers too), sigmoid, swish, hard_swish, softplus, softsign, mish      no attributes
    leaky_relu, elu, celu, thresholded_relu: alpha (number)
    selu: alpha, gamma (numbers)                       gamma * elu(x, alpha)
    hard_sigmoid: alpha, beta (numbers)                clip(alpha * x + beta, 0, 1)
    gelu: approximate ("none" or "tanh")               x times the normal distribution function, or its fit by tanh
    shrink: bias, lambd (numbers)                      x + bias below -lambd, x - bias above lambd, else 0

tanh and erf stand in `elementwise.py`, prelu in `broadcast.py`, softmax in `softmax.py`.
"""

import math

import numpy as np

from compiler.errors import UnsupportedOperator
from compiler.ops.elementwise import erf_array, register_unary
from compiler.ops.operator import Array, Attributes
from compiler.te import Expr, call, maximum, minimum, select

GELU_CUBIC = 0.044715  # Hendrycks and Gimpel, Gaussian Error Linear Units (2016), section 2


def _sigmoid_array(array: Array) -> Array:
    result: Array = np.exp(-np.logaddexp(0.0, -array))
    return result


def _softplus(x: Expr) -> Expr:
    """log(1 + exp(x)) without overflow."""
    return maximum(x, 0) + call("log", 1.0 + call("exp", call("neg", call("abs", x))))


def _softplus_array(array: Array) -> Array:
    result: Array = np.logaddexp(0.0, array)
    return result


def _elu(x: Expr, alpha: float) -> Expr:
    return select(x > 0, x, alpha * (call("exp", minimum(x, 0)) - 1.0))


def _elu_array(array: Array, alpha: float) -> Array:
    result: Array = np.where(array > 0, array, alpha * np.expm1(np.minimum(array, 0)))
    return result


def _celu(x: Expr, attributes: Attributes) -> Expr:
    alpha = attributes["alpha"]
    return maximum(x, 0) + minimum(alpha * (call("exp", x * (1 / alpha)) - 1.0), 0)


def _celu_array(array: Array, attributes: Attributes) -> Array:
    alpha = attributes["alpha"]
    result: Array = np.maximum(array, 0) + np.minimum(alpha * np.expm1(array / alpha), 0)
    return result


def _hard_sigmoid(x: Expr, alpha: float, beta: float) -> Expr:
    return minimum(maximum(x * alpha + beta, 0), 1)


def _by_tanh(attributes: Attributes) -> bool:
    approximate = attributes["approximate"]
    if approximate not in ("none", "tanh"):
        raise UnsupportedOperator(f"gelu: unknown approximation {approximate!r}; known: none, tanh")
    return bool(approximate == "tanh")


def _gelu(x: Expr, attributes: Attributes) -> Expr:
    if _by_tanh(attributes):
        return 0.5 * x * (1.0 + call("tanh", math.sqrt(2 / math.pi) * (x + GELU_CUBIC * x * x * x)))
    return 0.5 * x * (1.0 + call("erf", x * math.sqrt(0.5)))


def _gelu_array(array: Array, attributes: Attributes) -> Array:
    if _by_tanh(attributes):
        result: Array = 0.5 * array * (1 + np.tanh(math.sqrt(2 / math.pi) * (array + GELU_CUBIC * array**3)))
        return result
    exact: Array = 0.5 * array * (1 + erf_array(array / math.sqrt(2)))
    return exact


def _shrink(x: Expr, attributes: Attributes) -> Expr:
    bias, lambd = attributes["bias"], attributes["lambd"]
    return select(x < -lambd, x + bias, select(x > lambd, x - bias, 0.0))


def _shrink_array(array: Array, attributes: Attributes) -> Array:
    bias, lambd = attributes["bias"], attributes["lambd"]
    result: Array = np.where(array < -lambd, array + bias, np.where(array > lambd, array - bias, 0))
    return result


register_unary("relu", lambda x, _: maximum(x, 0), lambda array, _: np.maximum(array, 0), "fi")
register_unary("sigmoid", lambda x, _: call("sigmoid", x), lambda array, _: _sigmoid_array(array))
register_unary("swish", lambda x, _: x * call("sigmoid", x), lambda array, _: array * _sigmoid_array(array))
register_unary("softplus", lambda x, _: _softplus(x), lambda array, _: _softplus_array(array))
register_unary("softsign", lambda x, _: x / (1.0 + call("abs", x)), lambda array, _: array / (1 + np.abs(array)))
register_unary("mish", lambda x, _: x * call("tanh", _softplus(x)), lambda array, _: array * np.tanh(_softplus_array(array)))
register_unary(
    "leaky_relu",
    lambda x, attributes: select(x > 0, x, x * attributes["alpha"]),
    lambda array, attributes: np.where(array > 0, array, array * attributes["alpha"]),
)
register_unary(
    "thresholded_relu",
    lambda x, attributes: select(x > attributes["alpha"], x, 0.0),
    lambda array, attributes: np.where(array > attributes["alpha"], array, 0),
)
register_unary("elu", lambda x, attributes: _elu(x, attributes["alpha"]), lambda array, attributes: _elu_array(array, attributes["alpha"]))
register_unary(
    "selu",
    lambda x, attributes: attributes["gamma"] * _elu(x, attributes["alpha"]),
    lambda array, attributes: attributes["gamma"] * _elu_array(array, attributes["alpha"]),
)
register_unary("celu", _celu, _celu_array)
register_unary("gelu", _gelu, _gelu_array)
register_unary("shrink", _shrink, _shrink_array)
register_unary(
    "hard_sigmoid",
    lambda x, attributes: _hard_sigmoid(x, attributes["alpha"], attributes["beta"]),
    lambda array, attributes: np.clip(array * attributes["alpha"] + attributes["beta"], 0, 1),
)
register_unary("hard_swish", lambda x, _: x * _hard_sigmoid(x, 1 / 6, 0.5), lambda array, _: array * np.clip(array / 6 + 0.5, 0, 1))
