"""Memory planning: where each value lives while a model runs.

In: Graph, its kernel calls in order, and the workspace that each kernel asks for. Out: `MemoryPlan`, one arena with reuse; graph inputs,
outputs and constants live outside. Next: the driver; `check_plan.py` verifies a plan independently.

Blocks are placed largest first, each in the smallest gap that fits among the blocks alive at the same time. A purely elementwise kernel
may write over an argument that dies with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from compiler.errors import VerifyError
from compiler.graph.alias_values import ALIGNMENT_BYTES, Alias, alias_values
from compiler.graph.graph import Graph
from compiler.graph.group import Group


class Storage(StrEnum):
    ARENA = "arena"
    CONSTANT = "constant"
    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Location:
    """index: position among the graph's inputs, outputs or constants; 0 for the arena. offset_bytes: from the start of that buffer."""

    storage: Storage
    index: int
    offset_bytes: int = 0


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """locations: of every value that a kernel reads or writes and of every graph output. workspace_offsets: one per group, in the arena."""

    arena_bytes: int
    locations: Mapping[str, Location]
    workspace_offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes in the arena that are alive from group `start` to group `end`, both included."""

    name: str
    size_bytes: int
    start: int
    end: int


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def place_blocks(blocks: Sequence[Block]) -> dict[str, int]:
    """Arena offset of each block; blocks alive at the same time do not overlap."""
    placed: list[tuple[int, Block]] = []
    for block in sorted(blocks, key=lambda item: (-item.size_bytes, item.start, item.name)):
        rivals = sorted(
            ((offset, other.size_bytes) for offset, other in placed if other.start <= block.end and block.start <= other.end),
        )
        best_offset, best_gap, top = -1, -1, 0
        for offset, size_bytes in rivals:
            gap = offset - top
            if gap >= block.size_bytes and (best_gap < 0 or gap < best_gap):
                best_offset, best_gap = top, gap
            top = max(top, offset + size_bytes)
        placed.append((best_offset if best_gap >= 0 else top, block))
    return {block.name: offset for offset, block in placed}


def _overwritten(groups: Sequence[Group], aliases: Mapping[str, Alias], live: Mapping[str, Block]) -> dict[str, str]:
    """Output roots that take over the block of an argument's root: {output root: argument root}."""
    taken: dict[str, str] = {}
    for time, group in enumerate(groups):
        if len(group.outputs) != 1 or aliases[group.outputs[0]] != Alias(group.outputs[0]):
            continue
        output = live.get(group.outputs[0])
        if output is None or output.start != time:
            continue
        roots = [aliases[value].root for value in group.arguments]
        for position, root in enumerate(roots):
            block = live.get(root)
            fits = block is not None and block.end == time and block.start < time and block.size_bytes == output.size_bytes
            if fits and roots.count(root) == 1 and root not in taken.values() and group.may_overwrite(position):
                taken[output.name] = root
                break
    return taken


def _live_blocks(graph: Graph, groups: Sequence[Group], aliases: Mapping[str, Alias], outside: Mapping[str, Location]) -> dict[str, Block]:
    live: dict[str, Block] = {}
    for time, group in enumerate(groups):
        for value in group.outputs:
            root = aliases[value].root
            if root not in outside and root not in live:
                live[root] = Block(root, _aligned(graph.types[root].size_bytes), time, time)
        for value in (*group.arguments, *group.outputs):
            root = aliases[value].root
            if root in outside:
                continue
            if root not in live:
                raise VerifyError(f"graph {graph.name!r}: {', '.join(group.nodes)} reads {value!r}, which no earlier kernel writes")
            live[root] = replace(live[root], end=time)
    return live


def plan_memory(graph: Graph, groups: Sequence[Group], workspace_bytes: Sequence[int]) -> MemoryPlan:
    """Every graph output must have a root of its own that a kernel writes: `separate_outputs` sees to that."""
    aliases = alias_values(graph)
    outside = {name: Location(Storage.INPUT, index) for index, name in enumerate(graph.inputs)}
    outside.update({name: Location(Storage.CONSTANT, index) for index, name in enumerate(graph.constants)})
    for index, name in enumerate(graph.outputs):
        if aliases[name].root in outside or aliases[name].offset_bytes:
            raise VerifyError(
                f"graph {graph.name!r}: output {name!r} shares its memory with {aliases[name].root!r}: run `separate_outputs`"
            )
        outside[aliases[name].root] = Location(Storage.OUTPUT, index)

    live = _live_blocks(graph, groups, aliases, outside)
    taken = _overwritten(groups, aliases, live)
    owner: dict[str, str] = {}
    for output, root in taken.items():
        owner[output] = owner.get(root, root)
        held = live[owner[output]]
        live[owner[output]] = replace(held, end=max(held.end, live.pop(output).end))
    workspaces = [Block(f"#{time}", _aligned(size), time, time) for time, size in enumerate(workspace_bytes)]
    blocks = [*live.values(), *workspaces]
    offsets = place_blocks(blocks)

    def locate(value: str) -> Location:
        alias = aliases[value]
        if alias.root in outside:
            base = outside[alias.root]
            return replace(base, offset_bytes=base.offset_bytes + alias.offset_bytes)
        return Location(Storage.ARENA, 0, offsets[owner.get(alias.root, alias.root)] + alias.offset_bytes)

    values = dict.fromkeys([*(value for group in groups for value in (*group.arguments, *group.outputs)), *graph.outputs])
    return MemoryPlan(
        max((offsets[block.name] + block.size_bytes for block in blocks), default=0),
        {value: locate(value) for value in values},
        tuple(offsets[block.name] for block in workspaces),
    )
