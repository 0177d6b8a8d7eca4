"""The space of a recorded task, as this version makes it. Used by `kernel_rows.py` and `predictions.py`."""

from compiler.errors import TargetError
from compiler.target import Target
from schedule_space import ScheduleSpace, space_for
from tilewright.report.session_data import TaskData


def task_target(task: TaskData) -> Target | None:
    """None where the text is of a version with other options."""
    try:
        return Target.parse(task.target)
    except TargetError:
        return None


def task_space(task: TaskData) -> ScheduleSpace | None:
    target = task_target(task)
    return None if target is None else space_for(task.records[0].workload, target, target.cores)


def untuned_secs(task: TaskData) -> float | None:
    """The best time of the default schedule; None where it was not measured, or is another one today."""
    space = task_space(task)
    if space is None:
        return None
    default = space.default().to_json()
    times = [record.measurement.best_secs for record in task.records if dict(record.decisions) == default]
    return min((secs for secs in times if secs is not None), default=None)
