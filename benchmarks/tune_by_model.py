"""A search as `tilewright tune` makes it, with predicted cycles in place of measured times. For devices that are not here.

In: a space and a cpu that llvm-mca has a model of. Out: the best candidate and how many were tried. Next: `cortex_a53.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.predicted_kernel import PredictedKernel, predict_kernel
from compiler.errors import ScheduleError, TilewrightError
from measure import Measurement, MeasureStatus
from schedule_space import Candidate, ScheduleSpace
from tuner import DEFAULT_STRATEGY, make_strategy

BATCH = 8  # as `tilewright tune` asks for them
HERTZ = 1.2e9  # of a Raspberry Pi 3b; turns cycles into the seconds that a strategy expects, and ranks nothing

Predict = Callable[[ScheduleSpace, Candidate, str], PredictedKernel]


@dataclass(frozen=True, slots=True)
class ModelledSearch:
    """failed: of the trials, those that the compiler or llvm-mca refused."""

    candidate: Candidate
    kernel: PredictedKernel
    trials: int
    failed: int


def tune_by_model(space: ScheduleSpace, cpu: str, trials: int, seed: int = 0, predict: Predict = predict_kernel) -> ModelledSearch:
    """The default strategy, from nothing. Raises `TilewrightError` if no candidate could be predicted."""
    strategy = make_strategy(DEFAULT_STRATEGY, space, np.random.default_rng(seed))
    found: list[tuple[Candidate, PredictedKernel]] = []
    tried = 0
    last = "the space is empty"
    while tried < trials and (batch := strategy.suggest(min(BATCH, trials - tried))):
        results: list[tuple[Candidate, Measurement]] = []
        for candidate in batch:
            try:
                kernel = predict(space, candidate, cpu)
            except (TilewrightError, ValueError) as error:
                last = str(error)
                status = MeasureStatus.SCHEDULE_ERROR if isinstance(error, ScheduleError) else MeasureStatus.COMPILE_ERROR
                results.append((candidate, Measurement(status=status, error=last)))
                continue
            found.append((candidate, kernel))
            results.append((candidate, Measurement(status=MeasureStatus.OK, run_secs=(kernel.cycles / HERTZ,))))
        strategy.update(results)
        tried += len(batch)
    if not found:
        raise TilewrightError(f"none of {tried} candidates could be predicted; the last: {last}")
    candidate, kernel = min(found, key=lambda each: each[1].cycles)
    return ModelledSearch(candidate, kernel, tried, tried - len(found))
