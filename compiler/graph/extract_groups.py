"""Extraction: the kernel calls of a graph, each with its workload. In: Graph. Out: Groups in the order in which they run.

A workload depends only on what its kernel does: operators stand in the order in which the last one needs them, arguments are numbered by
first use, operands of commutative operators have one order, and purely element-wise kernels have no more axes than they need. So equal
kernels at different places of a model share one task, one record and one compiled object. Next: `plan_memory.py` and the tuner.
"""

from collections import Counter
from collections.abc import Sequence

from compiler.graph.collapse_axes import collapse_axes
from compiler.graph.fuse_nodes import FusionOptions, fuse_nodes
from compiler.graph.graph import Graph, Node
from compiler.graph.group import Group
from compiler.ops import FusionKind, get_operator
from compiler.workload import Argument, GroupOp, Workload

COMMUTATIVE_OPS = frozenset({"add", "mul", "minimum", "maximum", "equal", "not_equal", "and", "or", "xor"})


def _operand_order(graph: Graph, node: Node, inside: dict[str, Node]) -> tuple[str, ...]:
    """The node's inputs; those of a commutative operator as: computed in this kernel, then variables, then constants, larger ones first."""
    if node.op not in COMMUTATIVE_OPS:
        return node.inputs
    return tuple(sorted(node.inputs, key=lambda value: (value not in inside, value in graph.constants, -graph.types[value].element_count)))


def _needed_order(graph: Graph, last: Node, inside: dict[str, Node]) -> list[Node]:
    """The kernel's nodes in the order in which a depth-first walk from the last one completes them."""
    order: list[Node] = []
    seen: set[str] = set()

    def visit(node: Node) -> None:
        seen.add(node.outputs[0])
        for value in _operand_order(graph, node, inside):
            if value in inside and value not in seen:
                visit(inside[value])
        order.append(node)

    visit(last)
    return order


def _anchor(order: Sequence[Node]) -> int:
    """The operator that decides the loops: the convolution, matmul or reduction; else the last one that moves elements; else the first."""
    kinds = [get_operator(node.op).fusion for node in order]
    for wanted in (FusionKind.ANCHOR, FusionKind.REDUCTION, FusionKind.OPAQUE, FusionKind.INJECTIVE):
        if wanted in kinds:
            return len(kinds) - 1 - kinds[::-1].index(wanted)
    return 0


def make_group(graph: Graph, nodes: Sequence[Node]) -> Group:
    """The kernel call of fused nodes, given in topological order."""
    last = nodes[-1]
    inside = {value: node for node in nodes for value in node.outputs}
    order = _needed_order(graph, last, inside)
    position = {node.outputs[0]: index for index, node in enumerate(order)}
    arguments: dict[str, int] = {}
    ops: list[GroupOp] = []
    for node in order:
        inputs: list[tuple[str, int]] = []
        for value in _operand_order(graph, node, inside):
            if value in position:
                inputs.append(("op", position[value]))
            else:
                inputs.append(("arg", arguments.setdefault(value, len(arguments))))
        ops.append(GroupOp(node.op, tuple(inputs), dict(node.attributes)))
    types = tuple(Argument(graph.types[value], value in graph.constants) for value in arguments)
    workload = collapse_axes(Workload(types, tuple(ops), _anchor(order)))
    return Group(workload, tuple(arguments), last.outputs, tuple(node.name for node in nodes))


def extract_groups(graph: Graph, options: FusionOptions | None = None) -> tuple[Group, ...]:
    """A value without elements needs no kernel."""
    kernels = (nodes for nodes in fuse_nodes(graph, options) if any(graph.types[value].element_count for value in nodes[-1].outputs))
    return tuple(make_group(graph, nodes) for nodes in kernels)


def count_workloads(groups: Sequence[Group]) -> dict[Workload, int]:
    """Each distinct workload and how often the model runs it, in order of first use."""
    return dict(Counter(group.workload for group in groups))
