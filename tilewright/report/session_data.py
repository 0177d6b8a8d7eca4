"""What a report tells of tuning sessions: their tasks, trial by trial, and where the time went. In: `Database`. Out: `TuneData`.

No picture and no page here; next: `predictions.py`, `kernel_rows.py`, and `page.py`, which draws.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from compiler.workload import GroupOp, Workload
from measure import Device, MeasureStatus
from records_db import Database, DatabaseError, Record, SessionSummary, Source
from tilewright.kernel_label import DIRECT, WINOGRAD, short_form, variant

WEIGHTS_OPTION = "weights"  # of a session: workload key -> calls per inference


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """One workload on one device for one target. records: in the order of the trials, those of several sessions after each other.

    weight: calls per inference; family: the same for the forms of one kernel, of which a model uses the fastest.
    """

    label: str
    weight: float
    family: str
    target: str
    device: Device
    records: Sequence[Record]

    @property
    def run_secs(self) -> list[float | None]:
        return [record.measurement.best_secs for record in self.records]

    @property
    def best_secs(self) -> float | None:
        return min((secs for secs in self.run_secs if secs is not None), default=None)

    @property
    def failed(self) -> int:
        return sum(secs is None for secs in self.run_secs)

    @property
    def model_secs(self) -> float:
        """Of one inference, 0 where nothing ran."""
        return self.weight * (self.best_secs or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSplit:
    """Of one session, in seconds. building, timing: of the processes that do it, summed, so they may overlap.

    elapsed: from its start to its end, or to its last trial where it did not end in order. rest: neither building nor timing, as far as
    these did not overlap: proposing, learning, storing, waiting.
    """

    session: int
    elapsed: float
    building: float
    timing: float

    @property
    def rest(self) -> float:
        return max(0.0, self.elapsed - self.building - self.timing)

    @property
    def overlapping(self) -> bool:
        return self.building + self.timing > self.elapsed


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorKind:
    """texts: the different ones with how often each occurred, the most frequent first."""

    status: MeasureStatus
    count: int
    texts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class TuneData:
    """Several sessions as one. weighted: whether the sessions say how often the model calls each kernel; else each counts once."""

    url: str
    sessions: Sequence[SessionSummary]
    tasks: Sequence[TaskData]
    times: Sequence[TimeSplit]
    errors: Sequence[ErrorKind]
    weighted: bool

    @property
    def trials(self) -> int:
        return sum(len(task.records) for task in self.tasks)

    @property
    def failed(self) -> int:
        return sum(error.count for error in self.errors)


def read_tune_data(database: Database, session: int | None = None) -> TuneData:
    """Of one session, or of all; imported records are left out, since nobody knows in what order they were made."""
    summaries = [summary for summary in database.sessions() if session is None or summary.id == session]
    if session is not None and not summaries:
        known = ", ".join(str(summary.id) for summary in database.sessions()) or "none"
        raise DatabaseError(f"{database.url} has no session {session}; it has: {known}")
    records = [record for record in database.records(session=session) if record.source is Source.MEASURED]
    weights = _weights(summaries)
    return TuneData(
        url=database.url,
        sessions=summaries,
        tasks=_tasks(records, weights),
        times=[_time_split(summary, [record for record in records if record.session == summary.id]) for summary in summaries],
        errors=_errors(records),
        weighted=bool(records) and all(record.workload.key in weights for record in records),
    )


def _weights(summaries: Iterable[SessionSummary]) -> dict[str, float]:
    """By workload key; of several sessions the last one counts."""
    found: dict[str, float] = {}
    for summary in summaries:
        for key, weight in summary.session.options.get(WEIGHTS_OPTION, {}).items():
            found[str(key)] = float(weight)
    return found


def _direct_form(workload: Workload) -> Workload:
    """The workload that another form computes: the same with the plain operator."""
    anchor = workload.ops[workload.anchor]
    if anchor.op != WINOGRAD:
        return workload
    plain = GroupOp(DIRECT, anchor.inputs, {name: value for name, value in anchor.attributes.items() if name != "tile"})
    return Workload(workload.arguments, (*workload.ops[: workload.anchor], plain, *workload.ops[workload.anchor + 1 :]), workload.anchor)


def _tasks(records: Iterable[Record], weights: dict[str, float]) -> list[TaskData]:
    """Those that take most of the model's time first."""
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.workload.key, record.target, record.device.fingerprint), []).append(record)
    tasks = []
    for (key, target, _), group in groups.items():
        workload = group[0].workload
        weight = weights.get(key, 1.0)
        label = f"{variant(workload)} {short_form(workload)}"
        tasks.append(
            TaskData(label=label, weight=weight, family=_direct_form(workload).key, target=target, device=group[0].device, records=group)
        )
    return sorted(tasks, key=lambda task: -task.model_secs)


def _time_split(summary: SessionSummary, records: Sequence[Record]) -> TimeSplit:
    last: datetime = summary.ended or max((record.created for record in records), default=summary.started)
    return TimeSplit(
        session=summary.id,
        elapsed=max(0.0, (last - summary.started).total_seconds()),
        building=sum(record.measurement.build_secs for record in records),
        timing=sum(record.measurement.measure_secs for record in records),
    )


def _errors(records: Iterable[Record]) -> list[ErrorKind]:
    """The most frequent kind first."""
    texts: dict[MeasureStatus, Counter[str]] = {}
    for record in records:
        if record.measurement.status is not MeasureStatus.OK:
            texts.setdefault(record.measurement.status, Counter())[record.measurement.error] += 1
    kinds = [ErrorKind(status=status, count=counts.total(), texts=tuple(counts.most_common())) for status, counts in texts.items()]
    return sorted(kinds, key=lambda kind: -kind.count)
