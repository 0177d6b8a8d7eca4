"""`python -m benchmarks.cortex_a53`: what llvm-mca predicts for the inner loops of a 3x3 convolution on a Raspberry Pi 3b. Never measured.

Ours are those of the default schedules, of tuned ones (there is no board here: the search that `tilewright tune` makes is told predicted
cycles, see `tune_by_model.py`), and with `--db URL` those of the fastest records that a team has measured on its boards.

Beside them stand XNNPACK's published register tiles for the same cpu (6x8 on AArch64, 4x8 on ARMv7: rows x columns of a
matrix product), as loops of our own with their mix of instructions: for two steps of the reduction, columns by two 64-bit halves each and
rows by 64-bit loads, then the multiply-adds by lane. XNNPACK interleaves them by hand; here loads come first, and the other order is given
too.

Two models are asked. LLVM's of the Cortex-A53 makes a load that follows a multiply-add wait until that has written its result, which
punishes any interleaving; its of the Cortex-A55, the next in-order core, does not, but lets some multiply-adds pair. For 32-bit ARM, LLVM
has neither: the Cortex-A57's stands in, which executes out of order and so tells of throughput alone. The first is what the search is told.
"""

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product

from benchmarks.command_line import make_parser, print_report, progress
from benchmarks.conditions import read_conditions
from benchmarks.inner_loop import InnerLoop, find_loop_nest, find_mca, predicted_cycles
from benchmarks.predicted_kernel import predict_kernel
from benchmarks.tables import Cell, table
from benchmarks.tune_by_model import tune_by_model
from compiler.codegen.llvm import generate_assembly
from compiler.errors import TilewrightError
from compiler.lower import lower
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from records_db import Database, Record, plain_form
from schedule_space import Candidate, Decisions, space_for
from tuner import DEFAULT_STRATEGY

TARGETS = ("pi3b-64", "pi3b-32")
MODELS: Mapping[str, tuple[str, ...]] = {"aarch64": ("cortex-a53", "cortex-a55"), "armv7": ("cortex-a57",)}
TRIALS, QUICK_TRIALS = 64, 8
LISTED = 8  # rows of the best tiles found
TILE_NAMES = ("tile_oc", "tile_oh", "tile_ow", "tile", "vectors", "unroll")
FORMS = {"conv2d": "direct", "winograd_conv2d": "Winograd"}
PUBLISHED = "XNNPACK's"
BEHIND = "is behind the published tile in its better order"
NOTE = """Predicted, never measured: llvm-mca's simulation of the loop alone, without caches, memory and branches. The ceiling of a
Cortex-A53 is one vector multiply-add (four float32 lanes) per cycle: 9.6 GFLOP/s per core at 1.2 GHz. LLVM has no model of it for 32-bit
ARM: the A57's, which executes two multiply-adds per cycle out of order, tells what the other instructions of a loop cost."""
TUNED = """Tuned: the best of {trials} trials of the strategy {strategy}, one seed, on predicted cycles in place of times. It is told those
of the whole kernel, so that no small loop wins that leaves the work to the loops around it: the inner loop as often as it runs, partial
tiles as whole ones, the instructions of the loops around it as often as those run, and one cycle for each instruction of copies and
transforms (a spilled vector pays by its loads and stores; what cannot be built is a failed trial). "Whole kernel" is that, by the first
model and per multiply-add that is needed, those of its own form: a Winograd form needs a quarter of the direct one's. Caches are in no
model, so what a search on a board learns of them (the order of outer loops, prefetches, how much to chunk) is left to chance here."""


@dataclass(frozen=True, slots=True)
class Row:
    """cycles: per vector multiply-add, by llvm-mca's model of each cpu. kernel_cycles: the whole kernel's, by the first of them."""

    target: str
    loop: str
    multiply_adds: int
    others: int
    spills: int
    cycles: Mapping[str, float]
    kernel_cycles: float | None = None


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


def predict(target: Target, name: str, loop: InnerLoop, label: str, kernel_cycles: float | None = None) -> Row:
    count = loop.multiply_adds
    cycles = {cpu: predicted_cycles(loop.instructions, target.arch, cpu) / count for cpu in MODELS[target.arch]}
    return Row(label, name, count, len(loop.instructions) - count, loop.spills, cycles, kernel_cycles)


def loop_of(workload: Workload, schedule: Schedule, target: Target) -> InnerLoop:
    return find_loop_nest(generate_assembly(lower(workload, schedule, target), target, "kernel")).inner


def tile_text(decisions: Decisions) -> str:
    return ", ".join(f"{name} {decisions[name]}" for name in TILE_NAMES if name in decisions)


def published_rows(label: str) -> Iterator[Row]:
    target = Target.parse(label)
    tile = "6x8" if target.arch == "aarch64" else "4x8"
    for interleaved, order in ((False, "loads first"), (True, "interleaved")):
        yield predict(target, f"{PUBLISHED} {tile} tile, {order}", published_tile(target.arch, interleaved), label)


def rows_of(label: str, trials: int) -> Iterator[Row]:
    """Of each form the default schedule and the tuned one."""
    target = Target.parse(label)
    cpu = MODELS[target.arch][0]
    for form, workload in convolutions(target.vector_lanes).items():
        space = space_for(workload, target, 1)
        progress(f"{label}: {form}, {trials} trials")
        tuned = tune_by_model(space, cpu, trials)
        failed = f"; {tuned.failed} trials failed" if tuned.failed else ""
        candidates: dict[str, Candidate] = {"default": space.default(), f"tuned{failed}": tuned.candidate}
        for name, candidate in candidates.items():
            kernel = predict_kernel(space, candidate, cpu)
            text = f"{form}, {name}: {tile_text(dict(candidate.decisions))}"
            yield predict(target, text, kernel.loop, label, kernel.cycles_per_multiply_add)


