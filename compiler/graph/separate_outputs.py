"""Graph pass: every graph output gets memory of its own. In: Graph. Out: Graph in which a kernel writes each output as a whole.

An output that is an input, a constant, a piece of something, or shares its bytes with another output is copied by an `identity` node.
"""

from dataclasses import replace

from compiler.graph.alias_values import alias_values
from compiler.graph.graph import Graph, Node


def separate_outputs(graph: Graph) -> Graph:
    aliases = alias_values(graph)
    taken = {*graph.inputs, *graph.constants}
    rename: dict[str, str] = {}
    copies: list[Node] = []
    outputs: list[str] = []
    types = dict(graph.types)
    fixed = {*graph.inputs, *graph.constants}
    for name in graph.outputs:
        alias = aliases[name]
        whole = graph.types[alias.root].size_bytes == graph.types[name].size_bytes
        if whole and alias.root not in taken and name not in outputs:
            taken.add(alias.root)
            outputs.append(name)
            continue
        target, number = name, 0
        while target in fixed or target in outputs:
            number += 1
            target = f"{name}.copy{number}"
        source = name
        if target == name:
            source = f"{name}.source"
            while source in types:
                source += "_"
            rename[name] = source
            types[source] = types[name]
        types[target] = graph.types[name]
        copies.append(Node(target, "identity", (source,), (target,)))
        outputs.append(target)
    if not copies:
        return graph

    def renamed(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(rename.get(value, value) for value in values)

    nodes = [replace(node, inputs=renamed(node.inputs), outputs=renamed(node.outputs)) for node in graph.nodes]
    copies = [replace(node, inputs=renamed(node.inputs)) if node.inputs[0] in rename else node for node in copies]
    return Graph(graph.name, graph.inputs, tuple(outputs), (*nodes, *copies), types, graph.constants)
