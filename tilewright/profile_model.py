"""Where the time of a model goes: each kernel timed within whole runs, beside what the machine could do at best.

In: an `Executable`, inputs. Out: `ModelProfile`. Next: `commands/profile_rows.py`, which prints it.

Runs with the clock between kernels and runs without take turns. Of either the fastest quarter counts, whole runs each, so that the
kernels add up to the runs that they come from.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from compiler.runtime import Executable, KernelInfo, ProfiledRuns, quiet_mean
from compiler.workload import Workload
from measure import Roofline, best_of, measure_roofline
from tilewright.interleave import interleave
from tilewright.kernel_bound import Bound, KernelWork, kernel_bound, kernel_work
from tilewright.kernel_label import layouts, short_form, variant
from tilewright.peers import Arrays

VISIT_SECS = 0.025  # short and many, so that a disturbance meets both kinds of runs
MOST_RUNS = 100  # a visit
BUDGET_SECS = 3.0  # of all visits
FEWEST_ROUNDS, MOST_ROUNDS = 6, 50
LOSING_SHARE = 0.7  # of its bound, below which a kernel is worth a look
SHORT_SECS = 1e-6  # what takes less is bound by being called
PLAIN, PROFILED = "plain", "profiled"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelProfile:
    """One kernel call; `number` counts from 1 in order of execution. Where the workload is unknown, so is what follows from it."""

    number: int
    kernel: KernelInfo
    secs: float
    workload: Workload | None
    work: KernelWork | None
    bound: Bound | None

    @property
    def bound_share(self) -> float | None:
        """The least time over the one that it took."""
        return None if self.bound is None else self.bound.secs / self.secs

    @property
    def losing(self) -> bool:
        return self.bound_share is not None and self.bound_share < LOSING_SHARE and self.secs >= SHORT_SECS

    @property
    def short_form(self) -> str:
        return self.kernel.workload if self.workload is None else short_form(self.workload)

    @property
    def variant(self) -> str | None:
        return None if self.workload is None else variant(self.workload)

    @property
    def layouts(self) -> tuple[str, str] | None:
        return None if self.workload is None else layouts(self.workload)

    @property
    def gflops(self) -> float | None:
        return None if self.work is None else self.work.flops / self.secs * 1e-9

    @property
    def gbytes(self) -> float | None:
        return None if self.work is None else (self.work.moved_bytes + self.work.constant_bytes) / self.secs * 1e-9

    @property
    def spills(self) -> int | None:
        return dict(self.kernel.facts).get("spills")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """Seconds of a run. profiled_secs, plain_secs: with and without the clock between kernels, each from the call to the return."""

    kernels: tuple[KernelProfile, ...]
    profiled_secs: float
    plain_secs: float
    runs: int
    roofline: Roofline

    @property
    def kernel_secs(self) -> float:
        return sum(kernel.secs for kernel in self.kernels)

    def share(self, secs: float) -> float:
        """Of the time in all kernels."""
        return secs / self.kernel_secs if self.kernels else 0.0

    @property
    def outside_secs(self) -> float:
        """Of a profiled run, what passes outside its kernels: the call from Python and back."""
        return self.profiled_secs - self.kernel_secs

    @property
    def clock_secs(self) -> float:
        """What reading the clock between kernels costs a run: 0 within the noise of the machine, so it may be negative."""
        return self.profiled_secs - self.plain_secs


def profile_model(executable: Executable, inputs: Arrays, measure: Callable[[int], Roofline] = measure_roofline) -> ModelProfile:
    """Takes about five seconds; longer for a model that runs for more than a quarter of one.

    measure: the limits of so many threads; asked before and after, and the best of both counts.
    """
    before = measure(executable.threads)
    visits: list[ProfiledRuns] = []

    def profiled(runs: int) -> list[float]:
        visits.append(executable.profile_runs(inputs, repeat=runs))
        return [float(secs) for secs in visits[-1].run_secs]

    def plain(runs: int) -> list[float]:
        return executable.time(inputs, repeat=runs)

    secs = min(plain(2))
    runs = max(1, min(MOST_RUNS, round(VISIT_SECS / secs)))
    rounds = max(FEWEST_ROUNDS, min(MOST_ROUNDS, round(BUDGET_SECS / (2 * (runs + 1) * secs))))
    timings = interleave({PLAIN: plain, PROFILED: profiled}, rounds, runs)
    together = ProfiledRuns.together(visits)
    roofline = best_of(before, measure(executable.threads))
    return ModelProfile(
        kernels=_kernels(executable.kernels, [float(secs) for secs in together.quiet_kernel_secs()], roofline),
        profiled_secs=together.quiet_run_secs(),
        plain_secs=quiet_mean(np.array(timings[PLAIN].secs)),
        runs=len(together.run_secs),
        roofline=roofline,
    )


def _kernels(infos: tuple[KernelInfo, ...], secs: list[float], roofline: Roofline) -> tuple[KernelProfile, ...]:
    workloads = [_workload(info) for info in infos]
    works = [None if workload is None else kernel_work(workload) for workload in workloads]
    constants = sum(work.constant_bytes for work in works if work is not None)
    bound = partial(kernel_bound, model_constant_bytes=constants, roofline=roofline)
    rows = zip(infos, secs, workloads, works, strict=True)
    return tuple(
        KernelProfile(number=number, kernel=info, secs=own, workload=workload, work=work, bound=None if work is None else bound(work))
        for number, (info, own, workload, work) in enumerate(rows, 1)
    )


def _workload(info: KernelInfo) -> Workload | None:
    """None for a library that was compiled before it kept the workloads of its kernels."""
    definition: dict[str, Any] | None = json.loads(info.definition) if info.definition else None
    return None if definition is None else Workload.from_json(definition)
