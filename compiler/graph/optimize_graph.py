"""All graph passes in order. In: Graph as a frontend made it, Target. Out: Graph ready for `extract_groups`.

Rewriting passes enable each other, so they run until nothing changes; then layouts are chosen, and what that brought is cleaned up.
"""

from collections.abc import Callable

from compiler.graph.absorb_padding import absorb_padding
from compiler.graph.arrange_concats import arrange_concats
from compiler.graph.choose_layouts import choose_layouts
from compiler.graph.fold_batch_norms import fold_batch_norms
from compiler.graph.fold_constants import fold_constants
from compiler.graph.graph import Graph
from compiler.graph.infer_types import infer_types
from compiler.graph.merge_common_subexpressions import merge_common_subexpressions
from compiler.graph.merge_views import merge_views
from compiler.graph.recognise_activations import recognise_activations
from compiler.graph.remove_dead_nodes import remove_dead_nodes
from compiler.graph.remove_identities import remove_identities
from compiler.graph.separate_outputs import separate_outputs
from compiler.graph.simplify_arithmetic import simplify_arithmetic
from compiler.graph.simplify_pools import simplify_pools
from compiler.graph.sink_reshapes import sink_reshapes
from compiler.graph.verify_graph import verify_graph
from compiler.target import Target

GraphPass = Callable[[Graph], Graph]

SIMPLIFICATIONS: tuple[GraphPass, ...] = (
    fold_constants,
    remove_identities,
    merge_views,
    simplify_arithmetic,
    fold_batch_norms,
    recognise_activations,
    absorb_padding,
    simplify_pools,
    sink_reshapes,
    merge_common_subexpressions,
    arrange_concats,
)
CLEAN_UPS: tuple[GraphPass, ...] = (fold_constants, merge_views, remove_identities, merge_common_subexpressions, remove_dead_nodes)
MAX_ROUNDS = 16


def simplify_graph(graph: Graph) -> Graph:
    """The passes that do not depend on a target, until they change nothing."""
    graph = remove_dead_nodes(infer_types(graph))
    for _ in range(MAX_ROUNDS):
        before = graph.nodes
        for simplify in SIMPLIFICATIONS:
            graph = simplify(graph)
        if graph.nodes == before:
            break
    return graph


def optimize_graph(graph: Graph, target: Target) -> Graph:
    graph = choose_layouts(simplify_graph(graph), target.vector_lanes)
    for clean_up in CLEAN_UPS:
        graph = clean_up(graph)
    graph = separate_outputs(graph)
    verify_graph(graph)
    return graph
