"""The whole model's time as the tune proceeded. In: `TuneData`. Out: `ModelTime` curves, one for each target and device."""

from collections.abc import Sequence
from dataclasses import dataclass

from records_db import Record
from tilewright.report.session_data import TaskData, TuneData


@dataclass(frozen=True, slots=True)
class ModelTime:
    """points: (seconds of tuning so far, seconds of one inference), from when every kernel had a time."""

    target: str
    device: str
    points: tuple[tuple[float, float], ...]


def model_times(data: TuneData) -> list[ModelTime]:
    """Of a kernel with several forms the fastest counts. The hours between sessions are left out."""
    groups: dict[tuple[str, str], list[TaskData]] = {}
    for task in data.tasks:
        groups.setdefault((task.target, str(task.device)), []).append(task)
    return [ModelTime(target, device, tuple(_points(data, tasks))) for (target, device), tasks in groups.items()]


def _points(data: TuneData, tasks: Sequence[TaskData]) -> list[tuple[float, float]]:
    weights = {record.workload.key: (task.family, task.weight) for task in tasks for record in task.records}
    best: dict[str, float] = {}
    points: list[tuple[float, float]] = []
    trials = sorted((record for task in tasks for record in task.records), key=lambda record: (record.created, record.id or 0))
    for record in trials:
        secs = record.measurement.best_secs
        family, weight = weights[record.workload.key]
        if secs is None:
            continue
        best[family] = min(best.get(family, weight * secs), weight * secs)
        if len(best) == len({task.family for task in tasks if task.best_secs is not None}):
            points.append((_tuning_secs(data, record), sum(best.values())))
    return points


def _tuning_secs(data: TuneData, record: Record) -> float:
    """From the start of the first session to a trial, without the time between sessions."""
    before = 0.0
    for summary, split in zip(data.sessions, data.times, strict=True):
        if summary.id == record.session:
            return before + max(0.0, (record.created - summary.started).total_seconds())
        before += split.elapsed
    return before
