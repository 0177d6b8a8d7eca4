"""AutoTVM's log, version 0.2: one JSON object a line, comments with `#`. In: lines. Out: `ForeignRecord`s; tasks by `autotvm_workload.py`.

    {"input": [target, task, [argument, ...], {}],
     "config": {"index": 7, "code_hash": null, "entity": [[knob, kind, value], ...]},
     "result": [[seconds, ...] or [1e9], error number, seconds in all, unix time], "version": 0.2, "tvm_version": "0.7.dev0"}

Kinds of knobs: "sp" (a split: sizes), "re" (an order), "an" (annotations of loops), "ot" (any value). Version 0.1, also of 2018, named its
parts otherwise ("i", "r", "v"), or was pickled: base64 texts between tabs. Pickles can run any code, and are refused unread.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from measure import Measurement, MeasureStatus
from records_db.foreign_record import ForeignRecord, ForeignTask, origin_key
from records_db.log_formats.autotvm_workload import counterpart
from records_db.log_formats.log_format import BadLine, Line, register_log_format

AUTOTVM = "autotvm"
VERSION = 0.2
PARTS = ("input", "config", "result")
KNOBS = ("sp", "re", "an", "ot")
NO_TIME_SECS = 1e9  # stands for a time where there is none

ERRORS: Mapping[int, tuple[MeasureStatus, str]] = {
    1: (MeasureStatus.SCHEDULE_ERROR, "the schedule could not be made"),
    2: (MeasureStatus.COMPILE_ERROR, "the host's code could not be compiled"),
    3: (MeasureStatus.COMPILE_ERROR, "the device's code could not be compiled"),
    4: (MeasureStatus.CRASH, "the program failed on the device"),
    5: (MeasureStatus.WRONG_ANSWER, "the answer was wrong"),
    6: (MeasureStatus.BUILD_TIMEOUT, "the build took too long"),
    7: (MeasureStatus.RUN_TIMEOUT, "the program ran too long"),
    8: (MeasureStatus.CRASH, "an unknown error"),
}


def is_autotvm(line: str) -> bool:
    """Also of the versions that are refused, so that they are refused by name."""
    if _is_pickled(line):
        return True
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and (all(part in data for part in PARTS) or _is_old(data))


def _is_pickled(line: str) -> bool:
    return not line.lstrip().startswith("{") and line.count("\t") >= 3


def _is_old(data: Mapping[str, Any]) -> bool:
    return data.get("v") == 0.1


@register_log_format(AUTOTVM, is_autotvm)
def read_autotvm(lines: Iterable[Line]) -> Iterator[ForeignRecord | BadLine]:
    for number, text in lines:
        try:
            yield read_line(number, text)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, OSError, RecursionError) as error:
            yield BadLine(number, _reason(error))


def _reason(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"is not JSON ({error.msg} at column {error.colno})"
        case KeyError():
            return f"lacks {error}"
        case RecursionError():
            return "is nested too deeply"
        case ValueError():
            return str(error)
    return f"is not an AutoTVM record ({error})"


def read_line(number: int, text: str) -> ForeignRecord:
    """One record; raises ValueError or what reading of JSON that is not as it should be raises."""
    if _is_pickled(text):
        raise ValueError("is pickled, as AutoTVM's first logs were; pickles can run any code, so they are never read; JSON lines are")
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("is not a JSON object")
    if _is_old(data):
        raise ValueError("is of version 0.1, which is not read; version 0.2 is")
    if data.get("version", VERSION) != VERSION:
        raise ValueError(f"is of version {data['version']!r}; version {VERSION} is read")
    target, name, arguments, keywords = data["input"]
    if not isinstance(target, str) or not isinstance(name, str) or not isinstance(arguments, list):
        raise ValueError("has an input that is not [target, task, arguments, {}]")
    task = ForeignTask(format=AUTOTVM, name=name, arguments=[*arguments, keywords] if keywords else arguments)
    measurement, created = _measurement(*data["result"])
    return ForeignRecord(
        text=text,
        key=origin_key(AUTOTVM, data),
        task=task,
        target=target,
        measurement=measurement,
        decisions=_decisions(data["config"]),
        workload=None if keywords else counterpart(name, arguments),
        line=number,
        created=created,
    )


def _decisions(config: Mapping[str, Any]) -> dict[str, Any]:
    """Knob -> sizes, order, words or value."""
    found: dict[str, Any] = {}
    for knob, kind, value in config["entity"]:
        if kind not in KNOBS or not isinstance(knob, str):
            raise ValueError(f"has a knob {knob!r} of the unknown kind {kind!r}; known: {', '.join(KNOBS)}")
        found[knob] = value
    return found


def _measurement(costs: list[Any], error_number: int, all_secs: float, unix_time: float) -> tuple[Measurement, datetime]:
    created = datetime.fromtimestamp(float(unix_time), UTC)
    times = tuple(float(secs) for secs in costs) if error_number == 0 else ()
    if not math.isfinite(all_secs) or any(not math.isfinite(secs) or secs <= 0 for secs in times):
        raise ValueError("has a time that is not a positive number")
    if error_number == 0 and (not times or max(times) >= NO_TIME_SECS):
        return _failure(MeasureStatus.CRASH, "AutoTVM noted neither an error nor a time", all_secs), created
    if error_number == 0:
        return Measurement(status=MeasureStatus.OK, run_secs=times, measure_secs=float(all_secs)), created
    status, meaning = ERRORS.get(int(error_number), (MeasureStatus.CRASH, "of a number that has no meaning here"))
    return _failure(status, f"AutoTVM's error {int(error_number)}: {meaning}", all_secs), created


def _failure(status: MeasureStatus, error: str, all_secs: float) -> Measurement:
    return Measurement(status=status, error=error, measure_secs=float(all_secs))
