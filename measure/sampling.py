"""How many calls a time is made of. Pure: the clock is the native loop behind `TimeCalls`, handed in by `measure/run_job.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from measure.sequential_rule import is_behind

TimeCalls = Callable[[int], float]  # number of calls -> mean seconds per call

MAX_CALLS = 100_000
HOPELESS = 10.0  # a first call, cold caches and page faults included, that is this many times past the limit needs no second one


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingOptions:
    """A sample is a batch of calls that lasts about `sample_secs`. As many samples as fit `budget_secs`, within the two bounds."""

    sample_secs: float = 0.5e-3
    min_samples: int = 3
    max_samples: int = 10
    budget_secs: float = 0.03


@dataclass(frozen=True, slots=True)
class Samples:
    """stopped_early: the candidate was given up; its samples are fewer, and real."""

    run_secs: tuple[float, ...]
    stopped_early: bool = False


def take_samples(
    time_calls: TimeCalls, options: SamplingOptions, abandon_above_secs: float | None = None, best_run_secs: Sequence[float] = ()
) -> Samples:
    """A warm-up call, then samples.

    A candidate whose call takes longer than `abandon_above_secs` is given up with that one time; one that is behind the samples
    `best_run_secs` gets no more of them.
    """
    first = time_calls(1)
    if abandon_above_secs is not None and first > abandon_above_secs:
        again = first if first > HOPELESS * abandon_above_secs else time_calls(1)
        if min(first, again) > abandon_above_secs:
            return Samples((min(first, again),), stopped_early=True)
    calls, estimate = calls_per_sample(time_calls, options.sample_secs, first)
    fitting = int(options.budget_secs / (calls * estimate))
    taken: list[float] = []
    while len(taken) < max(options.min_samples, min(options.max_samples, fitting)):
        taken.append(time_calls(calls))
        if is_behind(taken, best_run_secs):
            return Samples(tuple(taken), stopped_early=True)
    return Samples(tuple(taken))


def calls_per_sample(time_calls: TimeCalls, sample_secs: float, first_secs: float) -> tuple[int, float]:
    """Calls that fill a sample, and the seconds that one takes; the first call of a short kernel says too little, so it is asked again."""
    estimate = first_secs
    if estimate < sample_secs:
        estimate = min(estimate, time_calls(max(1, min(16, ceil(0.1 * sample_secs / max(estimate, 1e-9))))))
    estimate = max(estimate, 1e-9)
    return max(1, min(MAX_CALLS, ceil(sample_secs / estimate))), estimate
