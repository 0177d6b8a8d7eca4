"""How many calls a time is made of. Pure: the clock is the native loop behind `TimeCalls`, handed in by `measure/run_job.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

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
    run_secs: tuple[float, ...]
    stopped_early: bool = False


def take_samples(
    time_calls: TimeCalls, options: SamplingOptions, abandon_above_secs: float | None = None, refine_below_secs: float | None = None
) -> Samples:
    """A warm-up call, then samples.

    A candidate whose call takes longer than `abandon_above_secs` is given up with that one time; one that has not come below
    `refine_below_secs` after `min_samples` gets no more of them.
    """
    first = time_calls(1)
    if abandon_above_secs is not None and first > abandon_above_secs:
        again = first if first > HOPELESS * abandon_above_secs else time_calls(1)
        if min(first, again) > abandon_above_secs:
            return Samples((min(first, again),), stopped_early=True)
    calls, estimate = _calls_per_sample(time_calls, options.sample_secs, first)
    fitting = int(options.budget_secs / (calls * estimate))
    taken = [time_calls(calls) for _ in range(options.min_samples)]
    if refine_below_secs is None or min(taken) < refine_below_secs:
        taken += [time_calls(calls) for _ in range(min(options.max_samples, fitting) - options.min_samples)]
    return Samples(tuple(taken))


def take_interleaved_samples(kernels: Sequence[TimeCalls], rounds: int, sample_secs: float) -> list[tuple[float, ...]]:
    """Samples of several kernels against each other, A B C C B A ..., so that drift of the machine hits all alike."""
    calls = []
    for time_calls in kernels:
        number, _ = _calls_per_sample(time_calls, sample_secs, time_calls(1))
        calls.append(number)
    taken: list[list[float]] = [[] for _ in kernels]
    order = list(range(len(kernels)))
    for _ in range(rounds):
        for position in order:
            kernels[position](1)  # the others have taken the caches
            taken[position].append(kernels[position](calls[position]))
        order.reverse()
    return [tuple(times) for times in taken]


def _calls_per_sample(time_calls: TimeCalls, sample_secs: float, first_secs: float) -> tuple[int, float]:
    """Calls that fill a sample, and the seconds that one takes; the first call of a short kernel says too little, so it is asked again."""
    estimate = first_secs
    if estimate < sample_secs:
        estimate = min(estimate, time_calls(max(1, min(16, ceil(0.1 * sample_secs / max(estimate, 1e-9))))))
    estimate = max(estimate, 1e-9)
    return max(1, min(MAX_CALLS, ceil(sample_secs / estimate))), estimate
