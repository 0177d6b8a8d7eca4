"""Times of several contestants in one run, interleaved A B B A, so that a machine that slows down or speeds up does so for all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import sleep

PAUSE_SECS = 0.01  # before each visit
SPINNING_SECS = 0.25  # before each visit where contestants have threads: those of the one before spin on, libgomp's for some 0.2 s

TimeCalls = Callable[[int], list[float]]  # number of calls -> seconds of each, after a warm-up call that is not counted


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per call. `spread` is the distance of the quartiles relative to the median."""

    secs: tuple[float, ...]

    @property
    def minimum(self) -> float:
        return min(self.secs)

    @property
    def median(self) -> float:
        return median(self.secs)

    @property
    def spread(self) -> float:
        ordered = sorted(self.secs)
        quarter = len(ordered) // 4
        return (ordered[-1 - quarter] - ordered[quarter]) / self.median

    def to_json(self) -> dict[str, float | int]:
        return {"minimum_secs": self.minimum, "median_secs": self.median, "spread": self.spread, "calls": len(self.secs)}


def visiting_order(names: Sequence[str], rounds: int) -> list[str]:
    """Forwards and backwards by turns.

    >>> visiting_order("ABC", 2)
    ['A', 'B', 'C', 'C', 'B', 'A']
    """
    return [name for turn in range(rounds) for name in (names if turn % 2 == 0 else reversed(names))]


def interleave(contestants: Mapping[str, TimeCalls], rounds: int, calls: int, threads: int = 1) -> dict[str, Timing]:
    """Each contestant is visited `rounds` times for `calls` calls. threads: that each of them runs on."""
    pause_secs = SPINNING_SECS if threads > 1 and len(contestants) > 1 else PAUSE_SECS
    secs: dict[str, list[float]] = {name: [] for name in contestants}
    for name in visiting_order(list(contestants), rounds):
        sleep(pause_secs)
        secs[name] += contestants[name](calls)
    return {name: Timing(tuple(values)) for name, values in secs.items()}
