"""The same wall time for TVM's MetaSchedule and for Tilewright: `python -m benchmarks.against_tvm --tvm-python ../tvm-venv/bin/python`.

TVM lives in an environment of its own, here beside the clone (0.1.15 of its ffi package crashes it):

    python3.11 -m venv ../tvm-venv
    ../tvm-venv/bin/pip install apache-tvm==0.27.0.post1 apache-tvm-ffi==0.1.14.post1 xgboost psutil cloudpickle tornado

One kernel after the other, TVM first, each alone on the machine; TVM's imports do not count, those of its build workers do, as they do in
use. What each found is then timed in one run, A B B A, with warm caches. MetaSchedule gets batches of 16 in place of 64, since at less than
a trial per second one batch of 64 would be all of its time.
"""

import argparse
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from pathlib import Path
from threading import Timer
from typing import Any

from benchmarks.command_line import chosen, make_parser, positive, print_report, progress
from benchmarks.conditions import read_conditions
from benchmarks.kernel_workloads import KERNELS, Convolution, Kernel
from benchmarks.operator_case import make_case
from benchmarks.tables import Cell, milliseconds, table
from compiler.driver import LoadedKernel, ObjectCache, compile_kernel
from compiler.runtime import ThreadPool, native_runtime
from compiler.target import Target
from measure import Builder, BuilderOptions, LocalRunner, RunnerOptions, describe_host, place_workers
from records_db import Database
from tilewright.interleave import interleave
from tilewright.resolve_target import resolve_target
from tuner import Event, Task, TrialDone, TuneOptions, make_task, make_variant_tasks, tune_tasks

