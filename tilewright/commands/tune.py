"""`tilewright tune`: search on this machine, with progress, into a database that compilation consults."""

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from records_db import Database, without_password
from tilewright.commands.options import (
    Shapes,
    database_option,
    database_url,
    insecure_option,
    load_model,
    max_rel_error_option,
    model_argument,
    shape_option,
    target_option,
    threads_option,
    tls_option,
    tracker_option,
)
from tilewright.fleet_choice import BuilderChoice, BuildingPlace, FleetChoice, MeasuringPlace, connection_words
from tilewright.optional_modules import load_optional
from tilewright.resolve_target import resolve_target
from tilewright.tune_model import tune as tune_model
from tilewright.tune_views import SessionHeading, choose_view
from tuner import ALIASES, COST_MODELS, DEFAULT_STRATEGY, SHIPPED_PRIOR, STRATEGIES, Progress, StopReason, TuneResult

DEFAULT_DATABASE = "sqlite:///tuned.db"
DEFAULT_MODEL = "xgb"
INTERRUPTED_EXIT_CODE = 130
TUNER_HELP = "\n".join(
    [
        "How candidates are chosen:\n\n\b",
        *(f"{name}: {strategy.summary}" for name, strategy in STRATEGIES.items()),
        *(f"{old}: what {name} was called before" for old, name in ALIASES.items()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneCommand:
    """The command line, as data."""

    model_path: Path
    target: str
    threads: int | None
    trials: int | None
    minutes: float | None
    until: float | None
    tuner: str
    cost_model: str
    prior: str
    url: str
    seed: int
    max_rel_error: float
    shapes: Shapes
    fleet: FleetChoice | None
    builders: BuilderChoice | None

    @property
    def shown_url(self) -> str:
        """Of the database, as it was typed; its password is neither printed nor stored."""
        return without_password(self.url)

    def words(self, trials: int | None, minutes: float | None) -> str:
        """To type for the same with another budget."""
        words = ["tilewright", "tune", str(self.model_path), "--target", self.target, "--tuner", self.tuner, "--db", self.shown_url]
        error = None if self.max_rel_error == inf else self.max_rel_error
        rest = {
            "--threads": self.threads,
            "--cost-model": None if self.cost_model == DEFAULT_MODEL else self.cost_model,
            "--prior": None if self.prior == SHIPPED_PRIOR else self.prior,
            "--trials": trials,
            "--minutes": minutes,
            "--until": self.until,
            "--seed": self.seed or None,
            "--max-rel-error": error,
        }
        for option, value in rest.items():
            if value is not None:
                words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
        places = [place for place in (self.fleet, self.builders) if place is not None]
        words += [word for place in places for word in place.words]
        words += connection_words(places[0]) if places else []
        for name, shape in self.shapes:
            words += ["--shape", f"{name}={','.join(map(str, shape))}"]
        return shlex.join(words)

    def words_to_go_on(self, progress: Progress | None) -> str:
        """To type for what is left of the budget; all of it where nothing was measured."""
        trials, minutes = self.trials, self.minutes
        if progress is not None and progress.trials_budget is not None:
            trials = max(1, progress.trials_budget - progress.trials)
        if progress is not None and minutes is not None:
            minutes = max(0.1, round(minutes - progress.elapsed_secs / 60, 1))
        return self.words(trials, minutes)


@click.command()
@model_argument
@target_option
@threads_option
@click.option("--trials", type=click.IntRange(min=1), help="How many candidates to measure; by default 64 per kernel at most.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="How long to search at most.")
@click.option(
    "--until",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Stop when the model is predicted to have this share of the best speed that could be found, as 0.95.",
)
@click.option("--tuner", type=click.Choice((*STRATEGIES, *ALIASES)), default=DEFAULT_STRATEGY, show_default=True, help=TUNER_HELP)
@click.option(
    "--cost-model", type=click.Choice(tuple(COST_MODELS)), default=DEFAULT_MODEL, show_default=True, help="How their times are predicted."
)
@click.option(
    "--prior",
    default=SHIPPED_PRIOR,
    show_default=True,
    metavar="shipped|none|FILE",
    help="What the cost model knows beforehand; a FILE of `tilewright cost-model train`.",
)
@database_option(default=DEFAULT_DATABASE)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the search's random choices.")
@max_rel_error_option
@shape_option
@tracker_option(required=False)
@click.option("--key", help="Which devices of the tracker to measure on, such as pi3b.")
@tls_option
@insecure_option
@click.option("--priority", type=click.IntRange(-1000, 1000), default=0, show_default=True, help="Larger goes first at the tracker.")
@click.option("--devices", type=click.IntRange(min=1), default=1, show_default=True, help="How many devices with the key to use at once.")
@click.option("--builders", metavar="HOST:PORT", help="Build on the builders of this tracker; on this machine by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per event.")
@click.pass_context
def tune(ctx: click.Context, /, as_json: bool, **options: object) -> None:
    """Search the fastest kernels for MODEL on this machine and keep every trial in a database.

    With --tracker and --key they are timed on the devices of a fleet instead, for which --target host means what those were started with.
    With --builders they are built by others. What the database knows already is not measured again. Ctrl-C ends the search and loses
    nothing.
    """
    connection = {name: options.pop(name) for name in ("bundle", "insecure")}
    options["fleet"] = _fleet_choice({name: options.pop(name) for name in ("tracker", "key", "priority", "devices")} | connection)
    builders = options.pop("builders")
    if (connection["bundle"] or connection["insecure"]) and options["fleet"] is None and builders is None:
        raise click.UsageError("--tls and --insecure are for a tracker: give --tracker and --key, or --builders too")
    options["builders"] = None if builders is None else BuilderChoice(tracker=builders, **connection)  # type: ignore[arg-type] # click's
    command = TuneCommand(**options)  # type: ignore[arg-type] # click has checked and converted them
    result = None
    with terminated_as_interrupted(), suppress(KeyboardInterrupt):
        result = _search(command, as_json)
    if result is None or result.stop is StopReason.INTERRUPTED:
        _say(f"Go on with: {command.words_to_go_on(result.progress if result else None)}", as_json)
        ctx.exit(INTERRUPTED_EXIT_CODE)
    compile_words = ["tilewright", "compile", str(command.model_path), "--db", command.shown_url, "-o", f"{command.model_path.stem}.so"]
    _say(f"Compile from it with: {shlex.join(compile_words)}", as_json)


def _search(command: TuneCommand, as_json: bool) -> TuneResult:
    model = load_model(command.model_path, command.shapes)
    with ExitStack() as stack:
        place = _open_fleet(command.fleet, stack)
        target = (place.resolve_target if place else resolve_target)(command.target, command.threads)
        builders = _open_builders(command.builders, stack)
        database = stack.enter_context(Database(database_url(command.url)))
        heading = SessionHeading(model=model.name, target=target, database=database.url, tuner=command.tuner)
        with choose_view(heading, sys.stdout, as_json=as_json) as view:
            return tune_model(
                model,
                target,
                database=database,
                trials=command.trials,
                minutes=command.minutes,
                until=command.until,
                tuner=command.tuner,
                cost_model=command.cost_model,
                prior=command.prior,
                seed=command.seed,
                on_event=view,
                command_line=command.words(command.trials, command.minutes),
                max_rel_error=command.max_rel_error,
                place=place,
                builders=builders,
            )


def _fleet_choice(options: dict[str, object]) -> FleetChoice | None:
    if options["tracker"] is None and options["key"] is None:
        unused = [f"--{name}" for name, default in (("priority", 0), ("devices", 1)) if options[name] != default]
        if unused:
            raise click.UsageError(f"{unused[0]} is for the devices of a fleet: give --tracker and --key too")
        return None
    if options["tracker"] is None or options["key"] is None:
        raise click.UsageError("--tracker and --key belong together: where the devices are, and which of them")
    return FleetChoice(**options)  # type: ignore[arg-type] # click has checked and converted them


def _open_fleet(choice: FleetChoice | None, stack: ExitStack) -> MeasuringPlace | None:
    if choice is None:
        return None
    place: MeasuringPlace = stack.enter_context(load_optional("tilewright.fleet_session", "fleet").open_fleet(choice))
    return place


def _open_builders(choice: BuilderChoice | None, stack: ExitStack) -> BuildingPlace | None:
    if choice is None:
        return None
    builders: BuildingPlace = stack.enter_context(load_optional("tilewright.builder_session", "fleet").open_builders(choice))
    return builders


def _say(line: str, as_json: bool) -> None:
    """For people; beside JSON on standard error."""
    click.echo(line, err=as_json)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends a session as Ctrl-C does: orderly, with everything kept."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
