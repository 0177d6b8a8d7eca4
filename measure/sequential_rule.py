"""When a candidate can be given up: the samples so far could hardly come from a kernel as fast as the best one. Pure.

A rank test, so that it needs to know nothing of the noise but that both kernels have it: n samples of the candidate beside k of the best
one, of which b lie at or above the candidate's least sample. If the two were equally fast, every order of the n + k samples would have
the same chance, and that of one so bad for the candidate or worse is

    (b + n choose n) / (k + n choose n)

Below `ALPHA` it is given up: with ten samples of the best one after two samples that lie above all of them. So a candidate that is slower
by more than the noise goes after two samples, and one within the noise is timed in full. One look per sample makes for more errors than
ALPHA: a candidate just as fast as the best is given up in 6 % of all cases, one faster by the noise in less than 1 %
(`tests/measure/test_sequential_rule.py` counts, for several kinds of noise). Its time is then known from fewer samples, that is all.
"""

from collections.abc import Sequence
from math import comb

ALPHA = 0.02


def is_behind(samples: Sequence[float], best_samples: Sequence[float]) -> bool:
    """samples: of the candidate, so far. best_samples: of the fastest one; without any nothing is behind."""
    if not samples or not best_samples:
        return False
    fastest, count = min(samples), len(samples)
    if fastest <= min(best_samples):
        return False
    above = sum(secs >= fastest for secs in best_samples)
    return comb(above + count, count) / comb(len(best_samples) + count, count) < ALPHA
