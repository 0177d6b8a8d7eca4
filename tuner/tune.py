"""The tune loop: propose a batch, build it, time it, keep every measurement, learn, and ask which task is next.

    scheduler -> strategy -> Candidate -> builder -> runner -> Measurement -> Record, committed -> strategy, scheduler -> ...

A batch is proposed only when every trial of the one before is in the database. Within a batch, later candidates are built while earlier
ones are timed, if the machine has cores to spare. In: `Task`s. Out: records, events, `TuneResult`. Next: `tilewright`, the face.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from measure import ArtifactBuilder, Built, Measurement, MeasureStatus, Runner
from records_db import Database, DatabaseError, Record, SessionStatus, TuneSession
from schedule_space import Candidate
from tuner.cost_models import NO_PRIOR, choose_model
from tuner.events import Event, Listener, Progress, SessionStarted, StopReason, TaskRetimed, TrialDone, TuneResult
from tuner.scheduler import BudgetScheduler
from tuner.task import Task
from tuner.tuning_task import CONTENDER_RATIO, TuningTask

CLOSING_SHARE = 0.15  # of the minutes, at most, is kept for timing the fastest candidates against each other
CLOSING_SECS_PER_CANDIDATE = 0.12  # build and timing, on one core, before anything is known of this machine

NEGLIGIBLE_SHARE = 1e-3  # of the model's time: whose candidates are not timed again


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """trials: new ones in this session, over all tasks. minutes: wall time. None: no such limit.

    cost_model, prior: as in `choose_model`, for strategies that ask a model.
    contenders: how many of a task's fastest candidates are timed against each other at the end; below 2: none.
    """

    trials: int | None = None
    minutes: float | None = None
    strategy: str = "xgb"
    cost_model: str = "xgb"
    prior: str = NO_PRIOR
    seed: int = 0
    batch: int = 8
    contenders: int = 3
    command_line: str = ""


def build_workers(cores: int, threads: int) -> int:
    """How many build workers suit a machine of so many cores whose kernels run on `threads`."""
    return cores - threads if _can_overlap(cores, threads) else cores


def _can_overlap(cores: int, threads: int) -> bool:
    """Builds take longer than timings: on two cores, two builds at a time with no timing beside them are faster, and steadier."""
    return cores - threads >= 2


@dataclass(frozen=True, slots=True)
class Trial:
    task: int
    candidate: Candidate


def tune_tasks(
    tasks: Sequence[Task],
    builder: ArtifactBuilder,
    runner: Runner,
    database: Database,
    options: TuneOptions,
    on_event: Listener | None = None,
) -> TuneResult:
    """Tunes the tasks together within the budget; Ctrl-C ends it early with all that was measured.

    Raises what ends a session: `DatabaseError` (a full disk), `MeasureError` (no worker process can be started); before it, `PriorError`.
    """
    session = TuneSession(
        tuner=options.strategy, seed=options.seed, options=_plain_options(options, tasks), command_line=options.command_line
    )
    make_model = choose_model(options.cost_model, options.prior)
    loop = _TuneLoop([TuningTask(task, options.strategy, options.seed, make_model) for task in tasks], builder, runner, database, options)
    loop.resume()
    session_id = database.open_session(session)
    status = SessionStatus.FAILED
    try:
        result = loop.run(session_id, on_event or _ignore)
        status = SessionStatus.INTERRUPTED if result.stop is StopReason.INTERRUPTED else SessionStatus.FINISHED
    finally:
        with suppress(DatabaseError):
            database.close_session(session_id, status)
    return result


def _plain_options(options: TuneOptions, tasks: Sequence[Task]) -> dict[str, object]:
    """With the weights of the tasks by workload key, so that a report can add up the model's time."""
    plain = {name: value for name, value in asdict(options).items() if name not in ("strategy", "seed", "command_line")}
    return plain | {"weights": {task.workload.key: task.weight for task in tasks}}


def _ignore(event: Event) -> None:
    """Nobody listens."""


