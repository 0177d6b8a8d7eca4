"""Graph pass: drops nodes and constants that no output depends on. In: Graph. Out: Graph. Graph inputs stay, read or not."""

from compiler.graph.graph import Graph, Node


def remove_dead_nodes(graph: Graph) -> Graph:
    live = set(graph.outputs)
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if live.intersection(node.outputs):
            nodes.append(node)
            live.update(node.inputs)
    produced = {value for node in nodes for value in node.outputs}
    known = live | produced | set(graph.inputs)
    return Graph(
        graph.name,
        graph.inputs,
        graph.outputs,
        tuple(reversed(nodes)),
        {value: kind for value, kind in graph.types.items() if value in known},
        {value: array for value, array in graph.constants.items() if value in live},
    )
