"""Which of a few kernels is the fastest, and is that sure? Pure: the clocks are handed in by `measure/run_job.py`.

The kernels take turns, A B C C B A ..., a sample each per round, so that whatever the machine does hits all of them alike. At the rounds
`LOOKS` each is compared with the leader (the least median) by a sign test over the rounds: of two equal kernels either is ahead in half
of them. A kernel that is behind with p < `ALPHA` / number of looks (Bonferroni: the chance of an error at any look stays below ALPHA) has
lost and gets no more samples. When only one is left it has won. Kernels that are left at the last round are tied, and the first one of
them in the order of the arguments is chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb
from statistics import median

from measure.sampling import TimeCalls, calls_per_sample

VERDICT_FACT = "verdict"
FORM_VERDICT_FACT = "form_verdict"  # where the best candidates of several forms of one kernel were timed against each other
FORM_SECS_FACT = "form_secs"  # what choosing between the forms goes by: times of one run, where those of their searches are of many
LOOKS = (8, 12, 16, 24, 32, 48, 64)
ALPHA = 0.05


class Verdict(StrEnum):
    WON = "won"  # ahead of all others
    CHOSEN = "chosen"  # tied with others, and the first of them
    TIED = "tied"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Judged:
    """run_secs: one per round that the kernel took part in. p: of the sign test against the winner or the chosen one, at its last round."""

    run_secs: tuple[float, ...]
    verdict: Verdict
    p: float


def compare_kernels(kernels: Sequence[TimeCalls], rounds: int, sample_secs: float) -> list[Judged]:
    """rounds: at most. The kernels come in the order of preference among equals."""
    calls = [calls_per_sample(time_calls, sample_secs, time_calls(1))[0] for time_calls in kernels]
    looks = _looks(rounds)
    taken: list[list[float]] = [[] for _ in kernels]
    running = list(range(len(kernels)))
    for number in range(1, rounds + 1):
        for position in running if number % 2 else reversed(running):
            kernels[position](1)  # the others have taken the caches
            taken[position].append(kernels[position](calls[position]))
        if number in looks:
            running = _left(taken, running, len(looks))
            if len(running) == 1:
                break
    return _judge(taken, running)


def judge_rounds(taken: Sequence[Sequence[float]]) -> list[Judged]:
    """The same of samples that are there already, one of each kernel per round, in rounds as `compare_kernels` makes them."""
    rounds = len(taken[0])
    looks = _looks(rounds)
    running, lengths = list(range(len(taken))), [rounds] * len(taken)
    for look in looks:
        left = _left([times[:look] for times in taken], running, len(looks))
        for position in running:
            if position not in left or len(left) == 1:
                lengths[position] = look
        running = left
        if len(running) == 1:
            break
    return _judge([times[:length] for times, length in zip(taken, lengths, strict=True)], running)


def _looks(rounds: int) -> list[int]:
    return [look for look in LOOKS if look <= rounds]


def _left(taken: Sequence[Sequence[float]], running: Sequence[int], looks: int) -> list[int]:
    """Those that have not lost by now."""
    leader = _leader(taken, running)
    return [each for each in running if each == leader or sign_test(taken[leader], taken[each]) >= ALPHA / looks]


def sign_test(faster: Sequence[float], slower: Sequence[float]) -> float:
    """The probability that one of two equal kernels is ahead in so many of the rounds that both took part in, or more; ties are left out.

    >>> sign_test([1.0] * 8, [2.0] * 8)
    0.00390625
    """
    ahead = sum(a < b for a, b in zip(faster, slower, strict=False))
    decided = ahead + sum(a > b for a, b in zip(faster, slower, strict=False))
    chances: int = sum(comb(decided, wins) for wins in range(ahead, decided + 1))
    return chances / (1 << decided)


def _leader(taken: Sequence[Sequence[float]], running: Sequence[int]) -> int:
    return min(running, key=lambda position: (median(taken[position]), position))


def _judge(taken: Sequence[Sequence[float]], running: Sequence[int]) -> list[Judged]:
    best = running[0]
    judged = []
    for position, times in enumerate(taken):
        if position == best:
            verdict, p = (Verdict.WON, 0.0) if len(running) == 1 else (Verdict.CHOSEN, 1.0)
        else:
            verdict, p = Verdict.TIED if position in running else Verdict.LOST, sign_test(taken[best], times)
        judged.append(Judged(tuple(times), verdict, p))
    return judged
