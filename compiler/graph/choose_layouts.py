"""Graph pass: convolutions and what stands between them work on blocked activations "NCHW{c}c". In: Graph with plain values. Out: Graph.

Graph inputs and outputs, and what has no rule in `layout_rules.py`, are fixed to the plain layout. The other nodes are divided by a minimum
cut; its cost is the bytes that layout changes move, and what a convolution loses in the plain layout or by idle lanes in the blocked
one. A value is changed at most once, however many read it; constants are changed at compile time; a value with a single pixel and no
padding lanes is only viewed.
"""

from collections.abc import Hashable
from dataclasses import replace
from enum import Enum, auto

from compiler.graph.graph import Graph, Node
from compiler.graph.layout_rules import LayoutRule, Operand, layout_rule
from compiler.graph.min_cut import UNCUTTABLE, FlowNetwork
from compiler.graph.rewriter import GraphBuilder, finish_graph
from compiler.ops import PLAIN, blocked_layout, get_operator

CALL_BYTES = 16 * 1024  # what one more kernel call costs, as bytes moved: about a microsecond
MOVES_PER_BYTE = 4  # a layout change reads and writes each byte, one of the two in strides


class Side(Enum):
    BLOCKED = auto()
    PLAIN = auto()


def _is_viewed(graph: Graph, value: str, block: int) -> bool:
    """Whether both layouts of the value are the same bytes."""
    _, channels, height, width = graph.types[value].shape
    return channels % block == 0 and height * width == 1


def _change_cost(graph: Graph, value: str, block: int) -> int:
    if value in graph.constants:
        return 0
    return 1 if _is_viewed(graph, value, block) else MOVES_PER_BYTE * graph.types[value].size_bytes + CALL_BYTES


def _blocked_nodes(graph: Graph, rules: dict[str, LayoutRule], block: int) -> set[Hashable]:
    """Names of the values that are computed in the blocked layout, and (value, "input") for the convolutions that read it so."""
    network: FlowNetwork[Hashable] = FlowNetwork()
    written: dict[str, Hashable] = {}
    readers: dict[str, list[Hashable]] = {value: [] for value in graph.types}
    for node in graph.nodes:
        name, rule = node.outputs[0], rules.get(node.outputs[0])
        side: Hashable = Side.PLAIN if rule is None else name
        source: Hashable = (name, "input") if rule is not None and rule.free_input else side
        written.update(dict.fromkeys(node.outputs, side))
        for position, value in enumerate(node.inputs):
            follows = rule is not None and rule.operands[position] is Operand.FOLLOW
            readers[value].append(source if follows else Side.PLAIN)
        if rule is not None:
            network.connect(Side.BLOCKED, name, rule.plain_bytes)
            network.connect(name, Side.PLAIN, rule.blocked_bytes)
        if rule is not None and rule.free_input:
            network.connect(source, name, UNCUTTABLE)  # never from blocked to plain
    for value in graph.outputs:
        readers[value].append(Side.PLAIN)
    for value, kind in graph.types.items():
        if len(kind.shape) != 4 or not readers[value]:
            continue
        cost, writer = _change_cost(graph, value, block), written.get(value, Side.PLAIN)
        network.connect(writer, (value, "to plain"), cost)
        network.connect((value, "to blocked"), writer, cost)
        for reader in dict.fromkeys(readers[value]):
            network.connect((value, "to plain"), reader, UNCUTTABLE)
            network.connect(reader, (value, "to blocked"), UNCUTTABLE)
    return network.source_side(Side.BLOCKED, Side.PLAIN)