WORKER = Path(__file__).with_name("against_tvm_worker.py")
CASES = ("matmul 512", "64->64 56x56 3x3")
LAST_BATCH_SECS = 600.0  # that MetaSchedule may take past its time, to end the batch in flight; what that finds does not count
ROUNDS, CALLS = 20, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """points: (seconds since the start, best seconds so far) whenever that changed."""

    trials: int
    failed: int
    points: tuple[tuple[float, float], ...] = field(repr=False)

    @property
    def best_secs(self) -> float:
        return self.points[-1][1] if self.points else inf

    def secs_to(self, run_secs: float) -> float:
        """Seconds until a candidate was at least that fast; infinite if none was."""
        return next((elapsed for elapsed, best in self.points if best <= run_secs), inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """together: minimum seconds of what each found, timed in one run, by name; `tvm` is missing where it found nothing."""

    kernel: str
    operations: int
    tvm: Course
    courses: dict[str, Course]
    together: dict[str, float]


class TvmWorker:
    """A process in TVM's environment, and of a process group of its own, since it starts workers."""

    def __init__(self, python: str, kernel: Kernel, target: Target, options: argparse.Namespace) -> None:
        shape = (
            [kernel.in_channels, kernel.out_channels, kernel.size, kernel.kernel, target.vector_lanes]
            if isinstance(kernel, Convolution)
            else [
                kernel.rows,
                kernel.inner,
                kernel.columns,
            ]
        )
        request = {
            "kind": "convolution" if isinstance(kernel, Convolution) else "matmul",
            "shape": shape,
            "cpu": target.cpu,
            "threads": target.cores,
            "secs": options.secs,
            "batch": options.tvm_batch,
            "seed": options.seed,
        }
        try:
            self._process = subprocess.Popen(
                [python, str(WORKER), json.dumps(request)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
                env={**os.environ, "TVM_NUM_THREADS": str(target.cores), "PYTHONPATH": ""},
            )
        except OSError as error:
            raise SystemExit(f"{python} does not start ({error.strerror}); how to make TVM's environment: head of {__file__}") from error
        self._limit_secs = options.secs

    def version(self) -> str:
        return str(self._answer()["ready"])

    def tune(self) -> Course:
        """What it had found when the time was up; the batch in flight is waited for and does not count."""
        points: list[tuple[float, float]] = []
        trials = failed = 0
        patience = Timer(self._limit_secs + LAST_BATCH_SECS, self._kill)
        patience.start()
        self.has_module = False
        try:
            while line := self._line():
                answer = json.loads(line)
                if "done" in answer:
                    self.has_module = bool(answer["done"])
                    break
                if answer["elapsed"] > self._limit_secs:
                    continue
                trials, failed = answer["trials"], answer["failed"]
                if answer["best_secs"] is not None and (not points or answer["best_secs"] < points[-1][1]):
                    points.append((answer["elapsed"], answer["best_secs"]))
                progress(f"  TVM, {answer['elapsed']:.0f} s: {trials} trials, best {answer['best_secs'] or inf:.3g} s")
        finally:
            patience.cancel()
        if not self.has_module:
            progress(f"  TVM ended without machine code (exit code {self._process.poll()})")
        return Course(trials=trials, failed=failed, points=tuple(points))

    def time(self, calls: int) -> list[float]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"time {calls}\n")
        self._process.stdin.flush()
        return [float(secs) for secs in self._answer()["secs"]]

    def _line(self) -> str:
        """Empty once the process has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _answer(self) -> dict[str, Any]:
        line = self._line()
        if not line:
            raise SystemExit(
                f"TVM's process ended with exit code {self._process.wait()}; is it installed there? See the head of {__file__}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """With the build workers that it left."""
        self._kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def tvm_worker(python: str, kernel: Kernel, target: Target, options: argparse.Namespace) -> Iterator[TvmWorker]:
    worker = TvmWorker(python, kernel, target, options)
    try:
        yield worker
    finally:
        worker.close()


def tune_here(tasks: Sequence[Task], target: Target, database: Database, options: argparse.Namespace) -> Course:
    """A session of the same length; processes are started within it."""
    points: list[tuple[float, float]] = []
    counts = [0, 0]

    def listen(event: Event) -> None:
        if isinstance(event, TrialDone):
            secs = event.measurement.best_secs
            counts[0] += 1
            counts[1] += secs is None
            if secs is not None and (not points or secs < points[-1][1]):
                points.append((event.progress.elapsed_secs, secs))

    tuning = TuneOptions(minutes=options.secs / 60, seed=options.seed, command_line="benchmarks.against_tvm")
    placement = place_workers(target.cores)
    running = RunnerOptions(threads=target.cores, cores=placement.timing)
    with Builder(BuilderOptions(placement=placement)) as builder, LocalRunner(running, builder) as runner:
        tune_tasks(tasks, builder, runner, database, tuning, listen)
    return Course(trials=counts[0], failed=counts[1], points=tuple(points))


def compare(name: str, kernel: Kernel, target: Target, options: argparse.Namespace) -> SideBySide:
    """Tilewright once with the direct form, as TVM has it, and once with all forms where there are several."""
    workload = kernel.workload(target)
    variants = make_variant_tasks(workload, target)
    contestants = {"direct form" if len(variants) > 1 else "all forms": [make_task(workload, target)]}
    if len(variants) > 1:
        contestants["all forms"] = variants
    device = describe_host()
    with tvm_worker(options.tvm_python, kernel, target, options) as worker:
        progress(f"{name}: TVM {worker.version()}, {options.secs:.0f} s")
        theirs = worker.tune()
        courses: dict[str, Course] = {}
        timed = {"tvm": worker.time} if worker.has_module else {}
        with ThreadPool(target.cores, native_runtime()) as pool:
            for form, tasks in contestants.items():
                with Database("sqlite://") as database:
                    courses[form] = tune_here(tasks, target, database, options)
                    found = [best for task in tasks if (best := database.best_record(task.workload, target, device)) is not None]
                if not found:
                    continue
                record = min(found, key=lambda best: best.cost_secs).record
                progress(f"  Tilewright, {form}: {courses[form].trials} trials, best {courses[form].best_secs:.3g} s")
                case = make_case(kernel)
                loaded = LoadedKernel(compile_kernel(record.workload, record.schedule, target, ObjectCache()), pool)
                data = case.data.reshape(record.workload.arguments[0].type.shape)
                bound = loaded.prepare([data, case.weight], record.workload.output_types)
                timed[form] = lambda calls, bound=bound: [bound.time(1) for _ in range(calls)]  # type: ignore[misc]
            together = {form: timing.minimum for form, timing in interleave(timed, ROUNDS, CALLS).items()}
    return SideBySide(kernel=name, operations=kernel.operations, tvm=theirs, courses=courses, together=together)


HEADER = ("kernel", "trials", "failed", "found ms", "together ms", "GFLOP/s", "of TVM's", "s to TVM's best")


def rows(result: SideBySide) -> list[list[Cell | str]]:
    """TVM's row, and one for each way in which Tilewright searched."""
    lines: list[list[Cell | str]] = []
    base = result.together.get("tvm")
    for form, course in {"tvm": result.tvm, **result.courses}.items():
        secs = result.together.get(form)
        ratio = base / secs if base and secs else None
        reached = course.secs_to(result.tvm.best_secs)
        lines.append(
            [
                f"{result.kernel}, {'TVM MetaSchedule' if form == 'tvm' else f'Tilewright, {form}'}",
                str(course.trials),
                str(course.failed),
                milliseconds(course.best_secs) if isfinite(course.best_secs) else "-",
                milliseconds(secs) if secs else "-",
                f"{result.operations / secs / 1e9:.1f}" if secs else "-",
                "-" if ratio is None else Cell(f"{ratio:.2f}x", ratio < 1),
                f"{reached:.1f}" if isfinite(reached) and isfinite(result.tvm.best_secs) else "-",
            ]
        )
    return lines


def main() -> None:
    parser = make_parser("benchmarks.against_tvm", "Equal wall time for TVM's MetaSchedule and for Tilewright, all cores.")
    parser.add_argument("--tvm-python", default="../tvm-venv/bin/python", help="of TVM's environment; how to make it: head of this file")
    parser.add_argument("--secs", type=float, default=200.0, help="for each library and kernel (default: 200)")
    parser.add_argument("--kernels", default=",".join(CASES), help=f"names separated by commas, of: {', '.join(KERNELS)}")
    parser.add_argument("--threads", type=positive, help="all cores by default")
    parser.add_argument("--tvm-batch", type=positive, default=16, help="MetaSchedule's trials per iteration (default: 16)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.secs = min(options.secs, 40.0) if options.quick else options.secs
    target = resolve_target("host", options.threads)
    conditions = read_conditions("benchmarks.against_tvm")
    results = [compare(name, kernel, target, options) for name, kernel in chosen(options.kernels, KERNELS).items()]
    text = table(HEADER, [row for result in results for row in rows(result)], "slower than what TVM found")
    print_report(conditions, [text], [asdict(result) for result in results], options.json)


if __name__ == "__main__":
    main()
