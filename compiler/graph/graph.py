"""A model: values and the nodes that compute them, in topological order.

A `Graph` is immutable data; graph passes (`compiler/graph/*.py`, one per file, named verb_object) are functions Graph -> Graph.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.ops import Array
from compiler.tensor_type import TensorType


@dataclass(frozen=True, slots=True)
class Node:
    """One use of an operator. Inputs and outputs are names of values; `name` is the model's own name for the node, for messages."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """inputs, outputs: names of values. types: of every value, constants and inputs included. constants: values known now.

    Nodes stand in topological order; each value is written once.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    types: Mapping[str, TensorType]
    constants: Mapping[str, Array]

    def producers(self) -> dict[str, Node]:
        """The node that writes each value; inputs and constants have none."""
        return {output: node for node in self.nodes for output in node.outputs}

    def consumers(self) -> dict[str, tuple[Node, ...]]:
        """The nodes that read each value, each node once, in order; being a graph output does not count."""
        readers: dict[str, list[Node]] = {value: [] for value in self.types}
        for node in self.nodes:
            for value in dict.fromkeys(node.inputs):
                readers[value].append(node)
        return {value: tuple(nodes) for value, nodes in readers.items()}

    def use_counts(self) -> Counter[str]:
        """How many operands read each value; each place among the graph's outputs counts as one."""
        return Counter([*(value for node in self.nodes for value in node.inputs), *self.outputs])
