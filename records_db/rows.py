"""`Record` -> columns of a row -> `Record`.

Every value is made plain first, so that both databases give back what they were given: no numpy scalars, no NaN (which SQLite turns into
NULL), no character that PostgreSQL refuses.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from compiler.errors import TilewrightError
from compiler.schedule import Schedule
from compiler.workload import Workload, canonical_json
from measure import Device, Measurement, MeasureStatus, Verification
from records_db.models import DeviceRow, RecordRow
from records_db.record import Record, Source

STATISTIC = "min"  # what `cost` is of `run_secs`; the least time is the one that the rest of the machine disturbed least
SCHEDULE_KEY_DIGITS = 16
MALFORMED = (ValueError, TypeError, KeyError, AttributeError)  # what decoding of JSON that is not as it should be raises


def plain_json(value: Any) -> Any:
    """`value` as JSON that every database keeps: tuples are lists, numpy scalars numbers, and what is not finite its name ("nan")."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if hasattr(value, "item"):
        return plain_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return plain_text(value) if isinstance(value, str) else value


def plain_text(value: str) -> str:
    """Text that is valid UTF-8 without NUL; what a dying compiler printed need not be."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def schedule_text(schedule: Schedule) -> str:
    return canonical_json(schedule.to_json())


def schedule_key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:SCHEDULE_KEY_DIGITS]


def encode_record(record: Record) -> dict[str, Any]:
    """The columns of a record but for the ids of what it refers to."""
    schedule = schedule_text(record.schedule)
    return {
        "trial": record.trial,
        "source": record.source.value,
        "schedule": schedule,
        "schedule_key": schedule_key(schedule),
        "decisions": record.key,
        "created": record.created,
        **encode_measurement(record.measurement),
    }


def encode_measurement(measurement: Measurement) -> dict[str, Any]:
    verification = measurement.verification
    return {
        "status": measurement.status.value,
        "error": plain_text(measurement.error),
        "run_secs": [float(secs) for secs in measurement.run_secs],
        "cost": None if measurement.best_secs is None else float(measurement.best_secs),
        "statistic": STATISTIC,
        "stopped_early": measurement.stopped_early,
        "verdict": _verdict(measurement),
        "tolerance": verification and float(verification.tolerance),
        "max_error": verification and _max_error(verification),
        "input_seed": verification and int(verification.input_seed),
        "build_secs": float(measurement.build_secs),
        "measure_secs": float(measurement.measure_secs),
        "facts": plain_json(dict(measurement.facts)),
    }


def _verdict(measurement: Measurement) -> bool | None:
    if measurement.status is MeasureStatus.WRONG_ANSWER:
        return False
    return None if measurement.verification is None else bool(measurement.verification.passed)


def _max_error(verification: Verification) -> float:
    """NaN, the error of an answer that is NaN, is kept as infinity."""
    return math.inf if math.isnan(verification.max_error) else float(verification.max_error)


def decode_device(row: DeviceRow) -> Device:
    return Device(model=row.model, cores=row.cores, facts=tuple(sorted(row.facts.items())))


def decode_verification(row: RecordRow) -> Verification | None:
    if row.verdict is None or row.tolerance is None or row.max_error is None or row.input_seed is None:
        return None
    return Verification(passed=row.verdict, tolerance=row.tolerance, max_error=row.max_error, input_seed=row.input_seed)


def decode_schedule(text: str) -> Schedule | str:
    """The schedule, or why this version cannot read it."""
    try:
        return Schedule.from_json(json.loads(text))
    except (TilewrightError, *MALFORMED) as error:
        return _reason(error)


def decode_workload(canonical: str) -> Workload | str:
    """The workload, or why this version cannot read it."""
    try:
        return Workload.from_json(json.loads(canonical))
    except (TilewrightError, *MALFORMED) as error:
        return _reason(error)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, TilewrightError | ValueError) else f"malformed ({type(error).__name__}: {error})"


def decode_measurement(row: RecordRow) -> Measurement:
    return Measurement(
        status=MeasureStatus(row.status),
        run_secs=tuple(row.run_secs),
        error=row.error,
        build_secs=row.build_secs,
        measure_secs=row.measure_secs,
        stopped_early=row.stopped_early,
        verification=decode_verification(row),
        facts=tuple(row.facts.items()),
    )


def decode_record(row: RecordRow, workload: Workload, target: str, device: Device, schedule: Schedule) -> Record:
    return Record(
        workload=workload,
        target=target,
        device=device,
        schedule=schedule,
        measurement=decode_measurement(row),
        decisions=json.loads(row.decisions),
        source=Source(row.source),
        trial=row.trial,
        created=row.created,
        id=row.id,
        session=row.session_id,
    )
