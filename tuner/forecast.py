"""How much faster a task is going to be: its curve so far, continued. Pure.

Of 172 tasks tuned with 16 to 100 trials each (networks and their Winograd forms, 2026-11), the best time after n trials lay above the
last one by a factor exp(a g(n)) on average, with

    g(n) = (1 + n / 16)^-2        1 before the first trial, 0.44 after 8, 0.25 after 16, 0.11 after 32, 0.04 after 64
    a    = 0.10 +- 0.15           log of what there is to gain on the default, different for each task

So the only unknown of a task is a. It is estimated from what the task gained over its first trials, 8, 16, 32, ...: with gains d_i of
log(time) over stretches in which g fell by f_i, each with an error of 0.05, the mean and variance of a are those of a Bayesian linear
regression,

    mean = (0.10 / 0.15^2 + sum f_i d_i / 0.05^2) / precision,  precision = 1 / 0.15^2 + sum f_i^2 / 0.05^2,

never below zero. A task that gained nothing so is soon expected to gain little, one that gained much to gain more.
"""

from collections.abc import Sequence
from math import exp, inf, log, sqrt

SLOWNESS = 16.0  # trials after which a quarter is left
PRIOR_MEAN, PRIOR_DEVIATION, ERROR = 0.10, 0.15, 0.05
STRETCHES = (1, 8, 16, 32, 64, 128, 256)  # trials at whose end the best time is looked at


def remaining_share(trials: float) -> float:
    """g: of the gain that a task has in it, what is left after so many trials."""
    return 1.0 / (1.0 + trials / SLOWNESS) ** 2


def amplitude(milestones: Sequence[float | None]) -> tuple[float, float]:
    """Mean and standard deviation of a. milestones: the best seconds after 1, 8, 16, ... trials (`STRETCHES`), as far as the task went."""
    precision, weighted = PRIOR_DEVIATION**-2, PRIOR_MEAN * PRIOR_DEVIATION**-2
    for before, after, first, last in zip(milestones, milestones[1:], STRETCHES, STRETCHES[1:], strict=False):
        if before is None or after is None:
            continue
        fall = remaining_share(first) - remaining_share(last)
        weighted += fall * log(before / after) / ERROR**2
        precision += fall**2 / ERROR**2
    return max(0.0, weighted / precision), sqrt(1 / precision)


def expected_secs(best_secs: float, gain: float, trials: float, more: float = inf) -> float:
    """The best time after `more` trials beyond `trials`, for a = `gain`."""
    left = 0.0 if more == inf else remaining_share(trials + more)
    return best_secs * exp(-gain * (remaining_share(trials) - left))
