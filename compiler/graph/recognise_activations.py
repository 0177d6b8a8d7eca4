"""Graph pass: activations that a model spells out become one operator each. In: Graph, arithmetic simplified. Out: Graph.

x * sigmoid(x) -> swish;  clip(a*x + b, 0, 1) and clip(x + c, 0, m) * (1/m) -> hard_sigmoid;  x * hard_sigmoid(x), x * clip(x + 3, 0, 6) / 6
-> hard_swish;  x * tanh(softplus(x)) -> mish;  0.5 * x * (1 + erf(x / sqrt 2)) -> gelu.
"""

import math
from collections.abc import Sequence

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_graph

RELATIVE_TOLERANCE = 1e-5  # constants such as 1/6 are float32 in model files


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=RELATIVE_TOLERANCE)


def _affine(rewriter: Rewriter, value: str) -> tuple[str, float, float]:
    """(x, a, b) with value = a * x + b."""
    shifted, b = _number(rewriter, value, "add", 0.0)
    x, a = _number(rewriter, shifted, "mul", 1.0)
    return x, a, b


def _number(rewriter: Rewriter, value: str, op: str, neutral: float) -> tuple[str, float]:
    """(x, c) with value = x op c."""
    node = rewriter.producer(value, op)
    found = None if node is None else rewriter.with_scalar(node)
    return (value, neutral) if found is None else found


def _clip_bounds(node: Node) -> tuple[float | None, float | None]:
    return node.attributes["min"], node.attributes["max"]


def _hard_sigmoid(rewriter: Rewriter, value: str) -> tuple[str, float, float] | None:
    """(x, alpha, beta) with value = clip(alpha * x + beta, 0, 1), in any of its spellings."""
    node = rewriter.producer(value, "hard_sigmoid")
    if node is not None:
        return node.inputs[0], float(node.attributes["alpha"]), float(node.attributes["beta"])
    inner, factor = _number(rewriter, value, "mul", 1.0)
    clip = rewriter.producer(inner, "clip")
    if clip is None or _clip_bounds(clip)[0] != 0 or not _clip_bounds(clip)[1]:
        return None
    if not _close(factor * float(clip.attributes["max"]), 1.0):
        return None
    x, a, b = _affine(rewriter, clip.inputs[0])
    return x, a * factor, b * factor


def _is_hard_swish(alpha: float, beta: float) -> bool:
    return _close(alpha, 1 / 6) and _close(beta, 0.5)


def _gated(rewriter: Rewriter, x: str, gate: str) -> str | None:
    """The operator that x * gate is."""
    for op, name in (("sigmoid", "swish"),):
        node = rewriter.producer(gate, op)
        if node is not None and node.inputs[0] == x:
            return name
    tanh = rewriter.producer(gate, "tanh")
    softplus = None if tanh is None else rewriter.producer(tanh.inputs[0], "softplus")
    if softplus is not None and softplus.inputs[0] == x:
        return "mish"
    hard = _hard_sigmoid(rewriter, gate)
    return "hard_swish" if hard is not None and hard[0] == x and _is_hard_swish(*hard[1:]) else None


def _factors(rewriter: Rewriter, value: str) -> tuple[list[str], float]:
    """The variable factors of nested products, and the product of their numbers."""
    node = rewriter.producer(value, "mul")
    if node is None:
        return [value], 1.0
    found = rewriter.with_scalar(node)
    if found is not None:
        values, number = _factors(rewriter, found[0])
        return values, number * found[1]
    left, a = _factors(rewriter, node.inputs[0])
    right, b = _factors(rewriter, node.inputs[1])
    return [*left, *right], a * b


def _product(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    name, builder = node.outputs[0], rewriter.builder
    hard = _hard_sigmoid(rewriter, name)
    if hard is not None:
        return [builder.apply("hard_sigmoid", (rewriter.new(hard[0]),), {"alpha": hard[1], "beta": hard[2]}, hint=name)]
    if rewriter.with_constant(node) is None:
        for x, gate in (node.inputs, node.inputs[::-1]):
            op = _gated(rewriter, x, gate)
            if op is not None:
                return [builder.apply(op, (rewriter.new(x),), hint=name)]
    values, number = _factors(rewriter, name)
    if len(values) != 2:
        return None
    for x, other in (values, values[::-1]):
        factor = _hard_swish_factor(rewriter, x, other)
        if factor is not None:
            swish = builder.apply("hard_swish", (rewriter.new(x),), hint=name)
            if _close(number * factor, 1.0):
                return [swish]
            kind = rewriter.type(name)
            scale = builder.constant(np.asarray(number * factor, kind.dtype), f"{name}.factor")
            return [builder.apply("mul", (swish, scale), hint=f"{name}.scaled")]
        if _close(number, 0.5) and _is_one_plus_erf(rewriter, x, other):
            return [builder.apply("gelu", (rewriter.new(x),), {"approximate": "none"}, hint=name)]
    return None


def _hard_swish_factor(rewriter: Rewriter, x: str, other: str) -> float | None:
    """m with x * other = m * hard_swish(x), where other = clip(m * x / 6 + m / 2, 0, m)."""
    clip = rewriter.producer(other, "clip")
    if clip is None or _clip_bounds(clip)[0] != 0 or not _clip_bounds(clip)[1]:
        return None
    inner, a, b = _affine(rewriter, clip.inputs[0])
    largest = float(clip.attributes["max"])
    return largest if inner == x and _is_hard_swish(a / largest, b / largest) else None


def _is_one_plus_erf(rewriter: Rewriter, x: str, other: str) -> bool:
    """other = 1 + erf(x / sqrt 2)."""
    shifted, one = _number(rewriter, other, "add", 0.0)
    erf = rewriter.producer(shifted, "erf")
    if erf is None or not _close(one, 1.0):
        return False
    inner, factor = _number(rewriter, erf.inputs[0], "mul", 1.0)
    return inner == x and _close(factor, math.sqrt(0.5))


def _rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    if rewriter.type(node.outputs[0]).dtype.kind != "f":
        return None
    match node.op:
        case "mul":
            return _product(rewriter, node)
        case "clip":
            hard = _hard_sigmoid(rewriter, node.outputs[0])
            if hard is None or (hard[1], hard[2]) == (1.0, 0.0):
                return None
            return [
                rewriter.builder.apply("hard_sigmoid", (rewriter.new(hard[0]),), {"alpha": hard[1], "beta": hard[2]}, hint=node.outputs[0])
            ]
        case _:
            return None


def recognise_activations(graph: Graph) -> Graph:
    return rewrite_graph(graph, _rule)
