"""How many trials a second a session makes, and what they cost: used by `benchmarks/search.py`.

In: a task and seconds. Out: `RateRow`. The session is a user's: the same placement of processes, a database on disk. What is asked of it
goes through meters of time; the processor time of build workers and timed children is read from the system, since on a busy machine it is
steadier.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, process_time

import psutil

from benchmarks.tables import Cell
from measure import Builder, BuilderOptions, BuildRequest, Built, Device, LocalRunner, Measurement, RunLimits, RunnerOptions, place_workers
from records_db import Database, Record
from tuner import Event, Task, TrialDone, TuneOptions, tune_tasks

GOAL_TRIALS_PER_SECOND = 25.0
GOAL_CPU_MILLISECONDS = 60.0
WARM_UP_TRIALS = 16  # not counted: processes start, the workload's reference is computed


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """trials: those counted, in elapsed_secs. build, run, model, commit: seconds that the session waited for or spent on each.

    build_cpu, run_cpu, session_cpu: processor seconds of build workers, of timed children, and of the tuning process itself.
    """

    space: str
    threads: int
    trials: int
    elapsed_secs: float
    build_secs: float
    run_secs: float
    model_secs: float
    commit_secs: float
    build_cpu_secs: float
    run_cpu_secs: float
    session_cpu_secs: float

    @property
    def trials_per_second(self) -> float:
        return self.trials / self.elapsed_secs

    @property
    def cpu_milliseconds(self) -> float:
        """Of all processes together, per trial."""
        return 1e3 * (self.build_cpu_secs + self.run_cpu_secs + self.session_cpu_secs) / self.trials

    def cells(self) -> list[Cell | str]:
        shares = (self.build_secs, self.run_secs, self.model_secs, self.commit_secs)
        costs = (self.build_cpu_secs, self.run_cpu_secs, self.session_cpu_secs)
        return [
            self.space,
            str(self.threads),
            str(self.trials),
            Cell(f"{self.trials_per_second:.1f}", self.trials_per_second < GOAL_TRIALS_PER_SECOND),
            *(f"{100 * secs / self.elapsed_secs:.0f} %" for secs in shares),
            *(f"{1e3 * secs / self.trials:.1f}" for secs in costs),
            Cell(f"{self.cpu_milliseconds:.1f}", self.cpu_milliseconds > GOAL_CPU_MILLISECONDS),
        ]


HEADER = (
    *("space", "threads", "trials", "trials/s"),
    *("waits for builds", "timing", "model", "commits"),
    *("CPU ms: build", "run", "session", "all"),
)


@dataclass(slots=True)
class _Meter:
    """Seconds spent within, over all uses."""

    secs: float = 0.0
    started: float = 0.0

    def __enter__(self) -> None:
        self.started = perf_counter()

    def __exit__(self, *_: object) -> None:
        self.secs += perf_counter() - self.started


class _MeteredBuilder:
    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self.meter = _Meter()

    def stream(self, requests: Sequence[BuildRequest]) -> Iterator[tuple[int, Built | Measurement]]:
        return self._waiting(self._builder.stream(requests))

    def _waiting(self, stream: Iterator[tuple[int, Built | Measurement]]) -> Iterator[tuple[int, Built | Measurement]]:
        while True:
            with self.meter:
                found = next(stream, None)
            if found is None:
                return
            yield found


class _MeteredRunner:
    def __init__(self, runner: LocalRunner) -> None:
        self._runner = runner
        self.meter = _Meter()

    @property
    def device(self) -> Device:
        return self._runner.device

    def run(self, built: Built, limits: RunLimits) -> Measurement:
        with self.meter:
            return self._runner.run(built, limits)

    def compare(self, candidates: Sequence[Built]) -> list[Measurement]:
        with self.meter:
            return self._runner.compare(candidates)


class _MeteredDatabase(Database):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.meter = _Meter()

    def add_records(self, session_id: int, records: Sequence[Record]) -> list[int]:
        with self.meter:
            return super().add_records(session_id, records)


def measure_rate(space: str, task: Task, secs: float, strategy: str, seed: int) -> RateRow:
    """A session of `secs` from nothing, without the closing comparison."""
    threads, placement = task.target.cores, place_workers(task.target.cores)
    options = TuneOptions(minutes=secs / 60, strategy=strategy, seed=seed, contenders=0, command_line="benchmarks.search")
    with (
        tempfile.TemporaryDirectory() as folder,
        _MeteredDatabase(f"sqlite:///{Path(folder, 'search.db')}") as database,
        Builder(BuilderOptions(placement=placement)) as builder,
        LocalRunner(RunnerOptions(threads=threads, cores=placement.timing), builder) as runner,
    ):
        metered_builder, metered_runner = _MeteredBuilder(builder), _MeteredRunner(runner)
        meters = (metered_builder.meter, metered_runner.meter, database.meter)
        read: list[tuple[int, float, tuple[float, ...], tuple[float, ...]]] = []
        trials = 0

        def listen(event: Event) -> None:
            nonlocal trials
            trials += isinstance(event, TrialDone)
            if trials >= WARM_UP_TRIALS and not read:
                read.append((trials, monotonic(), tuple(meter.secs for meter in meters), _cpu_secs()))

        tune_tasks([task], metered_builder, metered_runner, database, options, listen)
        read.append((trials, monotonic(), tuple(meter.secs for meter in meters), _cpu_secs()))
    (first, started, meters_before, cpu_before), (last, ended, meters_after, cpu_after) = read[0], read[-1]
    if last == first:
        raise SystemExit(f"{space}: only {last} trials in {secs:.0f} s; give it more --seconds")
    waited = [after - before for before, after in zip(meters_before, meters_after, strict=True)]
    cpu = [after - before for before, after in zip(cpu_before, cpu_after, strict=True)]
    return RateRow(
        space=space,
        threads=threads,
        trials=last - first,
        elapsed_secs=ended - started,
        build_secs=waited[0],
        run_secs=waited[1],
        model_secs=ended - started - sum(waited),
        commit_secs=waited[2],
        build_cpu_secs=cpu[0],
        run_cpu_secs=cpu[1],
        session_cpu_secs=cpu[2],
    )


def _cpu_secs() -> tuple[float, float, float]:
    """Processor seconds so far: of build workers, of timed children, of this process."""
    spent = {"measure.build_job": 0.0, "measure.run_job": 0.0}
    for child in psutil.Process().children(recursive=True):
        try:
            words, times = " ".join(child.cmdline()), child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        for module in spent:
            if module in words:
                spent[module] += times.user + times.system + times.children_user + times.children_system
    return spent["measure.build_job"], spent["measure.run_job"], process_time()
