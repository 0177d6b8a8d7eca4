"""`python -m benchmarks.cortex_a53`: what llvm-mca predicts for the inner loops of a 3x3 convolution on a Raspberry Pi 3b. Never measured.

Beside our default schedules stand XNNPACK's published register tiles for the same cpu (6x8 on AArch64, 4x8 on ARMv7: rows x columns of a
matrix product), as loops of our own with their mix of instructions: for two steps of the reduction, columns by two 64-bit halves each and
rows by 64-bit loads, then the multiply-adds by lane. XNNPACK interleaves them by hand; here loads come first, and the other order is given
too.

Two models are asked. LLVM's of the Cortex-A53 makes a load that follows a multiply-add wait until that has written its result, which
punishes any interleaving; its of the Cortex-A55, the next in-order core, does not, but lets some multiply-adds pair. For 32-bit ARM, LLVM
has neither: the Cortex-A57's stands in, which executes out of order and so tells of throughput alone.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product

from benchmarks.command_line import make_parser, print_report, progress
from benchmarks.conditions import read_conditions
from benchmarks.inner_loop import InnerLoop, find_inner_loop, find_mca, predicted_cycles
from benchmarks.tables import Cell, table
from compiler.codegen.llvm import generate_assembly
from compiler.errors import TilewrightError
from compiler.lower import lower
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from schedule_space import Decisions, ScheduleSpace, space_for

TARGETS = ("pi3b-64", "pi3b-32")
MODELS: Mapping[str, tuple[str, ...]] = {"aarch64": ("cortex-a53", "cortex-a55"), "armv7": ("cortex-a57",)}
SEARCHED = 8  # rows of the best tiles found
TILE_NAMES = ("tile_oc", "tile_oh", "tile_ow", "tile", "vectors", "unroll")
PUBLISHED = "XNNPACK's"
BEHIND = "is behind the published tile in its better order"
NOTE = """Predicted, never measured: llvm-mca's simulation of the loop alone, without caches, memory and branches. The ceiling of a
Cortex-A53 is one vector multiply-add (four float32 lanes) per cycle: 9.6 GFLOP/s per core at 1.2 GHz. LLVM has no model of it for 32-bit
ARM: the A57's, which executes two multiply-adds per cycle out of order, tells what the other instructions of a loop cost."""


@dataclass(frozen=True, slots=True)
class Row:
    """cycles: per vector multiply-add, by llvm-mca's model of each cpu."""

    target: str
    loop: str
    multiply_adds: int
    others: int
    spills: int
    cycles: Mapping[str, float]


