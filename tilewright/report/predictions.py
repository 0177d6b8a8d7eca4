"""What a cost model would have predicted for each trial from the trials before it. In: `TuneData`. Out: `Predictions`. Next: `page.py`.

Records keep no predictions, so the model is fitted anew in the order of the records, batch after batch, as the search had done it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilewright.report.session_data import TaskData, TuneData
from tilewright.report.task_space import task_space
from tuner import FeatureEncoder, model_factory

BATCH = 8
FIRST = 16  # trials before the first prediction
MOST_FITS = 400  # of a report, shared among the tasks; 20 ms each, of a hundred trials


@dataclass(frozen=True, slots=True)
class Predicted:
    """Of one trial, in seconds."""

    task: int
    predicted: float
    measured: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """rank_correlation: Spearman's, of each task, averaged by their trials; median_factor: by how much a prediction is typically off, 1 is
    exact. None without predictions. left_out: tasks whose records are of another version of their space."""

    model: str
    trials: tuple[Predicted, ...]
    rank_correlation: float | None
    median_factor: float | None
    left_out: int


def predict_in_order(data: TuneData, model: str = "xgb") -> Predictions:
    """Of the tasks that take most of the model's time, as far as MOST_FITS goes."""
    trials: list[Predicted] = []
    fits = left_out = 0
    for position, task in enumerate(data.tasks):
        needed = max(0, len(task.records) - FIRST + BATCH - 1) // BATCH
        if not needed or fits + needed > MOST_FITS:
            continue
        found = _predict_task(position, task, model)
        fits += needed
        left_out += found is None
        trials += found or ()
    if not trials:
        return Predictions(model=model, trials=(), rank_correlation=None, median_factor=None, left_out=left_out)
    predicted, measured = (np.array([getattr(each, name) for each in trials]) for name in ("predicted", "measured"))
    return Predictions(
        model=model,
        trials=tuple(trials),
        rank_correlation=_rank_correlation(trials),
        median_factor=float(np.exp(np.median(np.abs(np.log(predicted / measured))))),
        left_out=left_out,
    )


def _predict_task(position: int, task: TaskData, model: str) -> list[Predicted] | None:
    """None where today's space does not hold the recorded decisions."""
    space = task_space(task)
    if space is None:
        return None
    known = [record for record in task.records if space.contains(record.decisions)]
    if 2 * len(known) < len(task.records):
        return None
    rows = FeatureEncoder(space).encode([space.candidate(record.decisions) for record in known])
    secs = np.array([np.nan if record.measurement.best_secs is None else record.measurement.best_secs for record in known])
    found: list[Predicted] = []
    for start in range(FIRST, len(known), BATCH):
        if not np.isfinite(secs[:start]).any():
            continue
        fitted = model_factory(model)(space, 0)
        fitted.fit(rows[:start], secs[:start])
        logs = fitted.predict(rows[: start + BATCH]).log_secs
        with np.errstate(invalid="ignore"):
            shift = float(np.nanmedian(np.log(secs[:start]) - logs[:start]))  # a model predicts up to a constant of the task
        batch = zip(np.exp(logs[start:] + shift).tolist(), secs[start : start + BATCH].tolist(), strict=True)
        found += [Predicted(position, predicted, measured) for predicted, measured in batch if np.isfinite(measured)]
    return found


def _rank_correlation(trials: Sequence[Predicted]) -> float | None:
    """None where no task has enough of them."""
    total = weight = 0.0
    for task in {each.task for each in trials}:
        pairs = [(each.predicted, each.measured) for each in trials if each.task == task]
        if len(pairs) < BATCH:
            continue
        first, second = (_ranks(np.array(column)) for column in zip(*pairs, strict=True))
        if first.std() and second.std():
            total += len(pairs) * float(np.corrcoef(first, second)[0, 1])
            weight += len(pairs)
    return total / weight if weight else None


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.argsort(kind="stable").argsort(kind="stable").astype(np.float64)
