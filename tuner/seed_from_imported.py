"""What another tool found for the same convolution on a like processor -> candidates that a search measures right after the default.

In: a `Task`, and AutoTVM's records as `records_db` has imported them. Out: the task with `seeds`. Next: `tuner/tuning_task.py`. A seed is
a place to begin, no more: it is measured like any candidate; the other tool's times rank seeds among each other, and serve nothing else.

AutoTVM's templates for ARM (`spatial_pack`, `depthwise_conv2d_nchw`) and x86 (`conv2d_NCHWc`) tile as `schedule_space/tiled_reduction.py`
does: a block of output channels, rows and columns is summed in registers. So the sizes of the block carry over, and which kernel axes are
unrolled; what has no equivalent there (prefetching, where the padded copy is made, how loops are shared) is as in the space's default.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import log2, prod
from typing import Any

from compiler.errors import TargetError
from compiler.ops import ConvShape
from compiler.target import Target
from records_db import AUTOTVM, Database, ForeignRecord, anchored_convolution, plain_form
from schedule_space import Candidate, Choice, ScheduleSpace
from tuner.task import Task

MAX_SEEDS = 4  # of a task: half a batch, so that the search's own proposals are not held up
NEAREST = 4  # choices of a parameter that are looked at
CPUS: Mapping[str, str] = {  # of TVM's names of boards and chips, those of their fast cores
    "bcm2837": "cortex-a53",
    "rasp3b": "cortex-a53",
    "ultra96": "cortex-a53",
    "rk3399": "cortex-a72",
    "pynq": "cortex-a9",
    "kirin970": "cortex-a73",
    "snapdragon835": "cortex-a73",
}
FAMILIES: Mapping[str, str] = {"armv7": "arm", "aarch64": "arm"}
OUTER_LOOPS: Mapping[int, str] = {1: "oc", 2: "oh", 3: "ow"}  # positions in spatial_pack's `reorder_0`
BLOCKS = (("tile_co", "tile_oh", "tile_ow"), ("tile_oc", "tile_oh", "tile_ow"), ("tile_c", "tile_h", "tile_w"))  # knobs, by template


@dataclass(frozen=True, slots=True)
class RegisterBlock:
    """What is summed at a time: output channels, rows, columns. unrolled: of the kernel's rows and columns. order: of the outer loops."""

    channels: int
    rows: int
    columns: int
    unrolled: tuple[bool, bool]
    order: str | None


def with_seeds(task: Task, database: Database) -> Task:
    """The task with what imported records suggest, the most promising first; as it was where they suggest nothing."""
    plain = plain_form(task.workload)
    if plain is None or task.workload.ops[task.workload.anchor].op != "conv2d":
        return task
    return replace(task, seeds=tuple(seeds_of(task, database.foreign_records(plain))))


def seeds_of(task: Task, records: list[ForeignRecord]) -> list[Candidate]:
    """Records of the same processor before those of like ones, faster ones before slower ones."""
    shape = anchored_convolution(task.workload)
    if shape is None:
        return []
    ranked = [
        (likeness, record.measurement.best_secs, position, record)
        for position, record in enumerate(records)
        if record.task.format == AUTOTVM and record.measurement.best_secs is not None
        if (likeness := _likeness(record.target, task.target)) is not None
    ]
    found: dict[Candidate, None] = {}
    for _, _, _, record in sorted(ranked, key=lambda entry: entry[:3]):
        block = read_block(record.decisions, shape)
        candidate = nearest_candidate(task.space, wanted_decisions(block, shape, task.space)) if block is not None else None
        if candidate is not None:
            found[candidate] = None
        if len(found) == MAX_SEEDS:
            break
    return list(found)


def _likeness(theirs: str, ours: Target) -> int | None:
    """0: the same processor. 1: another with vectors of the same length, of the same family. None: too different to learn from."""
    options = dict(word.lstrip("-").partition("=")[::2] for word in theirs.split()[1:])
    cpu = options.get("mcpu") or CPUS.get(options.get("model", ""), "")
    if cpu == ours.cpu and cpu:
        return 0
    try:
        target = Target.parse(f"llvm -mcpu={cpu}") if cpu else None
    except TargetError:
        return None
    if target is None or target.vector_bits != ours.vector_bits:
        return None
    return 1 if FAMILIES.get(target.arch, target.arch) == FAMILIES.get(ours.arch, ours.arch) else None