def rows_of_records(label: str, database: Database) -> Iterator[Row]:
    """Of the convolution, whatever is fused into it: the fastest record of each device that measured it, and number of threads."""
    target = Target.parse(label)
    threads = {str(replace(target, cores=cores)): cores for cores in range(1, target.cores + 1)}
    wanted = plain_form(convolutions(target.vector_lanes)["direct"])
    best: dict[tuple[str, str], tuple[float, Record]] = {}
    for leader in database.leaders():
        record, cost_secs = leader.best.record, leader.best.cost_secs
        place = (record.target, record.device.fingerprint)
        if record.target in threads and plain_form(record.workload) == wanted and cost_secs < best.get(place, (math.inf,))[0]:
            best[place] = (cost_secs, record)
    for cost_secs, record in best.values():
        form = FORMS[record.workload.ops[record.workload.anchor].op]
        origin = f"record {record.id} of {record.device.model}, {1000 * cost_secs:.3g} ms on {threads[record.target]} thread(s)"
        try:
            loop = loop_of(record.workload, record.schedule, Target.parse(record.target))
        except (TilewrightError, ValueError) as error:  # of another version of the compiler, say
            progress(f"{label}: {origin}, is left out: {error}")
            continue
        yield predict(target, f"{form}, {origin}: {tile_text(record.decisions)}", loop, label)


def all_tiles(label: str) -> list[Row]:
    """The best register tiles of the direct form by the first model, of those that spill nothing: is the tuned loop far from them?"""
    target = Target.parse(label)
    workload = convolutions(target.vector_lanes)["direct"]
    space = space_for(workload, target, 1)
    default = {**dict(space.default().decisions), "chunk": 1}
    tiles = [parameter for parameter in space.parameters if parameter.name in TILE_NAMES[:3]]
    found: list[Row] = []
    for *sizes, unroll in product(*(parameter.choices for parameter in tiles), (1, 2, 4)):
        decisions = {**default, **dict(zip((parameter.name for parameter in tiles), sizes, strict=True)), "unroll": unroll}
        if target.vector_registers // 2 <= math.prod(map(int, sizes)) and space.is_valid(decisions):
            loop = loop_of(workload, space.schedule(space.candidate(decisions)), target)
            if not loop.spills:
                found.append(predict(target, f"direct: {tile_text(decisions)}", loop, label))
    return sorted(found, key=lambda row: next(iter(row.cycles.values())))[:LISTED]


def table_of(rows: Sequence[Row], published: Mapping[str, float]) -> str:
    """published: the fewest cycles of XNNPACK's tile, by cpu."""
    cycles = (f"cycles per multiply-add, {cpu}" for cpu in published)
    header = ["inner loop", "multiply-adds", "other instructions", "spills", *cycles, "whole kernel"]
    cells: list[Sequence[Cell | str]] = []
    for row in rows:
        counts = (row.multiply_adds, row.others, row.spills)
        kernel = "" if row.kernel_cycles is None else f"{row.kernel_cycles:.2f}"
        cells.append((row.loop, *map(str, counts), *_cycles(row, published), kernel))
    return f"{rows[0].target}\n\n{table(header, cells, BEHIND)}"


def _cycles(row: Row, published: Mapping[str, float]) -> Iterator[Cell]:
    own = not row.loop.startswith(PUBLISHED)
    yield from (Cell(f"{row.cycles[cpu]:.2f}", own and row.cycles[cpu] > least) for cpu, least in published.items())


def positive(text: str) -> int:
    """For argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def main() -> None:
    parser = make_parser("benchmarks.cortex_a53", "Predicted cycles of inner loops on a Cortex-A53. Nothing is measured.")
    parser.add_argument("--trials", type=positive, metavar="N", help=f"of each tuned schedule; {TRIALS}, with --quick {QUICK_TRIALS}")
    parser.add_argument("--db", metavar="URL", help="also the fastest records of this convolution on boards")
    parser.add_argument("--all-tiles", action="store_true", help="also the best of all register tiles of the direct form, the loop alone")
    options = parser.parse_args()
    trials = options.trials or (QUICK_TRIALS if options.quick else TRIALS)
    labels = TARGETS[: 1 if options.quick else None]
    try:
        find_mca()
        database = Database(options.db, create=False) if options.db else None
        texts, rows = report(labels, trials, database, options.all_tiles)
    except TilewrightError as error:
        raise SystemExit(f"benchmarks.cortex_a53: {error}") from None
    conditions = read_conditions("benchmarks.cortex_a53", TARGETS[0])
    texts = [NOTE, TUNED.format(trials=trials, strategy=DEFAULT_STRATEGY), *texts]
    print_report(conditions, texts, [asdict(row) for row in rows], options.json)


def report(labels: Sequence[str], trials: int, database: Database | None, tiles: bool) -> tuple[list[str], list[Row]]:
    """The tables and lines of all targets, and what stands in them."""
    texts: list[str] = []
    rows: list[Row] = []
    for label in labels:
        theirs = list(published_rows(label))
        published = {cpu: min(row.cycles[cpu] for row in theirs) for cpu in theirs[0].cycles}
        measured = list(rows_of_records(label, database)) if database else []
        found = [*rows_of(label, trials), *measured, *theirs]
        texts.append(table_of(found, published))
        if database and not measured:
            texts.append(f"{label}: no verified record of this convolution for this target, or none that compiles, in {database.url}")
        if tiles:
            progress(f"{label}: all register tiles")
            found += (best := all_tiles(label))
            texts.append(table_of(best, published))
        rows += found
    return texts, rows


if __name__ == "__main__":
    main()
