"""Which values share their bytes: views with their source, parts of a concatenation with the whole, and slices with what they are cut from.

In: Graph. Out: for every value the root whose memory holds it, and the byte offset there. Next: `plan_memory.py`, which places the roots.

A concatenation costs nothing where its parts are written straight into their places: when all axes outside the concatenated one have
extent 1, each part is computed by a kernel, is needed in one such place only, and starts at a 64-byte boundary. A slice costs nothing
where it is one aligned piece of its source.
"""

from dataclasses import dataclass
from math import prod

from compiler.graph.graph import Graph, Node
from compiler.ops import FusionKind, get_operator

ALIGNMENT_BYTES = 64


@dataclass(frozen=True, slots=True)
class Alias:
    root: str
    offset_bytes: int = 0


def is_view(node: Node) -> bool:
    return get_operator(node.op).fusion == FusionKind.VIEW


def _resolve(parents: dict[str, Alias], value: str) -> Alias:
    offset = 0
    while value in parents:
        offset += parents[value].offset_bytes
        value = parents[value].root
    return Alias(value, offset)


def _part_offsets(graph: Graph, node: Node) -> list[int] | None:
    """Where each part of a concatenation starts in the result, or None if a part is not one aligned piece of it."""
    result = graph.types[node.outputs[0]]
    axis = node.attributes["axis"] % len(result.shape)
    if prod(result.shape[:axis]) != 1:
        return None
    offsets, position = [], 0
    for value in node.inputs:
        offsets.append(position)
        position += graph.types[value].size_bytes
    return offsets if all(offset % ALIGNMENT_BYTES == 0 for offset in offsets) else None


def _slice_offset(graph: Graph, node: Node) -> int | None:
    """Where a slice starts in its source, or None if it is not one aligned piece of it."""
    source, result = graph.types[node.inputs[0]], graph.types[node.outputs[0]]
    cut = [axis for axis, extent in enumerate(source.shape) if result.shape[axis] != extent]
    whole = not cut or (len(cut) == 1 and prod(source.shape[: cut[0]]) == 1)
    if not whole or any(step != 1 for step in node.attributes["steps"]) or result.element_count == 0:
        return None
    offset = prod(source.shape[cut[0] + 1 :]) * node.attributes["starts"][cut[0]] * source.dtype.itemsize if cut else 0
    return offset if offset % ALIGNMENT_BYTES == 0 else None


def _parents(graph: Graph) -> tuple[dict[str, Alias], frozenset[str]]:
    """What each value is a piece of, and the results of concatenations and slices among them."""
    parents: dict[str, Alias] = {}
    placed: set[str] = set()
    pinned = {*graph.inputs, *graph.constants}
    for node in graph.nodes:
        offset = _slice_offset(graph, node) if node.op == "slice" else 0 if is_view(node) else None
        if offset is not None:
            parents[node.outputs[0]] = Alias(node.inputs[0], offset)
            placed.update(node.outputs if node.op == "slice" else ())
    pinned |= {_resolve(parents, value).root for value in graph.outputs}
    for node in graph.nodes:
        offsets = _part_offsets(graph, node) if node.op == "concat" else None
        if offsets is None:
            continue
        roots = [_resolve(parents, value).root for value in node.inputs]
        whole = all(graph.types[root].size_bytes == graph.types[value].size_bytes for root, value in zip(roots, node.inputs, strict=True))
        if whole and len(set(roots)) == len(roots) and pinned.isdisjoint(roots):
            parents.update({root: Alias(node.outputs[0], offset) for root, offset in zip(roots, offsets, strict=True)})
            pinned.update(roots)
            placed.add(node.outputs[0])
    return parents, frozenset(placed)


def placed_values(graph: Graph) -> frozenset[str]:
    """The results of the concatenations and slices that need no kernel."""
    return _parents(graph)[1]


def alias_values(graph: Graph) -> dict[str, Alias]:
    """The root and offset of every value."""
    parents, _ = _parents(graph)
    return {value: _resolve(parents, value) for value in graph.types}