def convolutions(lanes: int) -> dict[str, Workload]:
    """64 to 64 channels, 56 x 56 pixels, 3 x 3, as in ResNet-18: direct, and as F(4x4)."""
    attributes = {
        "strides": (1, 1), "padding": (1, 1, 1, 1), "dilations": (1, 1), "groups": 1,
        "layout": f"NCHW{lanes}c", "out_layout": f"NCHW{lanes}c",
    }  # fmt: skip
    arguments = (Argument(TensorType((1, 64 // lanes, 56, 56, lanes))), Argument(TensorType((64, 64, 3, 3)), True))
    inputs = (("arg", 0), ("arg", 1))
    return {
        "direct": Workload(arguments, (GroupOp("conv2d", inputs, attributes),)),
        "winograd F(4x4)": Workload(arguments, (GroupOp("winograd_conv2d", inputs, {**attributes, "tile": (4, 4)}),)),
    }


def published_tile(arch: str, interleaved: bool) -> InnerLoop:
    """XNNPACK's mix of instructions for two steps of the reduction."""
    if arch == "aarch64":
        loads = [
            line
            for half in range(4)
            for line in (
                f"ldr d{12 + half}, [x5, #{16 * half}]",
                f"ldr x{8 + half}, [x5, #{16 * half + 8}]",
                f"ins v{12 + half}.d[1], x{8 + half}",
            )
        ]
        loads += [f"ldr d{row}, [x{14 + row}]" for row in range(6)]
        adds = [
            f"fmla v{20 + 2 * row + column}.4s, v{12 + 2 * step + column}.4s, v{row}.s[{step}]"
            for step, row, column in product(range(2), range(6), range(2))
        ]
    else:
        loads = [f"vldr d{16 + half}, [r5, #{8 * half}]" for half in range(8)] + [f"vldr d{row}, [r{6 + row}]" for row in range(4)]
        adds = [
            f"vmla.f32 q{(2, 3, 4, 5, 6, 7, 12, 13)[2 * row + column]}, q{8 + 2 * step + column}, d{row}[{step}]"
            for step, row, column in product(range(2), range(4), range(2))
        ]
    if not interleaved:
        return InnerLoop((*loads, *adds), 0)
    each = math.ceil(len(loads) / len(adds))
    groups = [(add, *loads[each * at : each * at + each]) for at, add in enumerate(adds)]
    return InnerLoop(tuple(line for group in groups for line in group), 0)


def predict(target: Target, name: str, loop: InnerLoop, label: str) -> Row:
    count = loop.multiply_adds
    cycles = {cpu: predicted_cycles(loop.instructions, target.arch, cpu) / count for cpu in MODELS[target.arch]}
    return Row(label, name, count, len(loop.instructions) - count, loop.spills, cycles)


def loop_of(space: ScheduleSpace, decisions: Decisions) -> InnerLoop:
    schedule = space.schedule(space.candidate(decisions))
    return find_inner_loop(generate_assembly(lower(space.workload, schedule, space.target), space.target, "kernel"))


def tile_text(decisions: Decisions) -> str:
    return ", ".join(f"{name} {decisions[name]}" for name in TILE_NAMES if name in decisions)


def rows_of(label: str) -> Iterator[Row]:
    target = Target.parse(label)
    for form, workload in convolutions(target.vector_lanes).items():
        space = space_for(workload, target, 1)
        decisions = dict(space.default().decisions)
        yield predict(target, f"{form}, default: {tile_text(decisions)}", loop_of(space, decisions), label)
    tile = "6x8" if target.arch == "aarch64" else "4x8"
    for interleaved, order in ((False, "loads first"), (True, "interleaved")):
        yield predict(target, f"{PUBLISHED} {tile} tile, {order}", published_tile(target.arch, interleaved), label)


def search(label: str) -> list[Row]:
    """The best register tiles of the direct form by the first model, of those that spill nothing."""
    target = Target.parse(label)
    space = space_for(convolutions(target.vector_lanes)["direct"], target, 1)
    default = dict(space.default().decisions)
    tiles = [parameter for parameter in space.parameters if parameter.name in TILE_NAMES[:3]]
    found: list[Row] = []
    for *sizes, unroll in product(*(parameter.choices for parameter in tiles), (1, 2, 4)):
        named = dict(zip((parameter.name for parameter in tiles), sizes, strict=True))
        decisions = {**default, **named, "unroll": unroll, "chunk": 1} if "chunk" in default else {**default, **named, "unroll": unroll}
        if target.vector_registers // 2 <= math.prod(map(int, sizes)) and space.is_valid(decisions):
            loop = loop_of(space, decisions)
            if not loop.spills:
                found.append(predict(target, f"direct: {tile_text(decisions)}", loop, label))
    return sorted(found, key=lambda row: next(iter(row.cycles.values())))[:SEARCHED]


def table_of(rows: Sequence[Row], published: Mapping[str, float]) -> str:
    """published: the fewest cycles of XNNPACK's tile, by cpu."""
    header = ("inner loop", "multiply-adds", "other instructions", "spills", *(f"cycles per multiply-add, {cpu}" for cpu in published))
    cells: list[Sequence[Cell | str]] = []
    for row in rows:
        counts = (row.multiply_adds, row.others, row.spills)
        cells.append((row.loop, *map(str, counts), *_cycles(row, published)))
    return f"{rows[0].target}\n\n{table(header, cells, BEHIND)}"


def _cycles(row: Row, published: Mapping[str, float]) -> Iterator[Cell]:
    own = not row.loop.startswith(PUBLISHED)
    yield from (Cell(f"{row.cycles[cpu]:.2f}", own and row.cycles[cpu] > least) for cpu, least in published.items())


def main() -> None:
    parser = make_parser("benchmarks.cortex_a53", "Predicted cycles of inner loops on a Cortex-A53. Nothing is measured.")
    parser.add_argument("--search", action="store_true", help="also try every register tile of the direct form, for a minute or two")
    options = parser.parse_args()
    try:
        find_mca()
    except TilewrightError as error:
        raise SystemExit(f"benchmarks.cortex_a53: {error}") from None
    tables: list[str] = []
    rows: list[Row] = []
    for label in TARGETS[: 1 if options.quick else None]:
        progress(f"{label}: default schedules")
        found = list(rows_of(label))
        theirs = [row.cycles for row in found if row.loop.startswith(PUBLISHED)]
        published = {cpu: min(cycles[cpu] for cycles in theirs) for cpu in theirs[0]}
        tables.append(table_of(found, published))
        if options.search:
            progress(f"{label}: all register tiles")
            found += (best := search(label))
            tables.append(table_of(best, published))
        rows += found
    conditions = read_conditions("benchmarks.cortex_a53", TARGETS[0])
    print_report(conditions, [NOTE, *tables], [asdict(row) for row in rows], options.json)


if __name__ == "__main__":
    main()