class _LayoutBuilder:
    """The new graph, with the plain and the blocked form of each old value as far as they exist."""

    def __init__(self, graph: Graph, block: int) -> None:
        self.graph, self.block, self.layout = graph, block, blocked_layout(block)
        self.builder = GraphBuilder(graph.name)
        self.builder.reserve(tuple(graph.types))
        self.plain_of: dict[str, str] = {}
        self.blocked_of: dict[str, str] = {}
        self.spatial_of: dict[str, str] = {}
        for name in graph.inputs:
            self.plain_of[name] = self.builder.input(name, graph.types[name])

    def _changed(self, old: str, source: str, source_layout: str, destination: str) -> str:
        kind = self.graph.types[old]
        attributes = {"source": source_layout, "destination": destination, "channels": kind.shape[1]}
        if _is_viewed(self.graph, old, self.block):
            batch, channels = kind.shape[:2]
            shape = kind.shape if destination == PLAIN else (batch, channels // self.block, 1, 1, self.block)
            return self.builder.apply("reshape", (source,), {"shape": shape}, hint=f"{old}.{destination.lower()}")
        return self.builder.apply("layout_transform", (source,), attributes, hint=f"{old}.{destination.lower()}")

    def plain(self, old: str) -> str:
        if old not in self.plain_of:
            if old in self.graph.constants:
                self.builder.constants[old], self.builder.types[old] = self.graph.constants[old], self.graph.types[old]
                self.plain_of[old] = old
            else:
                self.plain_of[old] = self._changed(old, self.blocked_of[old], self.layout, PLAIN)
        return self.plain_of[old]

    def blocked(self, old: str) -> str:
        if old not in self.blocked_of:
            if old in self.graph.constants:
                array = self.graph.constants[old]
                image = array.reshape((1,) * (4 - array.ndim) + array.shape)
                attributes = {"source": PLAIN, "destination": self.layout, "channels": image.shape[1]}
                (packed,) = get_operator("layout_transform").reference([image], attributes)
                self.blocked_of[old] = self.builder.constant(packed, hint=f"{old}.{self.layout.lower()}")
            else:
                self.blocked_of[old] = self._changed(old, self.plain_of[old], PLAIN, self.layout)
        return self.blocked_of[old]

    def spatial(self, old: str) -> str:
        """A value that is the same for all channels, with an axis of one lane."""
        if old not in self.spatial_of:
            if old in self.graph.constants:
                array = self.graph.constants[old]
                image = array.reshape((1,) * (4 - array.ndim) + array.shape)
                self.spatial_of[old] = self.builder.constant(image[..., None], hint=f"{old}.lanes")
            else:
                shape = (*self.graph.types[old].shape, 1)
                self.spatial_of[old] = self.builder.apply("reshape", (self.plain(old),), {"shape": shape}, hint=f"{old}.lanes")
        return self.spatial_of[old]

    def append_plain(self, node: Node) -> None:
        self.builder.append(replace(node, inputs=tuple(self.plain(value) for value in node.inputs)))
        self.plain_of.update(zip(node.outputs, node.outputs, strict=True))

    def append_blocked(self, node: Node, rule: LayoutRule, plain_input: bool) -> None:
        attributes = dict(rule.attributes)
        inputs: list[str] = []
        for operand, value in zip(rule.operands, node.inputs, strict=True):
            match operand:
                case Operand.FOLLOW:
                    inputs.append(self.plain(value) if plain_input else self.blocked(value))
                case Operand.SPATIAL:
                    inputs.append(self.spatial(value))
                case Operand.AS_IS:
                    inputs.append(self.plain(value))
        if plain_input:
            attributes["layout"] = PLAIN
        output = self.builder.fresh(f"{node.outputs[0]}.{self.layout.lower()}")
        self.builder.append(Node(node.name, node.op, tuple(inputs), (output,), attributes))
        self.blocked_of[node.outputs[0]] = output


def choose_layouts(graph: Graph, block: int) -> Graph:
    """`block`: the lanes of the target's vectors; without vectors nothing changes."""
    if block < 2:
        return graph
    rules: dict[str, LayoutRule] = {}
    for node in graph.nodes:
        rule = layout_rule(graph, node, block)
        if rule is not None:
            rules[node.outputs[0]] = rule
    if not any(rule.plain_bytes for rule in rules.values()):
        return graph
    blocked = _blocked_nodes(graph, rules, block)
    building = _LayoutBuilder(graph, block)
    for node in graph.nodes:
        rule = rules.get(node.outputs[0])
        if rule is None or node.outputs[0] not in blocked:
            building.append_plain(node)
        else:
            building.append_blocked(node, rule, plain_input=rule.free_input and (node.outputs[0], "input") not in blocked)
    outputs = [building.plain(value) for value in graph.outputs]
    return finish_graph(building.builder, outputs, graph.outputs)
