"""How graph passes make graphs: `GraphBuilder` appends nodes to a new graph, `rewrite_graph` drives a rule over an old one.

In: a graph and a rule. Out: a graph whose inputs and outputs keep their names, without nodes that nothing reads. Next: the passes.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from compiler.graph.graph import Graph, Node
from compiler.graph.remove_dead_nodes import remove_dead_nodes
from compiler.ops import Array, get_operator
from compiler.tensor_type import TensorType

MAX_SWEEPS = 64


class GraphBuilder:
    """A graph under construction; types follow from the operators' shape rules."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs: list[str] = []
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}
        self._reserved: set[str] = set()

    def reserve(self, names: Sequence[str]) -> None:
        """Names that `fresh` must not hand out."""
        self._reserved.update(names)

    def fresh(self, hint: str) -> str:
        """A name that no value has: `hint`, or `hint` with a number."""
        name, number = hint, 1
        while name in self.types or name in self._reserved:
            name, number = f"{hint}.{number}", number + 1
        return name

    def input(self, name: str, kind: TensorType) -> str:
        if name in self.types:
            raise ValueError(f"value {name!r} is defined twice")
        self.inputs.append(name)
        self.types[name] = kind
        return name

    def constant(self, array: Array, hint: str = "constant") -> str:
        """A new constant; its name starts with `hint`."""
        name = self.fresh(hint)
        value = np.ascontiguousarray(array).reshape(array.shape)
        self.constants[name] = value
        self.types[name] = TensorType(value.shape, value.dtype)
        return name

    def append(self, node: Node) -> tuple[str, ...]:
        """Takes over a whole node; its inputs must be known and its outputs new."""
        unknown = [value for value in node.inputs if value not in self.types]
        if unknown:
            raise ValueError(f"node {node.name!r} reads {unknown[0]!r}, which nothing has defined yet")
        types = get_operator(node.op).infer_types([self.types[value] for value in node.inputs], node.attributes)
        for output, kind in zip(node.outputs, types, strict=True):
            if output in self.types:
                raise ValueError(f"value {output!r} is defined twice")
            self.types[output] = kind
        self.nodes.append(node)
        return node.outputs

    def apply(self, op: str, inputs: Sequence[str], attributes: Mapping[str, Any] | None = None, hint: str = "") -> str:
        """Appends a node with one output, whose name (and the node's) starts with `hint` or the operator's name; returns that name."""
        output = self.fresh(hint or op)
        self.append(Node(output, op, tuple(inputs), (output,), dict(attributes or {})))
        return output

    def graph(self, outputs: Sequence[str]) -> Graph:
        return Graph(self.name, tuple(self.inputs), tuple(outputs), tuple(self.nodes), dict(self.types), dict(self.constants))