def read_block(decisions: Mapping[str, Any], shape: ConvShape) -> RegisterBlock | None:
    """Of a template whose blocks are like ours; None of any other, and of one whose sizes make no sense."""
    names = next((names for names in BLOCKS if names[0] in decisions), None)
    if names is None:
        return None
    extents = (shape.out_channels, *shape.out_size)
    sizes = [_inner_size(decisions.get(name, 1), extent) for name, extent in zip(names, extents, strict=True)]
    if any(size < 1 for size in sizes):
        return None
    return RegisterBlock(sizes[0], sizes[1], sizes[2], _unrolled(decisions), _outer_order(decisions.get("reorder_0")))


def _unrolled(decisions: Mapping[str, Any]) -> tuple[bool, bool]:
    match decisions.get("ann_reduce"):
        case [rows, columns]:
            return rows == "unroll", columns == "unroll"
    return False, decisions.get("unroll_kw") is True


def _inner_size(knob: Any, extent: int) -> int:
    """The innermost size of a split, which may be left to the rest of the extent (-1); a plain number is one."""
    sizes = knob if isinstance(knob, list) and knob else [knob]
    if not all(isinstance(size, int) and not isinstance(size, bool) for size in sizes):
        return 0
    return sizes[-1] if sizes[-1] != -1 else extent // max(1, prod(sizes[:-1]))


def _outer_order(order: Any) -> str | None:
    if not isinstance(order, list):
        return None
    return ",".join(OUTER_LOOPS[position] for position in order if position in OUTER_LOOPS)


def wanted_decisions(block: RegisterBlock, shape: ConvShape, space: ScheduleSpace) -> dict[str, Choice]:
    """In the space's own names and units, not necessarily among its choices.

    Blocked: a step of `tile_oc` is a block of channels, and one of `vectors` a vector of it. Plain: vectors lie along the columns.
    """
    lanes = space.target.vector_lanes
    wanted: dict[str, Choice] = {"tile_oh": block.rows}
    if shape.block_out:
        wanted |= {"tile_oc": max(1, block.channels // shape.block_out), "tile_ow": block.columns}
        wanted["vectors"] = max(1, min(block.channels, shape.block_out) // lanes)
    else:
        wanted |= {"tile_oc": block.channels, "vectors": max(1, block.columns // lanes)}
    rows, columns = block.unrolled
    inner = shape.block_in or 1
    wanted["unroll"] = inner * (shape.kernel[1] if columns else 1) * (shape.kernel[0] if rows and columns else 1)
    if block.order is not None:
        wanted["order"] = block.order
    return wanted


def nearest_candidate(space: ScheduleSpace, wanted: Mapping[str, Choice]) -> Candidate | None:
    """The valid candidate whose sizes differ least from those wanted, by their ratios; the rest is as in the default.

    None where nothing near is valid.
    """
    default = dict(space.default().decisions)
    exact = {p.name: wanted[p.name] for p in space.parameters if p.name in wanted and wanted[p.name] in p.choices and p.name == "order"}
    sizes = {p.name: _by_distance(p.choices, wanted[p.name]) for p in space.parameters if p.name in wanted and p.name != "order"}
    points = sorted(
        (sum(distance for distance, _ in point), position, point)
        for position, point in enumerate(product(*(choices[:NEAREST] for choices in sizes.values())))
    )
    for _, _, point in points:
        chosen = dict(zip(sizes, (choice for _, choice in point), strict=True))
        for decisions in _with_rest({**default, **exact, **chosen}):
            if space.contains(decisions):
                return space.candidate(decisions)
    return None


def _by_distance(choices: tuple[Choice, ...], wanted: Choice) -> list[tuple[float, int]]:
    return sorted((abs(log2(int(choice) / int(wanted))), int(choice)) for choice in choices)


def _with_rest(decisions: dict[str, Choice]) -> Iterator[dict[str, Choice]]:
    """As the default shares loops and places the source, then as is always possible."""
    yield decisions
    if "chunk" in decisions:
        yield {**decisions, "chunk": 1}
    if "place" in decisions:
        yield {**decisions, "place": "root", **({"chunk": 1} if "chunk" in decisions else {})}
