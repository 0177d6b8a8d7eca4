"""The tune loop: propose a batch, build it, time it, keep every measurement, learn, and ask which task is next.

    scheduler -> strategy -> Candidate -> builder -> runner -> Measurement -> Record -> strategy, scheduler -> ...

It never waits for a batch to end: the next one is proposed when the builder is about to run dry, while candidates of the last one are on
their way. Measured trials are committed a few at a time, at most `COMMIT_SECS` late; a process that is killed loses no more than the
batch in flight. In: `Task`s. Out: records, events, `TuneResult`. Next: `tilewright`, the face.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import inf

from measure import ArtifactBuilder, Built, Measurement, MeasureStatus, Runner
from records_db import Database, DatabaseError, Record, SessionStatus, TuneSession
from tuner.budget import Budget
from tuner.closing_comparison import ClosingComparison, Comparison
from tuner.cost_models import NO_PRIOR, choose_model
from tuner.events import Event, Listener, Progress, SessionStarted, StopReason, TaskRetimed, TrialDone, TuneResult
from tuner.noise_watch import NoiseWatch
from tuner.record_keeper import NOISE_FACT, RecordKeeper, with_fact
from tuner.scheduler import BudgetScheduler
from tuner.strategies import DEFAULT_STRATEGY
from tuner.task import Task
from tuner.trial_pipeline import Trial, TrialPipeline
from tuner.tuning_task import TuningTask

FORMS_AT_SHARE = 0.4  # of the trials or the time: forms are timed in turn, and the rest goes to those that are the fastest there


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """trials: new ones in this session, over all tasks. minutes: wall time. None: no such limit.

    cost_model, prior: as in `choose_model`, for strategies that ask a model.
    until: stop when the model is predicted to be within this share of the best that could be found, as 0.95.
    least_gain: stop when the next minute is predicted to make the model faster by less than this share; None: go on.
    lookahead: trials on their way when the next batch is proposed; what two workers build while that is done. 0: every batch is learnt from
    before the next is proposed.
    contenders: how many of a task's fastest candidates are timed against each other at the end; below 2: none, and no forms of a kernel
    either.
    """

    trials: int | None = None
    minutes: float | None = None
    until: float | None = None
    least_gain: float | None = None
    strategy: str = DEFAULT_STRATEGY
    cost_model: str = "xgb"
    prior: str = NO_PRIOR
    seed: int = 0
    batch: int = 8
    lookahead: int = 3
    contenders: int = 5
    command_line: str = ""


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
    states = [TuningTask(task, options.strategy, options.seed, make_model) for task in tasks]
    for state in states:
        state.resume(database.records(state.task.workload, state.task.target, runner.device))
    session_id = database.open_session(session)
    listener = on_event or _ignore
    loop = _TuneLoop(states, builder, runner, RecordKeeper(database, session_id, listener), options)
    status = SessionStatus.FAILED
    try:
        result = loop.run(session_id, listener)
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

    def __init__(
        self, tasks: list[TuningTask], builder: ArtifactBuilder, runner: Runner, keeper: RecordKeeper, options: TuneOptions
    ) -> None:
        self._tasks = tasks
        self._runner = runner
        self._keeper = keeper
        self._options = options
        self._scheduler = BudgetScheduler([task.progress for task in tasks])
        self._budget = Budget(self._scheduler, options.trials, options.minutes, options.until, options.least_gain)
        self._budget.closes = options.contenders > 1
        self._pipeline = TrialPipeline(builder)
        self._noise = NoiseWatch()
        self._closing = ClosingComparison(tasks, builder, runner, options.contenders)

    def run(self, session: int, on_event: Listener) -> TuneResult:
        self._on_event = on_event
        on_event(SessionStarted(session=session, tasks=tuple(task.result for task in self._tasks)))
        try:
            try:
                stop = self._search()
                self._keep_comparisons(self._closing.comparisons(self._budget.is_out_of_time))
            except KeyboardInterrupt:
                stop = StopReason.INTERRUPTED
        finally:
            self._pipeline.cancel()
            self._keeper.flush()
        result = TuneResult(
            session=session,
            stop=stop,
            tasks=tuple(task.result for task in self._tasks),
            progress=self._progress(),
            forecast=self._budget.forecast(),
        )
        on_event(result)
        return result

    def _search(self) -> StopReason:
        are_forms_compared = False
        while True:
            stop = self._budget.reason_to_stop()
            if stop is None and not are_forms_compared and self._budget.spent_share() >= FORMS_AT_SHARE:
                self._keep_comparisons(self._closing.comparisons_of_forms(self._budget.is_search_out_of_time))
                are_forms_compared = True
            while stop is None and self._pipeline.waiting <= self._options.lookahead and (room := self._room()) and self._propose(room):
                pass
            if stop is None and not self._pipeline.waiting:
                stop = StopReason.EXHAUSTED
            if stop is not None:
                self._pipeline.cancel()
                return stop
            self._measure(*self._pipeline.take())

    def _room(self) -> int:
        """Trials that can be proposed now."""
        left = self._budget.trials_left()
        return self._options.batch if left is None else min(self._options.batch, left - self._pipeline.waiting)

    def _propose(self, count: int) -> bool:
        """First the default of every task that has no measurement; then a batch of the most promising task. False: nothing now."""
        batch: list[Trial] = []
        if untried := self._scheduler.untried()[:count]:
            batch = [Trial(position, candidate) for position in untried for candidate in self._tasks[position].suggest(1)]
        if not batch and self._scheduler.is_waiting:
            return False
        while not batch and (position := self._scheduler.next_task(count)) is not None:
            batch = [Trial(position, candidate) for candidate in self._tasks[position].suggest(count)]
        if batch:
            self._pipeline.push(batch, [self._tasks[trial.task].request(trial.candidate) for trial in batch])
        return bool(batch)

    def _measure(self, trial: Trial, built: Built | Measurement) -> None:
        task = self._tasks[trial.task]
        if isinstance(built, Measurement):
            measurement = built
        else:
            measurement = self._runner.run(built, task.limits(with_reading=self._noise.wants_reading()))
        number = task.trials
        is_best = task.add_trial(trial.candidate, measurement, built if isinstance(built, Built) else None)
        self._budget.trials += 1
        spoiled: list[tuple[Trial, Built]] = []
        if isinstance(built, Built):
            was_disturbed = self._noise.is_disturbed
            spoiled = self._noise.see(trial, built, measurement)
            if self._noise.is_disturbed or was_disturbed:
                self._keeper.mark_noisy(self._noise.excess)
                measurement = with_fact(measurement, NOISE_FACT, self._noise.excess)
        done = TrialDone(
            task=trial.task,
            candidate=trial.candidate,
            measurement=measurement,
            is_best=is_best,
            state=task.result,
            progress=self._progress(),
        )
        self._keeper.add(self._record(trial, measurement, number), done)
        if isinstance(built, Built) and self._noise.has_just_read:
            self._keeper.flush()
        self._repeat(spoiled)

    def _repeat(self, spoiled: Sequence[tuple[Trial, Built]]) -> None:
        """What a neighbour has spoiled is measured again as soon as the machine is calm, as far as the time allows."""
        for each, artifact in spoiled:
            if self._budget.is_search_out_of_time():
                break
            task = self._tasks[each.task]
            repeated = self._noise.repeated(self._runner.run(artifact, task.limits()))
            task.add_repetition(each.candidate, repeated)
            self._keeper.add(self._record(each, repeated, task.trials))

    def _record(self, trial: Trial, measurement: Measurement, number: int) -> Record:
        request = self._tasks[trial.task].request(trial.candidate)
        return Record(
            workload=request.workload,
            target=str(request.target),
            device=self._runner.device,
            schedule=request.schedule,
            decisions=trial.candidate.to_json(),
            measurement=measurement,
            trial=number,
        )

    def _keep_comparisons(self, comparisons: Iterable[Comparison]) -> None:
        """The times are records, no trials."""
        for comparison in comparisons:
            for each in comparison.contenders:
                self._keeper.add(self._record(Trial(each.task, each.candidate), each.measurement, self._tasks[each.task].trials))
            self._keeper.flush()
            retimed = TaskRetimed(
                task=comparison.best.task,
                candidates=len(comparison.contenders),
                of_forms=comparison.of_forms,
                best_secs=comparison.best.measurement.best_secs,
                verdict=comparison.verdict,
                progress=self._progress(),
            )
            self._on_event(retimed)

    def _progress(self) -> Progress:
        failures: Counter[MeasureStatus] = Counter()
        for task in self._tasks:
            failures += task.failures
        return Progress(
            trials=self._budget.trials,
            trials_budget=self._options.trials,
            elapsed_secs=self._budget.elapsed_secs,
            secs_left=self._budget.estimate_secs_left(),
            failures=tuple(failures.most_common()),
            model_secs=self._model_secs(),
            repeated=self._noise.repetitions,
        )

    def _model_secs(self) -> float | None:
        """Of one inference, of each family of tasks the fastest; None where nothing of a family ran yet."""
        found: dict[str, float] = {}
        for position, task in enumerate(self._tasks):
            family = task.task.family or f"task {position}"
            found[family] = min(found.get(family, inf), inf if task.best_secs is None else task.model_secs)
        total = sum(found.values())
        return total if total < inf else None
