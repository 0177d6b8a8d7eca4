"""An independent check of a memory plan: runs the kernel calls on labelled bytes. In: graph, groups, plan. Out: nothing, or `VerifyError`.

Each kernel writes bytes labelled (value, position); what it reads must still carry the labels that the graph's meaning demands.
"""

from collections.abc import Sequence

import numpy as np

from compiler.errors import VerifyError
from compiler.graph.alias_values import ALIGNMENT_BYTES, is_view, placed_values
from compiler.graph.graph import Graph, Node
from compiler.graph.group import Group
from compiler.graph.plan_memory import Location, MemoryPlan, Storage

Piece = tuple[str, int, int]  # value, first byte of it, number of bytes


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbouring pieces of the same value as one; empty ones dropped."""
    result: list[Piece] = []
    for name, first, size in pieces:
        if size == 0:
            continue
        if result and result[-1][0] == name and result[-1][1] + result[-1][2] == first:
            result[-1] = (name, result[-1][1], result[-1][2] + size)
        else:
            result.append((name, first, size))
    return result


def _cut(pieces: Sequence[Piece], first: int, size: int) -> list[Piece]:
    """`size` bytes of `pieces` from byte `first` on."""
    result, position = [], 0
    for name, start, length in pieces:
        low, high = max(first, position), min(first + size, position + length)
        if low < high:
            result.append((name, start + low - position, high - low))
        position += length
    return result


def _first_byte(graph: Graph, node: Node) -> int:
    """Where the first element of a slice stands in its source."""
    source = graph.types[node.inputs[0]]
    return int(np.ravel_multi_index(tuple(node.attributes["starts"]), source.shape)) * source.dtype.itemsize


class _Memory:
    """Labelled byte ranges per buffer."""

    def __init__(self) -> None:
        self._ranges: dict[tuple[Storage, int], list[tuple[int, int, str, int]]] = {}  # low, high, value, first byte of the value

    def write(self, location: Location, value: str, size_bytes: int) -> None:
        key, low = (location.storage, location.index), location.offset_bytes
        high = low + size_bytes
        kept: list[tuple[int, int, str, int]] = []
        for old_low, old_high, name, first in self._ranges.get(key, []):
            if old_low < low:
                kept.append((old_low, min(old_high, low), name, first))
            if old_high > high:
                start = max(old_low, high)
                kept.append((start, old_high, name, first + start - old_low))
            if old_low >= low and old_high <= high:
                continue
        kept = [item for item in kept if item[0] < item[1]]
        self._ranges[key] = sorted([*kept, (low, high, value, 0)])

    def read(self, location: Location, size_bytes: int) -> list[Piece]:
        low = location.offset_bytes
        high = low + size_bytes
        pieces: list[Piece] = []
        for old_low, old_high, name, first in self._ranges.get((location.storage, location.index), []):
            start, stop = max(old_low, low), min(old_high, high)
            if start < stop:
                pieces.append((name, first + start - old_low, stop - start))
        return _joined(pieces)


def _meanings(graph: Graph) -> dict[str, list[Piece]]:
    """Which labelled bytes each value consists of."""
    placed = placed_values(graph)
    pieces: dict[str, list[Piece]] = {name: [(name, 0, kind.size_bytes)] for name, kind in graph.types.items()}
    for node in graph.nodes:
        if is_view(node) or node.outputs[0] in placed:
            whole = [piece for value in node.inputs for piece in pieces[value]]
            first = _first_byte(graph, node) if node.op == "slice" else 0
            pieces[node.outputs[0]] = _cut(whole, first, graph.types[node.outputs[0]].size_bytes)
    return {name: _joined(parts) for name, parts in pieces.items()}


def _overlap(a: Location, a_bytes: int, b: Location, b_bytes: int) -> bool:
    same = (a.storage, a.index) == (b.storage, b.index)
    return same and a.offset_bytes < b.offset_bytes + b_bytes and b.offset_bytes < a.offset_bytes + a_bytes


def check_plan(graph: Graph, groups: Sequence[Group], workspace_bytes: Sequence[int], plan: MemoryPlan) -> None:
    """Raises `VerifyError` if a kernel would read bytes that are not there any more, or write out of bounds or over its own operands."""
    meanings, memory = _meanings(graph), _Memory()
    limits = {(Storage.ARENA, 0): plan.arena_bytes}
    for storage, names in ((Storage.INPUT, graph.inputs), (Storage.CONSTANT, tuple(graph.constants)), (Storage.OUTPUT, graph.outputs)):
        limits.update({(storage, index): graph.types[name].size_bytes for index, name in enumerate(names)})
    for storage, names in ((Storage.INPUT, graph.inputs), (Storage.CONSTANT, tuple(graph.constants))):
        for index, name in enumerate(names):
            memory.write(Location(storage, index), name, graph.types[name].size_bytes)

    def require(condition: bool, text: str) -> None:
        if not condition:
            raise VerifyError(f"memory plan of {graph.name!r}: {text}")

    for location in plan.locations.values():
        require(location.offset_bytes % ALIGNMENT_BYTES == 0, f"{location} is not aligned")
    for time, group in enumerate(groups):
        label = f"kernel {time} ({', '.join(group.nodes)})"
        workspace = Location(Storage.ARENA, 0, plan.workspace_offsets[time])
        require(workspace.offset_bytes % ALIGNMENT_BYTES == 0, f"workspace of {label} is not aligned")
        require(workspace.offset_bytes + workspace_bytes[time] <= plan.arena_bytes, f"workspace of {label} ends outside of the arena")
        for value in (*group.arguments, *group.outputs):
            location, size_bytes = plan.locations[value], graph.types[value].size_bytes
            end = location.offset_bytes + size_bytes
            require(end <= limits[location.storage, location.index], f"{value!r} ends outside of {location.storage} {location.index}")
            overlaps = _overlap(location, size_bytes, workspace, workspace_bytes[time])
            require(not (size_bytes and workspace_bytes[time] and overlaps), f"{label} has its workspace over {value!r}")
        for value in group.arguments:
            found = memory.read(plan.locations[value], graph.types[value].size_bytes)
            require(found == meanings[value], f"{label} reads {value!r} and finds {found}")
        for output in group.outputs:
            target, size_bytes = plan.locations[output], graph.types[output].size_bytes
            require(target.storage in (Storage.ARENA, Storage.OUTPUT), f"{label} writes {output!r} into {target.storage}")
            for position, value in enumerate(group.arguments):
                source = plan.locations[value]
                if _overlap(target, size_bytes, source, graph.types[value].size_bytes):
                    require(target == source and group.may_overwrite(position), f"{label} writes {output!r} over its argument {value!r}")
        memory.write(workspace, f"workspace {time}", workspace_bytes[time])
        for output in group.outputs:
            memory.write(plan.locations[output], output, graph.types[output].size_bytes)
    for index, value in enumerate(graph.outputs):
        found = memory.read(Location(Storage.OUTPUT, index), graph.types[value].size_bytes)
        require(found == meanings[value], f"output {value!r} ends as {found}")
