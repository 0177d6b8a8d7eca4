"""Fusion: which nodes share one kernel.

In: Graph. Out: tuples of nodes, one per kernel, in an order in which the kernels can run. Next: `extract_groups.py`.

A kernel grows along values that nothing outside of it reads: an anchor (convolution, matmul, pool, reduction) takes the element-wise
nodes after it as long as shape and dtype stay; element-wise and injective nodes join into chains. So no other kernel can both depend on
a kernel's inner values and feed it, and the kernels can run in the order of their last nodes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.graph.alias_values import is_view, placed_values
from compiler.graph.graph import Graph, Node
from compiler.ops import FusionKind, get_operator

# Element-wise expressions are inlined into the last one, so a value that is used twice is written twice: the size after that is bounded.
LARGEST_EXPRESSION = 256
# Injective operators that read an element of their input more than once: what stands before them would be computed again.
REPEATING_OPS = frozenset({"expand", "gather", "gather_elements", "gather_nd", "resize", "tile"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionOptions:
    """anchor_prologues, reduction_prologues: element-wise nodes before a convolution or matmul, before a pool or reduction, join its kernel
    (where a window or a tile reads an element several times, they are computed several times)."""

    anchor_prologues: bool = False
    reduction_prologues: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A kernel under construction. tail: the only value of it that may be read outside; None if nothing may join any more."""

    nodes: tuple[int, ...]
    kinds: frozenset[FusionKind]
    tail: str | None

    @property
    def anchored(self) -> bool:
        return not self.kinds.isdisjoint({FusionKind.ANCHOR, FusionKind.REDUCTION})

    @property
    def elementwise(self) -> bool:
        return self.kinds == {FusionKind.ELEMENTWISE}


class _Fusion:
    """The partition as far as the nodes have been visited."""

    def __init__(self, graph: Graph, options: FusionOptions) -> None:
        self.graph, self.options = graph, options
        self.readers = graph.consumers()
        self.parts: dict[int, _Part] = {}  # by last node
        self.open_parts: dict[str, _Part] = {}  # by tail
        self.depths: dict[str, int] = {}  # longest path from an input, in nodes
        for node in graph.nodes:
            depth = 1 + max((self.depths.get(value, 0) for value in node.inputs), default=0)
            self.depths.update(dict.fromkeys(node.outputs, depth))

    def private_parts(self, members: Sequence[int]) -> list[_Part]:
        """Open parts outside of `members` whose tails only `members` read."""
        outputs = {self.graph.nodes[member].outputs[0] for member in members}
        values = dict.fromkeys(value for member in members for value in self.graph.nodes[member].inputs)
        return [
            self.open_parts[value]
            for value in values
            if value in self.open_parts
            and value not in outputs
            and value not in self.graph.outputs
            and all(reader.outputs[0] in outputs for reader in self.readers[value])
        ]

    def joinable(self, node: Node, members: Sequence[int], kinds: frozenset[FusionKind]) -> list[_Part]:
        """What the kernel of `node`, so far `members`, takes in next."""
        kind = self.graph.types[node.outputs[0]]
        parts = self.private_parts(members)
        loose = [part for part in parts if not part.anchored]
        match get_operator(node.op).fusion:
            case FusionKind.ELEMENTWISE:
                if len(members) > 1 and FusionKind.INJECTIVE in kinds:
                    return []  # the same element might be read at two places
                same_shape = [part for part in parts if self.graph.types[part.tail or ""].shape == kind.shape]
                return self._before_elementwise(same_shape, kind.dtype.name, kinds)
            case FusionKind.INJECTIVE:
                return [] if node.op in REPEATING_OPS or len(members) > 1 else loose
            case FusionKind.ANCHOR:
                return [part for part in loose if part.elementwise] if self.options.anchor_prologues else []
            case FusionKind.REDUCTION:
                return [part for part in loose if part.elementwise] if self.options.reduction_prologues else []
            case _:
                return []

    def _before_elementwise(self, parts: Sequence[_Part], dtype: str, kinds: frozenset[FusionKind]) -> list[_Part]:
        parts = [part for part in parts if self._only_elementwise_readers(part.tail or "")]
        elementwise = [part for part in parts if part.elementwise]
        if kinds != {FusionKind.ELEMENTWISE}:
            return elementwise  # there is an anchor already
        anchored = [part for part in parts if part.anchored and self.graph.types[part.tail or ""].dtype.name == dtype]
        if not anchored:
            return [part for part in parts if not part.anchored]
        # The deepest of several anchors is the main path of a residual block: its kernel is then the same with and without a convolution on
        # the shortcut.
        return [max(anchored, key=lambda part: (self.depths[part.tail or ""], part.nodes[-1])), *elementwise]

    def _only_elementwise_readers(self, value: str) -> bool:
        return all(get_operator(reader.op).fusion == FusionKind.ELEMENTWISE for reader in self.readers[value])

    def expression_size(self, members: Sequence[int]) -> int:
        """Number of operators after inlining everything but the anchor."""
        sizes: dict[str, int] = {}
        for member in sorted(members):
            node = self.graph.nodes[member]
            inlined = get_operator(node.op).fusion in (FusionKind.ELEMENTWISE, FusionKind.INJECTIVE)
            sizes[node.outputs[0]] = 1 + (sum(sizes.get(value, 0) for value in node.inputs) if inlined else 0)
        return max(sizes.values())

    def visit(self, index: int) -> None:
        node = self.graph.nodes[index]
        kind = get_operator(node.op).fusion
        closed = kind == FusionKind.OPAQUE or len(node.outputs) != 1
        members, kinds = [index], frozenset({kind})
        while not closed and (joined := self.joinable(node, members, kinds)):
            union = [*members, *(number for part in joined for number in part.nodes)]
            if self.expression_size(union) > LARGEST_EXPRESSION:
                break
            members, kinds = union, kinds.union(*(part.kinds for part in joined))
            for part in joined:
                del self.parts[part.nodes[-1]], self.open_parts[part.tail or ""]
        part = _Part(tuple(sorted(members)), kinds, None if closed else node.outputs[0])
        self.parts[index] = part
        if part.tail is not None:
            self.open_parts[part.tail] = part

    def kernels(self) -> Iterator[tuple[Node, ...]]:
        for last in sorted(self.parts):
            yield tuple(self.graph.nodes[number] for number in self.parts[last].nodes)


def fuse_nodes(graph: Graph, options: FusionOptions | None = None) -> tuple[tuple[Node, ...], ...]:
    """Views, and concatenations and slices in place, belong to no kernel."""
    placed = placed_values(graph)
    fusion = _Fusion(graph, options or FusionOptions())
    for index, node in enumerate(graph.nodes):
        if not is_view(node) and node.outputs[0] not in placed:
            fusion.visit(index)
    return tuple(fusion.kernels())
