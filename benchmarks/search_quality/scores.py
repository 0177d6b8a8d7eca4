"""From replays to the numbers of the tables: how soon a search comes near the best known, how good it is after so many trials.

In: the times of the trials of many seeds. Out: `Curves` and what is computed of them. Next: `sections.py`, which prints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, log

import numpy as np
from numpy.typing import NDArray

NEAR = 0.95  # of the best known speed: what the tables call found

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """best: (seeds, trials), the fastest time so far, infinite as long as nothing ran; it stays where a search ran out of candidates."""

    best: Numbers
    best_known_secs: float
    thinking_secs_per_trial: float

    def quality(self, quantile: float = 0.5) -> Numbers:
        """The best known time over the best so far, after each trial: 1 is found; over the seeds, lower quantiles are unluckier ones."""
        # sorted by hand, since interpolating between two infinities has no answer
        ordered = np.sort(self.best_known_secs / self.best, axis=0)
        position = quantile * (len(ordered) - 1)
        low, high = ordered[int(np.floor(position))], ordered[int(np.ceil(position))]
        between: Numbers = low + (high - low) * (position - np.floor(position))
        return between

    def trials_to(self, quality: float) -> Numbers:
        """Of each seed: the first trial that reached the quality; infinite where none did."""
        reached = self.best <= self.best_known_secs / quality
        first = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)
        return first

    def median_trials_to(self, quality: float = NEAR) -> float:
        """Over the seeds; the upper one of two middle ones, so that half of the seeds at least needed no more."""
        ordered = np.sort(self.trials_to(quality))
        return float(ordered[len(ordered) // 2])


def make_curves(runs: Sequence[Numbers], trials: int, best_known_secs: float, thinking_secs: float) -> Curves:
    """runs: the times of each seed's trials; not-a-number where one failed. thinking_secs: of all seeds together."""
    best = np.full((len(runs), trials), np.inf)
    for row, secs in zip(best, runs, strict=True):
        so_far = np.fmin.accumulate(np.where(np.isnan(secs), np.inf, secs)[:trials])
        row[: len(so_far)] = so_far
        row[len(so_far) :] = so_far[-1] if len(so_far) else np.inf
    return Curves(best, best_known_secs, thinking_secs / max(1, sum(len(secs) for secs in runs)))


def share_within(curves: Sequence[Curves], trials: int, quality: float = NEAR) -> float:
    """Of the workloads: those whose median seed reached the quality within so many trials."""
    return sum(each.median_trials_to(quality) <= trials for each in curves) / len(curves)


def quality_after(curves: Sequence[Curves], trials: int) -> float:
    """Geometric mean over the workloads of the median seed's quality."""
    return geometric_mean([float(each.quality()[min(trials, each.best.shape[1]) - 1]) for each in curves])


@dataclass(frozen=True, slots=True)
class Advantage:
    """How many times fewer trials one search needs than another for the same quality.

    ratio: geometric mean over the workloads, those left out that need no search, since the default is that good, and those in which neither
    got there. at_least: workloads in which the slower one never got there, counted as if its last trial had brought it, so that the true
    ratio is higher; behind: those in which the faster one never got there, counted likewise. bound: the ratio if the second trial of the
    faster one, after the default, always got there.
    """

    ratio: float
    bound: float
    workloads: int
    at_least: int
    behind: int


def advantage(ours: Sequence[Curves], theirs: Sequence[Curves], quality: float = NEAR) -> Advantage:
    """quality: of the best known, of the median seed."""
    ratios: list[float] = []
    bounds: list[float] = []
    at_least = behind = 0
    for mine, other in zip(ours, theirs, strict=True):
        length = other.best.shape[1]
        their_trials, our_trials = _first(other.quality(), quality), _first(mine.quality(), quality)
        if min(their_trials, our_trials) == 1 or not isfinite(min(their_trials, our_trials)):
            continue
        at_least += not isfinite(their_trials)
        behind += not isfinite(our_trials)
        ratios.append(min(their_trials, length) / min(our_trials, length))
        bounds.append(min(their_trials, length) / 2)
    return Advantage(geometric_mean(ratios), geometric_mean(bounds), len(ratios), at_least, behind)


def _first(quality: Numbers, wanted: float) -> float:
    reached = np.flatnonzero(quality >= wanted)
    return float(reached[0] + 1) if len(reached) else inf


def geometric_mean(values: Sequence[float]) -> float:
    """Not-a-number of nothing; 0 where one is 0."""
    if not len(values):
        return float("nan")
    return 0.0 if min(values) <= 0 else exp(sum(map(log, values)) / len(values))
