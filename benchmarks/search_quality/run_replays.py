"""Many replays over several processes. In: files of recordings, contestants. Out: `Curves`.

A job is one contestant on one workload with all its seeds; a process keeps the spaces that it has read. Next: `sections.py`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TypeVar

from benchmarks.search_quality.recorded_space import RecordedSpace, recorded_space
from benchmarks.search_quality.recording import load_recording
from benchmarks.search_quality.replay import Answer, Contestant, replay
from benchmarks.search_quality.scores import Curves, make_curves
from benchmarks.search_quality.surrogate import Surrogate, make_surrogate
from schedule_space import ScheduleSpace

KEPT = 64  # spaces per process

Outcome = TypeVar("Outcome", covariant=True)


@dataclass(frozen=True, slots=True)
class Job:
    """surrogate: search the whole space, whose unrecorded points have invented times."""

    path: Path
    contestant: Contestant
    seeds: int
    trials: int
    surrogate: bool = False

    def run(self) -> Curves | None:
        """None where a surrogate cannot be made, since today's template has other parameters than the recording."""
        recorded = _recorded(self.path)
        found = _whole_space(self.path) if self.surrogate else recorded
        if found is None:
            return None
        space, answer = (found.space, found.answer) if isinstance(found, Surrogate) else (found, found.answer)
        return run_seeds(space, answer, self.contestant, self.seeds, self.trials, recorded.recording.best_secs)


class Runnable(Protocol[Outcome]):
    """What a process can be handed."""

    def run(self) -> Outcome: ...


def run_jobs(jobs: Sequence[Runnable[Outcome]], processes: int, report: Callable[[int], None]) -> list[Outcome]:
    """What came of each, in the order of the jobs. report: told how many have ended, as each of them ends."""
    found: dict[int, Outcome] = {}
    with _one_thread_each(), ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_run, job): position for position, job in enumerate(jobs)}
        try:
            for future in as_completed(futures):
                found[futures[future]] = future.result()
                report(len(found))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [found[position] for position in range(len(jobs))]


def _run(job: Runnable[Outcome]) -> Outcome:
    return job.run()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Libraries with threads of their own read this when a process starts."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def run_seeds(space: ScheduleSpace, answer: Answer, contestant: Contestant, seeds: int, trials: int, best_known_secs: float) -> Curves:
    """Seeds 0, 1, ..., one after the other in this process."""
    runs = [replay(space, answer, contestant, seed, trials) for seed in range(seeds)]
    return make_curves([run.run_secs for run in runs], trials, best_known_secs, sum(run.thinking_secs for run in runs))


@lru_cache(KEPT)
def _recorded(path: Path) -> RecordedSpace:
    return recorded_space(load_recording(path))


@lru_cache(KEPT)
def _whole_space(path: Path) -> Surrogate | None:
    return make_surrogate(load_recording(path))
