"""Trials per second of two devices against one, whose timing is simulated: each trial sleeps, as long as one takes. Used by `fleet.py`."""

import time
from dataclasses import dataclass

from benchmarks.local_fleet import fresh_fleet, wait_for_devices
from fleet import Blob, Job
from fleet.client import FarmClient
from measure.remote.job_window import JobWindow

TRIAL_SECS = 0.1


@dataclass(frozen=True, slots=True)
class Speedup:
    trials: int
    one_per_sec: float
    two_per_sec: float

    def __str__(self) -> str:
        ratio = self.two_per_sec / self.one_per_sec
        return f"{self.one_per_sec:.2f} trials/s on one device, {self.two_per_sec:.2f} on two: {ratio:.2f}x"


def measure_speedup(trials: int) -> Speedup:
    rates = {}
    with fresh_fleet() as fleet:
        for count, name in enumerate(("one", "two"), 1):
            fleet.start_device(name)
            with fleet.client() as client:
                wait_for_devices(client, count)
                _run(client, count, 4)
                rates[count] = _run(client, count, trials)
    return Speedup(trials, rates[1], rates[2])


def _run(client: FarmClient, devices: int, trials: int) -> float:
    program = Blob.of(f"#!/bin/sh\nexec sleep {TRIAL_SECS}\n".encode())
    window = JobWindow(client, 2 * devices)
    start = time.perf_counter()
    jobs = [
        Job(identity=f"{start}-{number}", key="board", program=program.digest, files=(), stdin=b"", candidate=program.digest)
        for number in range(trials)
    ]
    for future in [window.submit(job, {program.digest: program}) for job in jobs]:
        future.result()
    return trials / (time.perf_counter() - start)