class Rewriter:
    """What a rule sees: the old graph, and the new one as far as it has been built."""

    def __init__(self, graph: Graph) -> None:
        self.old = graph
        self.builder = GraphBuilder(graph.name)
        self.builder.reserve(tuple(graph.types))
        self.replaced: dict[str, str] = {}
        self._producers = graph.producers()
        self._uses: Counter[str] = graph.use_counts()
        for name in graph.inputs:
            self.builder.input(name, graph.types[name])

    def type(self, value: str) -> TensorType:
        """The type of an old value."""
        return self.old.types[value]

    def constant(self, value: str) -> Array | None:
        """The array of an old value, if it is a constant."""
        return self.old.constants.get(value)

    def scalar(self, value: str) -> float | None:
        """The number that an old value is, if it is a constant with one element, or the same everywhere."""
        array = self.old.constants.get(value)
        if array is None or array.size == 0 or array.dtype.kind not in "fiub":
            return None
        first = array.reshape(-1)[0]
        return float(first) if array.size == 1 or bool((array == first).all()) else None

    def with_constant(self, node: Node) -> tuple[str, Array] | None:
        """(variable, constant) of a commutative node of which exactly one operand is a constant."""
        first, second = node.inputs
        if (first in self.old.constants) == (second in self.old.constants):
            return None
        return (second, self.old.constants[first]) if first in self.old.constants else (first, self.old.constants[second])

    def with_scalar(self, node: Node) -> tuple[str, float] | None:
        """The same, where the constant is one number that does not widen the variable's shape."""
        found = self.with_constant(node)
        if found is None or self.type(found[0]).shape != self.type(node.outputs[0]).shape:
            return None
        scalar = self.scalar(node.inputs[1] if found[0] == node.inputs[0] else node.inputs[0])
        return None if scalar is None else (found[0], scalar)

    def producer(self, value: str, *ops: str) -> Node | None:
        """The old node that writes `value`, if its operator is among `ops` (any, if none are named)."""
        node = self._producers.get(value)
        return node if node is not None and (not ops or node.op in ops) else None

    def uses(self, value: str) -> int:
        """How many operands and graph outputs read the old value."""
        return self._uses[value]

    def only_use(self, value: str) -> bool:
        return self._uses[value] == 1

    def new(self, value: str) -> str:
        """The new name of an old value that was already visited."""
        if value in self.replaced:
            return self.replaced[value]
        if value in self.old.constants and value not in self.builder.types:
            self.builder.constants[value] = self.old.constants[value]
            self.builder.types[value] = self.old.types[value]
        return value

    def keep(self, node: Node) -> None:
        self.builder.append(replace(node, inputs=tuple(self.new(value) for value in node.inputs)))


Rule = Callable[[Rewriter, Node], Sequence[str] | None]


def finish_graph(builder: GraphBuilder, outputs: Sequence[str], wanted: Sequence[str]) -> Graph:
    """The built graph without dead nodes, its outputs under their wanted names: by renaming, or by `identity` nodes where a value has a
    name to keep. No value of the builder may have a wanted name unless it is that output."""
    graph = remove_dead_nodes(builder.graph(outputs))
    rename: dict[str, str] = {}
    kept = {*graph.inputs, *graph.constants, *(value for value, name in zip(graph.outputs, wanted, strict=True) if value == name)}
    copies: list[tuple[str, str]] = []
    for value, name in zip(graph.outputs, wanted, strict=True):
        if value == name or rename.get(value) == name:
            continue
        if value in kept or value in rename:
            copies.append((value, name))
        else:
            rename[value] = name
    if not rename and not copies:
        return graph

    def renamed(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(rename.get(value, value) for value in values)

    nodes = [replace(node, inputs=renamed(node.inputs), outputs=renamed(node.outputs)) for node in graph.nodes]
    types = {rename.get(value, value): kind for value, kind in graph.types.items()}
    for value, name in dict.fromkeys(copies):
        nodes.append(Node(name, "identity", (rename.get(value, value),), (name,)))
        types[name] = graph.types[value]
    return Graph(graph.name, graph.inputs, tuple(wanted), tuple(nodes), types, graph.constants)


def rewrite_once(graph: Graph, rule: Rule) -> tuple[Graph, bool]:
    """One sweep, and whether the rule replaced anything.

    `rule` sees every node in order and returns the new names of values that replace the node's outputs, or None to keep the node. It
    matches on the old graph and builds, through `rewriter.builder`, on `rewriter.new(old value)`.
    """
    rewriter = Rewriter(graph)
    fired = False
    for node in graph.nodes:
        values = rule(rewriter, node)
        if values is None:
            rewriter.keep(node)
            continue
        fired = True
        rewriter.replaced.update(zip(node.outputs, values, strict=True))
    if not fired:
        return graph, False
    outputs = tuple(rewriter.new(value) for value in graph.outputs)
    return finish_graph(rewriter.builder, outputs, graph.outputs), True


def rewrite_graph(graph: Graph, rule: Rule) -> Graph:
    """Sweeps until the rule finds nothing more."""
    for _ in range(MAX_SWEEPS):
        graph, fired = rewrite_once(graph, rule)
        if not fired:
            return graph
    raise AssertionError(f"a graph rule still fires after {MAX_SWEEPS} sweeps: its result matches its own pattern")
