"""Fusion: which nodes share one kernel.

In: Graph. Out: tuples of nodes, one per kernel, in an order in which the kernels can run. Next: `extract_groups.py`.

A kernel grows along values that one node alone reads: an anchor (convolution, matmul, pool, reduction) takes the element-wise nodes
after it as long as the shape stays; element-wise and injective nodes join into chains. Nothing outside of a kernel reads its inner
values, so no other kernel can both depend on it and feed it, and the kernels can run in the order of their last nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.graph.alias_values import is_view, placed_values
from compiler.graph.graph import Graph, Node
from compiler.ops import FusionKind, get_operator

LONGEST_CHAIN = 32
# Injective operators that read an element of their input more than once: what stands before them would be computed again.
REPEATING_OPS = frozenset({"expand", "gather", "resize", "tile"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionOptions:
    """anchor_prologues, reduction_prologues: element-wise nodes before a convolution or matmul, before a pool or reduction, join its kernel
    (where a window or a tile reads an element several times, they are computed several times)."""

    anchor_prologues: bool = False
    reduction_prologues: bool = False


@dataclass(slots=True, eq=False)
class _Part:
    """A kernel under construction. tail: the only value of it that may be read outside; None if nothing may join any more."""

    nodes: list[int]
    kinds: set[FusionKind]
    tail: str | None

    @property
    def anchored(self) -> bool:
        return not self.kinds.isdisjoint({FusionKind.ANCHOR, FusionKind.REDUCTION})


def _depths(graph: Graph) -> dict[str, int]:
    """Longest path from an input to each value, in nodes."""
    depths: dict[str, int] = {}
    for node in graph.nodes:
        depth = 1 + max((depths.get(value, 0) for value in node.inputs), default=0)
        depths.update(dict.fromkeys(node.outputs, depth))
    return depths


def _joinable(graph: Graph, node: Node, parts: Sequence[_Part], depths: dict[str, int], options: FusionOptions) -> list[_Part]:
    """Which of `parts`, whose tails are inputs of `node` and are read nowhere else, the node's kernel takes in."""
    shape = graph.types[node.outputs[0]].shape
    same_shape = [part for part in parts if part.tail is not None and graph.types[part.tail].shape == shape]
    loose = [part for part in parts if not part.anchored]
    elementwise = [part for part in loose if part.kinds == {FusionKind.ELEMENTWISE}]
    match get_operator(node.op).fusion:
        case FusionKind.ELEMENTWISE:
            anchored = [part for part in same_shape if part.anchored]
            if not anchored:
                return same_shape
            # The deepest of several anchors is the main path of a residual block: its kernel is then the same with and without a
            # convolution on the shortcut.
            deepest = max(anchored, key=lambda part: (depths[part.tail or ""], part.nodes[-1]))
            return [deepest, *(part for part in elementwise if part in same_shape)]
        case FusionKind.INJECTIVE:
            return [] if node.op in REPEATING_OPS else loose
        case FusionKind.ANCHOR:
            return elementwise if options.anchor_prologues else []
        case FusionKind.REDUCTION:
            return elementwise if options.reduction_prologues else []
        case _:
            return []


def fuse_nodes(graph: Graph, options: FusionOptions | None = None) -> tuple[tuple[Node, ...], ...]:
    """Views and concatenations in place belong to no kernel."""
    options = options or FusionOptions()
    placed, depths = placed_values(graph), _depths(graph)
    readers = graph.consumers()
    parts: dict[int, _Part] = {}  # by last node
    open_parts: dict[str, _Part] = {}  # by tail
    for index, node in enumerate(graph.nodes):
        if is_view(node) or node.outputs[0] in placed:
            continue
        closed = get_operator(node.op).fusion == FusionKind.OPAQUE or len(node.outputs) != 1
        private = [value for value in dict.fromkeys(node.inputs) if len(readers[value]) == 1 and value not in graph.outputs]
        candidates = [open_parts[value] for value in private if value in open_parts]
        joined = [] if closed else _joinable(graph, node, candidates, depths, options)
        if sum(len(part.nodes) for part in joined) >= LONGEST_CHAIN:
            joined = []
        for part in joined:
            del parts[part.nodes[-1]], open_parts[part.tail or ""]
        whole = _Part(
            sorted([index, *(number for part in joined for number in part.nodes)]),
            {get_operator(node.op).fusion}.union(*(part.kinds for part in joined)),
            None if closed else node.outputs[0],
        )
        parts[index] = whole
        if whole.tail is not None:
            open_parts[whole.tail] = whole
    return tuple(tuple(graph.nodes[number] for number in parts[last].nodes) for last in sorted(parts))
