"""Graph pass: computes the same thing once: equal constants become one, and equal nodes over the same inputs. In: Graph. Out: Graph."""

from collections.abc import Sequence
from dataclasses import replace

from compiler.graph.graph import Graph, Node
from compiler.graph.rewriter import Rewriter, rewrite_once
from compiler.ops import Array
from compiler.workload import canonical_json

Key = tuple[str, tuple[int, ...], bytes]
SAMPLES = 64


def _sample(array: Array) -> Key:
    """Equal for equal arrays: type and some elements."""
    flat = array.reshape(-1)
    return (array.dtype.str, array.shape, flat[:: max(1, array.size // SAMPLES)].tobytes())


def merge_equal_constants(graph: Graph) -> Graph:
    alike: dict[Key, list[str]] = {}
    same: dict[str, str] = {}
    for name, array in graph.constants.items():
        rivals = alike.setdefault(_sample(array), [])
        twin = next((other for other in rivals if graph.constants[other].tobytes() == array.tobytes()), None)
        same[name] = name if twin is None else twin
        if twin is None:
            rivals.append(name)
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
