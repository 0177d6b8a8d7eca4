"""Graph pass: computes the same thing once: equal constants become one, and equal nodes over the same inputs. In: Graph. Out: Graph."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_once
from compiler.ops import Array
from compiler.workload import canonical_json


def _digest(array: Array) -> tuple[str, tuple[int, ...], str]:
    return (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).hexdigest())


def merge_equal_constants(graph: Graph) -> Graph:
    first: dict[tuple[str, tuple[int, ...], str], str] = {}
    same: dict[str, str] = {}
    for name, array in graph.constants.items():
        same[name] = first.setdefault(_digest(array), name)
    kept = {name for name in graph.constants if same[name] == name or name in graph.outputs}
    nodes = tuple(replace(node, inputs=tuple(same.get(value, value) for value in node.inputs)) for node in graph.nodes)
    types = {name: kind for name, kind in graph.types.items() if name not in same or name in kept}
    constants = {name: array for name, array in graph.constants.items() if name in kept}
    return Graph(graph.name, graph.inputs, graph.outputs, nodes, types, constants)


def merge_common_subexpressions(graph: Graph) -> Graph:
    seen: dict[tuple[str, tuple[str, ...], str], tuple[str, ...]] = {}

    def rule(rewriter: Rewriter, node: Node) -> Sequence[str] | None:
        key = (node.op, tuple(rewriter.new(value) for value in node.inputs), canonical_json(node.attributes))
        if key in seen:
            return seen[key]
        seen[key] = node.outputs
        return None

    return rewrite_once(merge_equal_constants(graph), rule)[0]
