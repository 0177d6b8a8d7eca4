"""A session as JSON, one object per event and line, for programs that watch."""

import json
from types import TracebackType
from typing import IO, Any, Self

from tilewright.tune_views.session_heading import SessionHeading
from tilewright.tune_views.wording import model_secs, untuned_secs
from tuner import Event, Forecast, Progress, SessionStarted, TaskResult, TaskRetimed, TrialDone, TuneResult


class JsonLines:
    def __init__(self, heading: SessionHeading | None, file: IO[str]) -> None:
        self._heading = {} if heading is None else heading.to_json()
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.flush()

    def __call__(self, event: Event) -> None:
        more = self._heading if isinstance(event, SessionStarted) else {}
        print(json.dumps({**event_json(event), **more}), file=self._file, flush=True)


def event_json(event: Event) -> dict[str, Any]:
    """`event` names the kind; times are in milliseconds, null where there is none."""
    match event:
        case SessionStarted():
            return {"event": "started", "session": event.session, "tasks": [_task_json(task) for task in event.tasks]}
        case TrialDone():
            measurement = event.measurement
            return {
                "event": "trial",
                "task": event.task,
                "name": event.state.name,
                "status": str(measurement.status),
                "ms": _ms(measurement.best_secs),
                "best_ms": _ms(event.state.best_secs),
                "is_best": event.is_best,
                "error": measurement.error,
                "decisions": event.candidate.to_json(),
                "progress": _progress_json(event.progress),
            }
        case TaskRetimed():
            best_ms = _ms(event.best_secs)
            retimed = {"event": "retimed", "task": event.task, "candidates": event.candidates, "best_ms": best_ms}
            return {**retimed, "of_forms": event.of_forms, "verdict": event.verdict, "progress": _progress_json(event.progress)}
        case TuneResult():
            return {
                "event": "finished",
                "session": event.session,
                "stop": str(event.stop),
                "tasks": [_task_json(task) for task in event.tasks],
                "model_ms": _ms(model_secs(event.tasks)),
                "untuned_model_ms": _ms(untuned_secs(event.tasks)),
                "forecast": _forecast_json(event.forecast),
                "progress": _progress_json(event.progress),
            }


def _forecast_json(forecast: Forecast | None) -> dict[str, Any] | None:
    if forecast is None:
        return None
    return {"best_model_ms": _ms(forecast.best_secs), "reached": forecast.reached, "minute_gain": forecast.minute_gain}


def _ms(secs: float | None) -> float | None:
    return None if secs is None else secs * 1e3


def _task_json(task: TaskResult) -> dict[str, Any]:
    return {
        "name": task.name,
        "family": task.family,
        "weight": task.weight,
        "known": task.known,
        "trials": task.trials,
        "failed": task.failed,
        "best_ms": _ms(task.best_secs),
        "untuned_ms": _ms(task.default_secs),
    }


def _progress_json(progress: Progress) -> dict[str, Any]:
    return {
        "trials": progress.trials,
        "trials_budget": progress.trials_budget,
        "elapsed_secs": progress.elapsed_secs,
        "secs_left": progress.secs_left,
        "failures": {str(status): count for status, count in progress.failures},
        "model_ms": _ms(progress.model_secs),
        "repeated": progress.repeated,
    }
