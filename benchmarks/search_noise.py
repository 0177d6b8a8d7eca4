"""Do neighbours harm what is measured? Two experiments, used by `benchmarks/search.py`.

Disturbance: the same kernels timed with the build workers idle and busy, by turns A B B A; the ratio of the times should be one.
Noise: sessions with a busy loop on the core of the timing for half of the time; is what they declare the winner still the fastest, when it
is timed against its rivals in calm?
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread

import numpy as np

from benchmarks.tables import Cell
from measure import (
    VERDICT_FACT,
    Builder,
    BuilderOptions,
    BuildRequest,
    Built,
    LocalRunner,
    RunLimits,
    RunnerOptions,
    Verdict,
    place_workers,
)
from records_db import Database
from schedule_space import Candidate
from tuner import Task, TuneOptions, tune_tasks

ROUNDS = 6
AMPLE = 20  # times the kernels: more builds than the workers get done while all kernels are timed
SLOWER, DISTURBED = 1.02, "slower by more than 2 % beside the builds"
RIVALS = 6
HARMLESS = 1.01  # slower than the fastest by no more than this: nobody would notice
BUSY_PROGRAM = "while True: sum(range(100000))"
BUSY_SECS = 1.5  # on and off by turns, so that half of the session is disturbed, early and late trials alike


@dataclass(frozen=True, slots=True, kw_only=True)
class DisturbanceRow:
    """ratios: of each kernel's least time with busy builders to that with idle ones, sorted."""

    threads: int
    ratios: tuple[float, ...]

    def cells(self) -> list[Cell | str]:
        ratios = [float(np.quantile(self.ratios, share)) for share in (0.05, 0.25, 0.5, 0.75, 0.95)]
        return [str(self.threads), str(len(self.ratios)), *(Cell(f"{ratio:.3f}", ratio > SLOWER) for ratio in ratios)]


DISTURBANCE_HEADER = ("threads", "kernels", "5 %", "25 %", "median", "75 %", "95 %")


def measure_disturbance(task: Task, kernels: int, seed: int, rounds: int = ROUNDS) -> DisturbanceRow:
    """Random kernels of a space."""
    threads, placement = task.target.cores, place_workers(task.target.cores)
    requests = [_request(task, candidate) for candidate in task.space.sample(np.random.default_rng(seed), kernels)]
    with (
        Builder(BuilderOptions(placement=placement)) as builder,
        LocalRunner(RunnerOptions(threads=threads, cores=placement.timing), builder) as runner,
    ):
        built = [each for each in builder.build(requests) if isinstance(each, Built)]
        times: dict[bool, list[list[float]]] = {busy: [[] for _ in built] for busy in (False, True)}
        for number in range(rounds):
            for busy in (False, True) if number % 2 else (True, False):
                with _builds(builder, requests if busy else ()):
                    for position, each in enumerate(built):
                        times[busy][position] += runner.run(each, RunLimits()).run_secs
    pairs = [(min(beside), min(alone)) for beside, alone in zip(times[True], times[False], strict=True) if beside and alone]
    return DisturbanceRow(threads=threads, ratios=tuple(sorted(beside / alone for beside, alone in pairs)))


@contextmanager
def _builds(builder: Builder, requests: Sequence[BuildRequest]) -> Iterator[None]:
    """Meanwhile the workers have more to build than they can."""
    if not requests:
        yield
        return
    with closing(builder.stream([*requests] * AMPLE)) as stream:
        next(stream)
        yield
    builder.build(requests[:2])  # when these are done the workers have ended what they were at


def _request(task: Task, candidate: Candidate) -> BuildRequest:
    return BuildRequest(workload=task.workload, schedule=task.space.schedule(candidate), target=task.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseRow:
    """A session. slowdown: of its winner against the fastest of its best candidates, timed in calm. lost: it was significantly slower."""

    disturbed: bool
    trials: int
    repeated: int
    slowdown: float
    lost: bool

    @property
    def unharmed(self) -> bool:
        return not self.lost or self.slowdown <= HARMLESS

    def cells(self) -> list[Cell | str]:
        verdict = Cell("slower" if self.lost else "tied or ahead", self.lost)
        return ["busy" if self.disturbed else "calm", str(self.trials), str(self.repeated), f"{self.slowdown:.3f}", verdict]


NOISE_HEADER = ("neighbour", "trials", "repeated", "winner / fastest", "in calm it is")


def measure_noise(task: Task, secs: float, seed: int, *, disturbed: bool) -> NoiseRow:
    """A session of `secs`, disturbed for half of it or not at all; then its best candidates against each other in calm."""
    threads, placement = task.target.cores, place_workers(task.target.cores)
    options = TuneOptions(minutes=secs / 60, seed=seed, command_line="benchmarks.search --noise")
    with (
        Database("sqlite://") as database,
        Builder(BuilderOptions(placement=placement)) as builder,
        LocalRunner(RunnerOptions(threads=threads, cores=placement.timing, comparison_rounds=64), builder) as runner,
    ):
        with _busy_loop(placement.timing[-1] if disturbed else None):
            result = tune_tasks([task], builder, runner, database, options)
        records = database.records()
        costs: dict[str, float] = {}
        for record in records:
            if record.measurement.best_secs is not None:
                costs[record.key] = min(record.measurement.best_secs, costs.get(record.key, record.measurement.best_secs))
        judged = {record.key: dict(record.measurement.facts).get(VERDICT_FACT) for record in records}
        fastest = sorted(costs, key=lambda key: costs[key])
        winner = next((key for key in judged if judged[key] in (Verdict.WON, Verdict.CHOSEN)), fastest[0])
        keys = list(dict.fromkeys([winner, *fastest[:RIVALS]]))
        candidates = {record.key: task.space.candidate(record.decisions) for record in records}
        requests = [_request(task, candidates[key]) for key in keys]
        built = [each for each in builder.build(requests) if isinstance(each, Built)]
        calm = runner.compare(built)
    least = [measurement.best_secs or float("inf") for measurement in calm]
    return NoiseRow(
        disturbed=disturbed,
        trials=result.progress.trials,
        repeated=result.progress.repeated,
        slowdown=least[0] / min(least),
        lost=dict(calm[0].facts).get(VERDICT_FACT) == Verdict.LOST,
    )


@contextmanager
def _busy_loop(core: int | None) -> Iterator[None]:
    """A process that is busy on that core, on and off; None: no process."""
    if core is None:
        yield
        return
    done = Signal()
    thread = Thread(target=_disturb, args=(core, done))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _disturb(core: int, done: Signal) -> None:
    while not done.wait(BUSY_SECS):
        with subprocess.Popen([sys.executable, "-c", BUSY_PROGRAM]) as process:
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, {core})
            done.wait(BUSY_SECS)
            process.kill()
