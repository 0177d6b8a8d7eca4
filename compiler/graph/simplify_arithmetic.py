"""Graph pass: arithmetic with constants in its cheapest form. In: Graph. Out: Graph.

x - c -> x + (-c);  x / c -> x * (1/c);  (x + a) + b -> x + (a + b);  (x * a) * b -> x * (a * b);  pow(x, 2) -> x * x, and a few more
exponents;  maximum(x, 0) -> relu;  minimum and maximum with numbers, and chains of clip -> one clip. Floating point only: the results
differ in the last bits.
"""

import math
from collections.abc import Sequence

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_graph


def _subtract_constant(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    constant = rewriter.constant(node.inputs[1])
    if constant is None or node.inputs[0] in rewriter.old.constants:
        return None
    negated = rewriter.builder.constant(-constant, hint=f"{node.inputs[1]}.neg")
    return [rewriter.builder.apply("add", (rewriter.new(node.inputs[0]), negated), hint=node.outputs[0])]


def _divide_by_constant(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    constant = rewriter.constant(node.inputs[1])
    if constant is None or node.inputs[0] in rewriter.old.constants:
        return None
    with np.errstate(all="ignore"):
        inverse = (1.0 / constant.astype(np.float64)).astype(constant.dtype)
    if not np.isfinite(inverse).all() or (inverse == 0).any():
        return None
    factor = rewriter.builder.constant(inverse, hint=f"{node.inputs[1]}.inverse")
    return [rewriter.builder.apply("mul", (rewriter.new(node.inputs[0]), factor), hint=node.outputs[0])]


def _merge_constants(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    outer = rewriter.with_constant(node)
    inner = None if outer is None else rewriter.producer(outer[0], node.op)
    found = None if inner is None else rewriter.with_constant(inner)
    if outer is None or found is None or not rewriter.only_use(outer[0]):
        return None
    a, b = found[1].astype(np.float64), outer[1].astype(np.float64)
    merged = a + b if node.op == "add" else a * b
    if merged.size > max(a.size, b.size):
        return None
    constant = rewriter.builder.constant(merged.astype(outer[1].dtype), hint=f"{node.outputs[0]}.constant")
    return [rewriter.builder.apply(node.op, (rewriter.new(found[0]), constant), hint=node.outputs[0])]


def _power(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    exponent = rewriter.scalar(node.inputs[1])
    if exponent is None or rewriter.type(node.inputs[0]).shape != rewriter.type(node.outputs[0]).shape:
        return None
    x, builder, hint = rewriter.new(node.inputs[0]), rewriter.builder, node.outputs[0]
    match exponent:
        case 1.0:
            return [x]
        case 2.0:
            return [builder.apply("mul", (x, x), hint=hint)]
        case 3.0:
            return [builder.apply("mul", (builder.apply("mul", (x, x), hint=f"{hint}.square"), x), hint=hint)]
        case 0.5:
            return [builder.apply("sqrt", (x,), hint=hint)]
        case -1.0:
            return [builder.apply("reciprocal", (x,), hint=hint)]
        case _:
            return None


def _bound(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    """minimum and maximum with a number become clip."""
    found = rewriter.with_scalar(node)
    if found is None or math.isnan(found[1]):
        return None
    bounds = {"min": found[1] if node.op == "maximum" else None, "max": found[1] if node.op == "minimum" else None}
    return [rewriter.builder.apply("clip", (rewriter.new(found[0]),), bounds, hint=node.outputs[0])]


def _limits(node: Node) -> tuple[float, float]:
    low, high = node.attributes["min"], node.attributes["max"]
    return (-math.inf if low is None else low), (math.inf if high is None else high)


def _clip(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    low, high = _limits(node)
    x = rewriter.new(node.inputs[0])
    if (low, high) == (0, math.inf):
        return [rewriter.builder.apply("relu", (x,), hint=node.outputs[0])]
    inner = rewriter.producer(node.inputs[0], "clip", "relu")
    if inner is None or low > high:
        return None
    inner_low, inner_high = _limits(inner) if inner.op == "clip" else (0, math.inf)
    if inner_low > inner_high or max(low, inner_low) > min(high, inner_high):
        return None
    bounds = (max(low, inner_low), min(high, inner_high))
    limits = {"min": None if bounds[0] == -math.inf else bounds[0], "max": None if bounds[1] == math.inf else bounds[1]}
    return [rewriter.builder.apply("clip", (rewriter.new(inner.inputs[0]),), limits, hint=node.outputs[0])]


def _relu(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    inner = rewriter.producer(node.inputs[0], "clip", "relu")
    if inner is None:
        return None
    if inner.op == "relu" or _limits(inner)[0] >= 0:
        return [rewriter.new(node.inputs[0])]
    low, high = _limits(inner)
    if low > 0 or high <= 0 or high == math.inf:
        return None
    return [rewriter.builder.apply("clip", (rewriter.new(inner.inputs[0]),), {"min": 0.0, "max": high}, hint=node.outputs[0])]


RULES = {
    "sub": _subtract_constant,
    "div": _divide_by_constant,
    "add": _merge_constants,
    "mul": _merge_constants,
    "pow": _power,
    "maximum": _bound,
    "minimum": _bound,
    "clip": _clip,
    "relu": _relu,
}


def _rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
    is_float = rewriter.type(node.outputs[0]).dtype.kind == "f"
    return RULES[node.op](rewriter, node) if node.op in RULES and is_float else None


def simplify_arithmetic(graph: Graph) -> Graph:
    return rewrite_graph(graph, _rule)
