"""Single operators against PyTorch (oneDNN), onnxruntime and ncnn: the suite `past-vendors` of `kernels.py`.

Every form of an operator (direct, Winograd) is tuned on one thread; the fastest schedule of all is then timed in one process with the other
libraries, visited by turns A B B A. Of their times the cost of a call is taken off, as a call with next to nothing to compute has it, since
our kernels are called in a native loop. The ceiling of multiply-adds takes its turn like a library, since the clock of a shared machine
wanders; shares are of the kernel's own ceiling.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path

from benchmarks.command_line import chosen, print_report, progress
from benchmarks.conditions import package_version, read_conditions
from benchmarks.kernel_workloads import Kernel
from benchmarks.operator_case import OperatorCase, make_case, smallest_case
from benchmarks.operator_peers import OPERATOR_PEERS, OperatorPeer, PreparedOperator, load_operator_peer
from benchmarks.operator_peers.tilewright_operator import TilewrightOperator, prepare_operator
from benchmarks.vendor_rows import OURS, VendorRow, vendor_tables
from benchmarks.vendor_sections import SECTIONS, Section, sizes_divide
from compiler.target import Target
from compiler.workload import Workload
from measure import Builder, Ceiling, CeilingLoops, LocalRunner, RunnerOptions
from records_db import Database
from tilewright.interleave import interleave
from tilewright.peers import MissingPeer, PeerError
from tuner import Task, TuneOptions, make_variant_tasks, tune_tasks

QUICK = ("64->64 56x56 3x3", "256->1024 14x14 1x1", "512 depthwise 14x14 3x3")
SAMPLE_SECS = 2e-3  # calls in one sample
SAMPLES = 3  # in each visit
CLOSE = 1.3  # forms whose records are within this factor of the best are timed once more against each other
CALL_TRIALS = 50
CEILING = "ceiling"


@dataclass(frozen=True, slots=True)
class Own:
    """Our fastest operator. form: the algorithm; trials: measured in all for the kernel."""

    operator: TilewrightOperator
    form: str
    trials: int


def operator_tasks(kernel: Kernel, target: Target) -> list[Task]:
    """One for each form of the kernel, the direct one first."""
    return make_variant_tasks(kernel.workload(target), target)


def form_name(workload: Workload) -> str:
    """F(my x mx, r x s) of a Winograd form; otherwise "direct"; and the bytes of each weight, where they are fewer than four."""
    anchor = workload.ops[workload.anchor]
    kept = f", {anchor.attributes['weight_bytes']} bytes" if "weight_bytes" in anchor.attributes else ""
    if "tile" not in anchor.attributes:
        return f"direct{kept}"
    tile, weight = anchor.attributes["tile"], workload.arguments[anchor.inputs[1][1]].type.shape
    return f"F({tile[0]}x{tile[1]},{weight[-2]}x{weight[-1]}){kept}"


def fastest_own(case: OperatorCase, tasks: Sequence[Task], database: Database, runner: LocalRunner) -> Own:
    """By the records of all forms; by default schedules where there are none."""
    target = tasks[0].target
    known = [(task, choice) for task in tasks if (choice := database.best_schedule(task.workload, target, runner.device)) is not None]
    least = min((choice.expected_secs for _, choice in known if choice.expected_secs), default=0.0)
    close = [(task, choice.schedule) for task, choice in known if (choice.expected_secs or 0.0) <= CLOSE * least]
    source = "" if close else ", untuned"
    candidates = close or [(task, task.space.schedule(task.space.default())) for task in tasks]
    operators = [prepare_operator(case, task.workload, schedule, target) for task, schedule in candidates]
    names = [str(position) for position in range(len(operators))]
    best = 0
    if len(operators) > 1:
        timings = interleave({name: sampler(each) for name, each in zip(names, operators, strict=True)}, rounds=2, calls=SAMPLES)
        best = min(range(len(operators)), key=lambda position: timings[str(position)].median)
    trials = sum(len(database.records(task.workload, target, runner.device)) for task in tasks)
    return Own(operators[best], form_name(candidates[best][0].workload) + source, trials)


def sampler(operator: PreparedOperator) -> Callable[[int], list[float]]:
    """Samples of SAMPLE_SECS each, after a warm-up call."""
    operator.time(1)
    calls = max(1, ceil(SAMPLE_SECS / max(operator.time(1), 1e-8)))

    def take(samples: int) -> list[float]:
        operator.time(1)
        return [operator.time(calls) for _ in range(samples)]

    return take


def ceiling_samples(loops: CeilingLoops, samples: int) -> list[float]:
    """Seconds per 10^9 operations."""
    loops.sampled_gflops()
    return [1 / loops.sampled_gflops() for _ in range(samples)]


def measure_operator(
    section: Section,
    case: OperatorCase,
    own: Own,
    peers: Mapping[str, OperatorPeer],
    loops: CeilingLoops,
    target: Target,
    *,
    rounds: int,
    statistic: str,
) -> VendorRow:
    """statistic: the name of one of `Timing`."""
    operators: dict[str, PreparedOperator] = {OURS: own.operator}
    call_secs: dict[str, float] = {OURS: 0.0}
    for name, peer in peers.items():
        try:
            operators[name] = peer.prepare(case)
        except PeerError as error:
            progress(f"{case.kernel.name}: without {name}: {' '.join(str(error).split())}")
            continue
        smallest = peer.prepare(smallest_case(case.kernel))
        call_secs[name] = min(smallest.time(10) for _ in range(CALL_TRIALS))
    reference = case.reference()
    errors = {name: case.error(operator.run(), reference) for name, operator in operators.items()}
    samplers = {name: sampler(operator) for name, operator in operators.items()}
    timings = interleave({**samplers, CEILING: partial(ceiling_samples, loops)}, rounds, SAMPLES)
    secs: dict[str, float] = {name: getattr(timing, statistic) for name, timing in timings.items()}
    ceiling_gflops = 1 / secs.pop(CEILING)
    narrow = target != replace(Target.parse("host"), cores=1)
    asked = section.narrow_share if narrow else section.share if sizes_divide(case.kernel, target.vector_lanes) else None
    return VendorRow(
        section=section.name,
        name=case.kernel.name,
        gflop=case.kernel.operations / 1e9,
        call_secs=call_secs,
        secs={name: max(value - call_secs[name], 0.1 * value) for name, value in secs.items()},
        errors=errors,
        form=own.form,
        ceiling_gflops=ceiling_gflops,
        asked_share=asked,
        trials=own.trials,
    )


def installed(names: Sequence[str]) -> dict[str, OperatorPeer]:
    peers = {}
    for name in names:
        try:
            peers[name] = load_operator_peer(name)
        except MissingPeer as missing:
            progress(f"left out: {missing}")
    return peers


def asked_kernels(options: argparse.Namespace) -> list[tuple[Section, Kernel]]:
    """By --kernels, which takes names of kernels and of sections; all without it."""
    known = {kernel.name: (section, kernel) for section in SECTIONS.values() for kernel in section.kernels}
    if options.kernels is None:
        return [known[name] for name in QUICK] if options.quick else list(known.values())
    sections = {name: [(section, kernel) for kernel in section.kernels] for name, section in SECTIONS.items()}
    groups = chosen(options.kernels, {**sections, **{name: [pair] for name, pair in known.items()}})
    return [pair for group in groups.values() for pair in group]


def run_suite(options: argparse.Namespace) -> None:
    trials = min(options.trials, 16) if options.quick else options.trials
    target = replace(Target.parse(options.target), cores=1)
    conditions = read_conditions("benchmarks.kernels", options.target)
    usual = ",".join(OPERATOR_PEERS) if options.target == "host" else ""
    against = usual if options.against is None else options.against
    peers = installed(list(chosen(against, OPERATOR_PEERS)) if against else [])
    loops = CeilingLoops(target)
    ceiling = Ceiling(1, loops.gflops(1), loops.gbytes(1))
    tuning = TuneOptions(trials=trials, strategy=options.tuner, seed=options.seed, command_line="benchmarks.kernels")
    rows: list[VendorRow] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        database = stack.enter_context(Database(options.db or f"sqlite:///{Path(folder, 'kernels.db')}"))
        builder, runner = stack.enter_context(Builder()), stack.enter_context(LocalRunner(RunnerOptions(threads=1)))
        for section, kernel in asked_kernels(options):
            tasks = operator_tasks(kernel, target)
            if trials:
                tune_tasks(tasks, builder, runner, database, tuning)
            case = make_case(kernel, options.seed)
            own = fastest_own(case, tasks, database, runner)
            rounds = 4 if options.quick else options.rounds
            rows.append(measure_operator(section, case, own, peers, loops, target, rounds=rounds, statistic=options.statistic))
            progress(f"{kernel.name}: {1e3 * rows[-1].secs[OURS]:.3f} ms by {own.form}, {rows[-1].share:.0%} of the ceiling")
    highest = max(ceiling.gflops, *(row.ceiling_gflops for row in rows))
    versions = conditions.versions | {name: package_version(name) for name in peers}
    conditions = replace(conditions, ceilings=(replace(ceiling, gflops=highest),), versions=versions)
    print_report(conditions, vendor_tables(rows, list(peers)), [row.to_json() for row in rows], options.json)
