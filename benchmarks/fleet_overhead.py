"""Milliseconds that a trial takes through tracker and daemon, over TLS on loopback, beyond a local one. Used by `fleet.py`."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from benchmarks.kernel_workloads import KERNELS
from benchmarks.local_fleet import fresh_fleet, wait_for_devices
from compiler.driver import compile_kernel
from compiler.target import Target
from measure import BuildRequest, Built, LocalRunner, RunLimits, Runner, RunnerOptions
from measure.remote import RemoteOptions, RemoteRunner
from schedule_space import default_schedule


@dataclass(frozen=True, slots=True)
class Overhead:
    """Medians and minima over trials, of which local and remote ones took turns; `ahead_ms` is a mean, with the next trial sent ahead."""

    trials: int
    local_ms: float
    remote_ms: float
    least_local_ms: float
    least_remote_ms: float
    ahead_ms: float

    def __str__(self) -> str:
        times = f"a trial takes {self.local_ms:.1f} ms here, {self.remote_ms:.1f} ms through the tracker"
        least = f"at least {self.least_local_ms:.1f} and {self.least_remote_ms:.1f} ({self.least_remote_ms - self.least_local_ms:+.1f} ms)"
        return f"{times} ({self.remote_ms - self.local_ms:+.1f} ms), {least}, {self.ahead_ms:.1f} ms with the next one sent ahead"


def measure_overhead(trials: int) -> Overhead:
    kernel = plain_kernel()
    options = RunnerOptions(threads=1)
    with fresh_fleet() as fleet:
        fleet.start_device("one")
        with fleet.client() as client, LocalRunner(options) as local:
            wait_for_devices(client, 1)
            with RemoteRunner(client, RemoteOptions(key="board"), options) as remote:
                runners: tuple[Runner, ...] = (local, remote)
                for runner in runners:
                    runner.run(kernel, RunLimits())
                secs: dict[bool, list[float]] = {False: [], True: []}
                for number in range(trials):
                    for runner in runners if number % 2 else runners[::-1]:
                        secs[runner is remote].append(_secs(partial(runner.run, kernel, RunLimits())))
                ahead = _secs(partial(_run_ahead, remote, kernel, trials)) / trials
    return Overhead(trials, 1e3 * median(secs[False]), 1e3 * median(secs[True]), 1e3 * min(secs[False]), 1e3 * min(secs[True]), 1e3 * ahead)


def plain_kernel() -> Built:
    """The first of the benchmark's kernels, on one thread, by its default schedule."""
    target = replace(Target.parse("host"), cores=1)
    workload = next(iter(KERNELS.values())).workload(target)
    schedule = default_schedule(workload, target, 1)
    request = BuildRequest(workload=workload, schedule=schedule, target=target)
    return Built(request=request, artifact=compile_kernel(workload, schedule, target), build_secs=0.0)


def _run_ahead(runner: RemoteRunner, kernel: Built, trials: int) -> None:
    kernels = [replace(kernel, build_secs=float(number)) for number in range(trials)]
    runner.prefetch(kernels[0])
    for number, each in enumerate(kernels):
        if number + 1 < trials:
            runner.prefetch(kernels[number + 1])
        runner.run(each, RunLimits())


def _secs(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
