"""Which cores time and which build, so that both go on at once and neither is in the way of the other.

In: how many threads a kernel runs on. Out: `Placement`. Next: `measure/builder.py` and `measure/runner.py`.

The timing gets the last cores, one per thread. Every core gets a build worker; those on the cores of the timing stand still while a
kernel is timed. The timing itself takes a tenth of a trial, so a core that did nothing else would idle for most of the time.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

MAX_BUILDERS = 8  # a worker takes some 200 MiB, and nothing times candidates as fast as eight build them


@dataclass(frozen=True, slots=True)
class Placement:
    """timing: the cores of the timed kernel. builders: the core of each build worker. resting: the workers that rest while one is timed."""

    timing: tuple[int, ...]
    builders: tuple[int, ...]
    resting: tuple[int, ...]


def place_workers(threads: int, cores: Sequence[int] | None = None) -> Placement:
    """cores: those that may be used; None: all that this process may run on.

    >>> place_workers(1, (0, 1))
    Placement(timing=(1,), builders=(0, 1), resting=(1,))
    >>> place_workers(2, (0, 1))
    Placement(timing=(0, 1), builders=(0, 1), resting=(0, 1))
    """
    known = tuple(sorted(available_cores() if cores is None else cores))
    timing = known[-threads:]
    builders = known[:MAX_BUILDERS]
    return Placement(timing, builders, tuple(worker for worker, core in enumerate(builders) if core in timing))


def available_cores() -> tuple[int, ...]:
    """By number."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(os.sched_getaffinity(0))
    return tuple(range(os.cpu_count() or 1))
