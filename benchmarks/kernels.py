"""Single kernels against the machine's ceiling, or against other libraries: `python -m benchmarks.kernels [--suite past-vendors]`.

Here is the suite of the ceiling; the other is `past_vendors.py`. Each kernel is tuned on one thread, then its default and its tuned
schedule are timed against each other, verified, and set against the ceiling of multiply-adds. The clock of a shared machine wanders, so the
ceiling is measured before and after every kernel, and the higher figure counts.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import monotonic

from benchmarks.command_line import chosen, make_parser, positive, print_report, progress
from benchmarks.conditions import read_conditions
from benchmarks.kernel_workloads import KERNELS, Kernel
from benchmarks.operator_peers import OPERATOR_PEERS
from benchmarks.past_vendors import run_suite
from benchmarks.tables import Cell, milliseconds, table
from compiler.schedule import Schedule
from compiler.target import Target
from measure import Builder, BuildRequest, Built, Ceiling, CeilingLoops, LocalRunner, Measurement, RunnerOptions
from records_db import Database
from tuner import Task, TuneOptions, make_task, tune_tasks

GOAL_SHARE = 0.9  # of the ceiling, tuned
GOAL_DEFAULT = 1.5  # default time / tuned time
QUICK = "64->64 56x56 3x3,matmul 512"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRow:
    """Minimum seconds, but median_secs. trials: measured in all, failures included."""

    name: str
    gflop: float
    default_secs: float
    tuned_secs: float
    median_secs: float
    max_error: float
    ceiling_gflops: float
    trials: int
    tuning_secs: float

    @property
    def gflops(self) -> float:
        return self.gflop / self.tuned_secs

    @property
    def share(self) -> float:
        return self.gflops / self.ceiling_gflops

    @property
    def default_ratio(self) -> float:
        return self.default_secs / self.tuned_secs

    def cells(self) -> list[Cell | str]:
        return [
            self.name,
            milliseconds(self.default_secs),
            milliseconds(self.tuned_secs),
            milliseconds(self.median_secs),
            f"{self.gflops:.1f}",
            f"{self.ceiling_gflops:.1f}",
            Cell(f"{self.share:.0%}", self.share < GOAL_SHARE),
            Cell(f"{self.default_ratio:.2f}x", self.default_ratio > GOAL_DEFAULT),
            f"{self.max_error:.0e}",
            str(self.trials),
            f"{self.tuning_secs:.0f}",
        ]


HEADER = ("kernel", "default ms", "tuned ms", "median", "GFLOP/s", "ceiling", "share", "default", "error", "trials", "tuning s")


def measure_kernel(name: str, kernel: Kernel, target: Target, loops: CeilingLoops, database: Database, options: TuneOptions) -> KernelRow:
    """Tunes, then times the default and the best schedule interleaved."""
    task = make_task(kernel.workload(target), target, name=name)
    runner_options = RunnerOptions(threads=target.cores, comparison_rounds=12)
    started = monotonic()
    with Builder() as builder, LocalRunner(runner_options) as runner:
        result = tune_tasks([task], builder, runner, database, options)
        tuning_secs = monotonic() - started
        best = database.best_schedule(task.workload, target, runner.device)
        if best is None:
            raise SystemExit(f"{name}: no candidate ran; see tilewright records list")
        before = loops.gflops(target.cores)
        default, tuned = _compare(task, [task.space.schedule(task.space.default()), best.schedule], builder, runner)
    (state,) = result.tasks
    return KernelRow(
        name=name,
        gflop=kernel.operations / 1e9,
        default_secs=min(default.run_secs),
        tuned_secs=min(tuned.run_secs),
        median_secs=median(tuned.run_secs),
        max_error=tuned.verification.max_error if tuned.verification else float("nan"),
        ceiling_gflops=max(before, loops.gflops(target.cores)),
        trials=state.trials + state.known,
        tuning_secs=tuning_secs,
    )


def _compare(task: Task, schedules: Sequence[Schedule], builder: Builder, runner: LocalRunner) -> list[Measurement]:
    requests = [BuildRequest(workload=task.workload, schedule=schedule, target=task.target) for schedule in schedules]
    results = dict(builder.stream(requests))
    built = [result for _, result in sorted(results.items()) if isinstance(result, Built)]
    measurements = runner.compare(built)
    failed = [each.error for each in (*results.values(), *measurements) if isinstance(each, Measurement) and each.error]
    if failed:
        raise SystemExit(f"{task}: {failed[0]}")
    return measurements


def read_options() -> argparse.Namespace:
    parser = make_parser("benchmarks.kernels", "Tune single kernels on one thread; compare them with the ceiling or other libraries.")
    parser.add_argument("--suite", choices=("ceiling", "past-vendors"), default="ceiling", help="what to compare with (default: ceiling)")
    parser.add_argument("--kernels", help=f"names separated by commas; past-vendors also takes sections. Of ceiling: {', '.join(KERNELS)}")
    parser.add_argument("--trials", type=int, default=64, help="new ones per kernel, over all its forms (default: 64)")
    parser.add_argument("--tuner", default="adaptive", help="search strategy (default: adaptive)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--db", help="keep the records in this database; without it they are thrown away")
    vendors = parser.add_argument_group("past-vendors alone")
    vendors.add_argument("--against", help=f"libraries, of: {', '.join(OPERATOR_PEERS)} (default: all for the host, none otherwise)")
    vendors.add_argument("--rounds", type=positive, default=10, help="visits to each library (default: 10)")
    vendors.add_argument("--statistic", choices=("median", "minimum"), default="median", help="of the times, for all (default: median)")
    vendors.add_argument("--target", default="host", help="as in x86-64-v3, whose goals are shares of its own ceiling (default: host)")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    if options.suite == "past-vendors":
        run_suite(options)
    else:
        run_ceiling_suite(options)


def run_ceiling_suite(options: argparse.Namespace) -> None:
    kernels = chosen(options.kernels or (QUICK if options.quick else None), KERNELS)
    trials = min(options.trials, 16) if options.quick else options.trials
    target = replace(Target.parse("host"), cores=1)
    conditions = read_conditions("benchmarks.kernels")
    loops = CeilingLoops(target)
    ceiling = Ceiling(1, loops.gflops(1), loops.gbytes(1))
    rows = []
    with tempfile.TemporaryDirectory() as folder, Database(options.db or f"sqlite:///{Path(folder, 'kernels.db')}") as database:
        tuning = TuneOptions(trials=trials, strategy=options.tuner, seed=options.seed, command_line="benchmarks.kernels")
        for name, kernel in kernels.items():
            row = measure_kernel(name, kernel, target, loops, database, tuning)
            progress(f"{name}: {row.gflops:.1f} GFLOP/s, {row.share:.0%} of the ceiling, after {row.tuning_secs:.0f} s")
            rows.append(row)
    highest = max(ceiling.gflops, *(row.ceiling_gflops for row in rows))
    note = f"below {GOAL_SHARE:.0%} of the ceiling, or the default slower than {GOAL_DEFAULT}x the tuned time"
    as_json = [{**asdict(row), "gflops": row.gflops, "share": row.share, "default_ratio": row.default_ratio} for row in rows]
    conditions = replace(conditions, ceilings=(replace(ceiling, gflops=highest),))
    print_report(conditions, [table(HEADER, [row.cells() for row in rows], note)], as_json, options.json)


if __name__ == "__main__":
    main()