class _TuneLoop:
    """One session over its tasks."""

    def __init__(self, tasks: list[TuningTask], builder: ArtifactBuilder, runner: Runner, database: Database, options: TuneOptions) -> None:
        self._tasks = tasks
        self._builder = builder
        self._runner = runner
        self._database = database
        self._options = options
        self._scheduler = BudgetScheduler([task.progress for task in tasks])
        self._trials = 0
        self._started = time.monotonic()
        self._trying_secs = 0.0

    def resume(self) -> None:
        """Reads what earlier sessions measured on this device."""
        for task in self._tasks:
            task.resume(self._database.records(task.task.workload, task.task.target, self._runner.device))

    def run(self, session: int, on_event: Listener) -> TuneResult:
        self._session, self._on_event = session, on_event
        on_event(SessionStarted(session=session, tasks=tuple(task.result for task in self._tasks)))
        try:
            stop = self._search()
            if self._options.contenders > 1:
                self._compare_contenders()
        except KeyboardInterrupt:
            stop = StopReason.INTERRUPTED
        result = TuneResult(session=session, stop=stop, tasks=tuple(task.result for task in self._tasks), progress=self._progress())
        on_event(result)
        return result

    def _search(self) -> StopReason:
        while True:
            if self._trials_left() == 0:
                return StopReason.TRIALS
            if self._out_of_time():
                return StopReason.MINUTES
            batch = self._propose()
            if batch is None:
                return StopReason.EXHAUSTED
            self._measure(batch)

    def _propose(self) -> list[Trial] | None:
        """First the default of every task that has no measurement; then a batch of the most promising task. None: nothing is left."""
        count = self._options.batch if (left := self._trials_left()) is None else min(self._options.batch, left)
        if untried := self._scheduler.untried()[:count]:
            return [Trial(position, candidate) for position in untried for candidate in self._tasks[position].suggest(1)]
        while (position := self._scheduler.next_task(count)) is not None:
            candidates = self._tasks[position].suggest(count)
            if candidates:
                return [Trial(position, candidate) for candidate in candidates]
        return None

    def _measure(self, batch: Sequence[Trial]) -> None:
        """Each trial is committed as soon as it is measured; what the end of the time cuts off is as if it had not been proposed."""
        started = time.monotonic()
        results: dict[int, list[tuple[Candidate, Measurement]]] = {}
        for trial, built in self._build(batch):
            task = self._tasks[trial.task]
            measurement = built if isinstance(built, Measurement) else self._runner.run(built, task.limits)
            self._commit(trial, measurement, task.trials)
            self._trials += 1
            is_best = task.add_trial(trial.candidate, measurement)
            results.setdefault(trial.task, []).append((trial.candidate, measurement))
            self._trying_secs += time.monotonic() - started
            started = time.monotonic()
            self._on_event(
                TrialDone(
                    task=trial.task,
                    candidate=trial.candidate,
                    measurement=measurement,
                    is_best=is_best,
                    state=task.result,
                    progress=self._progress(),
                )
            )
            if self._out_of_time():
                break
        for position, learnt in results.items():
            self._tasks[position].learn(learnt)

    def _build(self, batch: Sequence[Trial]) -> Iterator[tuple[Trial, Built | Measurement]]:
        """Streams where the timing leaves cores free; else builds all before the first is timed."""
        requests = [self._tasks[trial.task].request(trial.candidate) for trial in batch]
        stream = self._builder.stream(requests)
        threads = max(self._tasks[trial.task].task.target.cores for trial in batch)
        if not _can_overlap(self._runner.device.cores, threads):
            stream = iter(list(stream))
        for position, built in stream:
            yield batch[position], built

    def _commit(self, trial: Trial, measurement: Measurement, number: int) -> None:
        task = self._tasks[trial.task]
        request = task.request(trial.candidate)
        record = Record(
            workload=request.workload,
            target=str(request.target),
            device=self._runner.device,
            schedule=request.schedule,
            decisions=trial.candidate.to_json(),
            measurement=measurement,
            trial=number,
        )
        self._database.add_records(self._session, [record])

    def _compare_contenders(self) -> None:
        """Times the fastest candidates of the tasks of this session against each other; the times are records, no trials."""
        families = {name: secs for name, secs in self._family_secs().items() if secs is not None}
        least_secs = NEGLIGIBLE_SHARE * sum(families.values())
        tried = [
            position
            for position, task in enumerate(self._tasks)
            if task.trials and least_secs <= task.model_secs <= CONTENDER_RATIO * families.get(self._family(position), 0.0)
        ]
        groups = {position: self._tasks[position].contenders(self._options.contenders) for position in tried}
        trials = [Trial(position, candidate) for position, group in groups.items() if len(group) > 1 for candidate in group]
        built: dict[int, list[tuple[Trial, Built]]] = {}
        for trial, outcome in self._build(trials) if trials else ():
            if isinstance(outcome, Built):
                built.setdefault(trial.task, []).append((trial, outcome))
        for position, group in built.items():
            if self._out_of_time(closing=True):
                return
            self._compare(position, group)

    def _compare(self, position: int, group: list[tuple[Trial, Built]]) -> None:
        measurements = self._runner.compare([outcome for _, outcome in group])
        task = self._tasks[position]
        for (trial, _), measurement in zip(group, measurements, strict=True):
            self._commit(trial, measurement, task.trials)
            task.add_comparison(trial.candidate, measurement)
        times = [measurement.best_secs for measurement in measurements if measurement.status is MeasureStatus.OK]
        best_secs = min((secs for secs in times if secs is not None), default=None)
        self._on_event(TaskRetimed(task=position, candidates=len(group), best_secs=best_secs, progress=self._progress()))

    def _trials_left(self) -> int | None:
        return None if self._options.trials is None else max(0, self._options.trials - self._trials)

    def _seconds_left(self, closing: bool) -> float | None:
        """Until the search has to end, or (closing) the whole session; None without a limit."""
        if self._options.minutes is None:
            return None
        budget = 60.0 * self._options.minutes
        kept = 0.0
        if not closing and self._options.contenders > 1:
            tried = sum(task.trials > 0 for task in self._tasks)
            kept = min(CLOSING_SHARE * budget, tried * self._options.contenders * CLOSING_SECS_PER_CANDIDATE)
        return budget - kept - (time.monotonic() - self._started)

    def _out_of_time(self, closing: bool = False) -> bool:
        left = self._seconds_left(closing)
        return left is not None and left <= 0

    def _progress(self) -> Progress:
        failures: Counter[MeasureStatus] = Counter()
        for task in self._tasks:
            failures += task.failures
        times = self._family_secs()
        known = [secs for secs in times.values() if secs is not None]
        return Progress(
            trials=self._trials,
            trials_budget=self._options.trials,
            elapsed_secs=time.monotonic() - self._started,
            secs_left=self._estimate_secs_left(),
            failures=tuple(failures.most_common()),
            model_secs=sum(known) if len(known) == len(times) else None,
        )

    def _family_secs(self) -> dict[str, float | None]:
        """Of one inference, for each family of tasks: the time of its fastest form; None where nothing ran yet."""
        found: dict[str, float | None] = {}
        for position, task in enumerate(self._tasks):
            family = self._family(position)
            times = [secs for secs in (found.get(family), task.best_secs and task.model_secs) if secs is not None]
            found[family] = min(times, default=None)
        return found

    def _family(self, position: int) -> str:
        return self._tasks[position].task.family or f"task {position}"

    def _estimate_secs_left(self) -> float | None:
        """The nearer of the two limits."""
        by_time = self._seconds_left(closing=True)
        left = self._trials_left()
        elapsed = time.monotonic() - self._started
        by_trials = left * elapsed / self._trials if left is not None and self._trials else None
        known = [max(0.0, secs) for secs in (by_time, by_trials) if secs is not None]
        return min(known, default=None)
