"""How fast and how well the tuners search: `python -m benchmarks.search`.

Trials per second, over a fixed time and after the start of all processes, count proposing, building, timing, learning and storing. Each
tuner gets the same number of trials on one convolution and one thread. Scoring is encoding a batch of candidates and predicting their
times; a refit learns from as many rows as a long session has. Both are seconds of this process, of one thread, so that others count little.
`--disturbance` times kernels with and without builds beside them, `--noise` runs sessions beside a busy loop: see `search_noise.py`.
"""

import argparse
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic, process_time

import numpy as np

from benchmarks.command_line import chosen, make_parser, positive, print_report, progress
from benchmarks.conditions import read_conditions
from benchmarks.kernel_workloads import KERNELS
from benchmarks.search_noise import (
    DISTURBANCE_HEADER,
    DISTURBED,
    HARMLESS,
    NOISE_HEADER,
    DisturbanceRow,
    NoiseRow,
    measure_disturbance,
    measure_noise,
)
from benchmarks.search_rate import GOAL_CPU_MILLISECONDS, GOAL_TRIALS_PER_SECOND, RateRow, measure_rate
from benchmarks.search_rate import HEADER as RATE_HEADER
from benchmarks.tables import Cell, milliseconds, table
from compiler.target import Target
from measure import Builder, BuilderOptions, Ceiling, CeilingLoops, LocalRunner, RunnerOptions, place_workers
from records_db import Database
from tuner import (
    COST_MODELS,
    DEFAULT_STRATEGY,
    NO_PRIOR,
    SHIPPED_PRIOR,
    STRATEGIES,
    Event,
    FeatureEncoder,
    Task,
    TrialDone,
    TuneOptions,
    choose_model,
    make_task,
    tune_tasks,
)

GOAL_SCORING_MICROSECONDS = 10.0
GOAL_REFIT_SECONDS = 0.3
SCORED = 1024
FITTED_ON = 500
ROUNDS = 15
BEST_AFTER = (16, 32, 64, 128)
RATED = ("64->64 56x56 3x3", "256->512 14x14 1x1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRow:
    """best_secs: the fastest candidate after BEST_AFTER trials, as far as the session went."""

    tuner: str
    trials: int
    failed: int
    elapsed_secs: float
    best_secs: tuple[float, ...]

    @property
    def trials_per_second(self) -> float:
        return self.trials / self.elapsed_secs

    def cells(self, operations: int) -> list[Cell | str]:
        rate = self.trials_per_second
        bests = [f"{milliseconds(secs)}" for secs in self.best_secs] + ["-"] * (len(BEST_AFTER) - len(self.best_secs))
        gflops = f"{operations / self.best_secs[-1] / 1e9:.1f}" if self.best_secs else "-"
        return [
            self.tuner,
            str(self.trials),
            Cell(str(self.failed), self.failed > 0),
            f"{self.elapsed_secs:.1f}",
            f"{rate:.1f}",
            *bests,
            gflops,
        ]


HEADER = ("tuner", "trials", "failed", "seconds", "trials/s", *(f"ms after {count}" for count in BEST_AFTER), "GFLOP/s")


def measure_search(tuner: str, task: Task, trials: int, seed: int) -> SearchRow:
    """One session from nothing, with a database on disk, as a user's would be."""
    times: list[float | None] = []

    def listen(event: Event) -> None:
        if isinstance(event, TrialDone):
            times.append(event.measurement.best_secs)

    options = TuneOptions(trials=trials, strategy=tuner, seed=seed, contenders=0, command_line="benchmarks.search")
    placement = place_workers(task.target.cores)
    runner_options = RunnerOptions(threads=task.target.cores, cores=placement.timing)
    with tempfile.TemporaryDirectory() as folder, Database(f"sqlite:///{Path(folder, 'search.db')}") as database:
        started = monotonic()
        with Builder(BuilderOptions(placement=placement)) as builder, LocalRunner(runner_options, builder) as runner:
            tune_tasks([task], builder, runner, database, options, listen)
        elapsed_secs = monotonic() - started
    reached = [count for count in BEST_AFTER if count <= len(times)] or [len(times)]
    bests = [min((secs for secs in times[:count] if secs is not None), default=float("nan")) for count in reached]
    failed = sum(secs is None for secs in times)
    return SearchRow(tuner=tuner, trials=len(times), failed=failed, elapsed_secs=elapsed_secs, best_secs=tuple(bests))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """microseconds: per candidate, encoding and predicting in one batch. refit_secs: from FITTED_ON rows. Best of ROUNDS."""

    model: str
    prior: str
    encoding_microseconds: float
    scoring_microseconds: float
    refit_secs: float

    def cells(self) -> list[Cell | str]:
        return [
            self.model,
            self.prior,
            f"{self.encoding_microseconds:.1f}",
            Cell(f"{self.scoring_microseconds:.1f}", self.scoring_microseconds > GOAL_SCORING_MICROSECONDS),
            Cell(f"{self.refit_secs:.3f}", self.refit_secs > GOAL_REFIT_SECONDS),
        ]


MODEL_HEADER = ("model", "prior", "encoding us", "scoring us / candidate", f"refit s ({FITTED_ON} rows)")


def measure_model(name: str, prior: str, task: Task, seed: int, scored: int = SCORED, fitted_on: int = FITTED_ON) -> ModelRow:
    """The model learns invented times: the prior's own, with noise."""
    rng = np.random.default_rng(seed)
    encoder = FeatureEncoder(task.space)
    known = encoder.encode(task.space.sample(rng, fitted_on))
    secs = np.exp(choose_model("xgb", SHIPPED_PRIOR)(task.space, seed).predict(known).log_secs + rng.normal(0.0, 0.1, len(known)))
    candidates = task.space.sample(rng, scored)
    model = choose_model(name, prior)(task.space, seed)
    encoding, scoring, refit = [], [], []
    for _ in range(ROUNDS):
        start = process_time()
        model.fit(known, secs)
        fitted = process_time()
        rows = encoder.encode(candidates)
        encoded = process_time()
        model.predict(rows)
        refit.append(fitted - start)
        encoding.append(1e6 * (encoded - fitted) / len(candidates))
        scoring.append(1e6 * (process_time() - fitted) / len(candidates))
    return ModelRow(model=name, prior=prior, encoding_microseconds=min(encoding), scoring_microseconds=min(scoring), refit_secs=min(refit))


def main() -> None:
    parser = make_parser("benchmarks.search", "Trials per second and what they find, for each tuner; the cost of scoring a candidate.")
    parser.add_argument(
        "--tuners", default="adaptive,random", help=f"names separated by commas, of: {', '.join(STRATEGIES)} (default: adaptive,random)"
    )
    parser.add_argument("--kernel", default=RATED[0], help=f"one of: {', '.join(KERNELS)}")
    parser.add_argument("--trials", type=positive, default=128, help="per tuner (default: 128)")
    parser.add_argument("--seconds", type=float, default=24.0, help="of each session whose trials per second are counted (default: 24)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--disturbance", action="store_true", help="only this: are kernels slower beside the builds of the next ones?")
    parser.add_argument("--noise", action="store_true", help="only this: are winners still the fastest beside a noisy neighbour?")
    parser.add_argument("--repeats", type=positive, default=6, help="of --noise, with and without the neighbour (default: 6)")
    options = parser.parse_args()

    (kernel,) = chosen(options.kernel, KERNELS).values()
    target = replace(Target.parse("host"), cores=1)
    task = make_task(kernel.workload(target), target, name=options.kernel)
    conditions = read_conditions("benchmarks.search")
    loops = CeilingLoops(target)
    conditions = replace(conditions, ceilings=(Ceiling(1, loops.gflops(1), loops.gbytes(1)),))
    if options.disturbance:
        print_report(conditions, *_disturbance(task, options), options.json)
        return
    if options.noise:
        print_report(conditions, *_noise(task, options), options.json)
        return
    rates, rate_rows = _rates(options)
    models = [measure_model(name, prior, task, options.seed) for name in COST_MODELS for prior in priors_for(name)]
    rows = []
    for tuner in chosen(options.tuners, STRATEGIES):
        row = measure_search(tuner, task, min(options.trials, 24) if options.quick else options.trials, options.seed)
        progress(f"{tuner}: {row.trials_per_second:.1f} trials/s")
        rows.append(row)
    searches = table(HEADER, [row.cells(kernel.operations) for row in rows], "with failed candidates")
    scores = table(
        MODEL_HEADER,
        [model.cells() for model in models],
        f"more than {GOAL_SCORING_MICROSECONDS:.0f} us or {GOAL_REFIT_SECONDS} s",
    )
    as_json = [*rate_rows, *({**asdict(row), "trials_per_second": row.trials_per_second} for row in rows)]
    as_json.append({"kernel": options.kernel, "space_size": task.space.size, "models": [asdict(model) for model in models]})
    print_report(conditions, [rates, searches, scores], as_json, options.json)


def _rates(options: argparse.Namespace) -> tuple[str, list[dict[str, object]]]:
    """A 3x3 and a 1x1 convolution, on one and two threads."""
    rows: list[RateRow] = []
    for threads in (1, 2):
        for name in RATED[:1] if options.quick else RATED:
            target = replace(Target.parse("host"), cores=threads)
            task = make_task(KERNELS[name].workload(target), target, name=name)
            rows.append(measure_rate(name, task, 6.0 if options.quick else options.seconds, DEFAULT_STRATEGY, options.seed))
            progress(f"{name}, {threads} threads: {rows[-1].trials_per_second:.1f} trials/s")
    note = f"fewer than {GOAL_TRIALS_PER_SECOND:.0f} trials per second, or more than {GOAL_CPU_MILLISECONDS:.0f} ms of processor time"
    return table(RATE_HEADER, [row.cells() for row in rows], note), [asdict(row) for row in rows]


def _disturbance(task: Task, options: argparse.Namespace) -> tuple[list[str], list[dict[str, object]]]:
    rows: list[DisturbanceRow] = []
    for threads in (1, 2):
        target = replace(task.target, cores=threads)
        rows.append(measure_disturbance(make_task(task.workload, target), 6 if options.quick else 24, options.seed))
    return [table(DISTURBANCE_HEADER, [row.cells() for row in rows], DISTURBED)], [asdict(row) for row in rows]


def _noise(task: Task, options: argparse.Namespace) -> tuple[list[str], list[dict[str, object]]]:
    rows: list[NoiseRow] = []
    for seed in range(options.seed, options.seed + (1 if options.quick else options.repeats)):
        for disturbed in (False, True) if seed % 2 else (True, False):
            rows.append(measure_noise(task, 6.0 if options.quick else options.seconds / 2, seed, disturbed=disturbed))
            progress(" | ".join(map(str, rows[-1].cells())))
    rows.sort(key=lambda row: row.disturbed)
    counts = []
    for disturbed in (False, True):
        sessions = [row for row in rows if row.disturbed is disturbed]
        unharmed = sum(row.unharmed for row in sessions)
        neighbour = "a busy loop on the core of the timing for half of the time" if disturbed else "no busy loop"
        limit = f"{100 * (HARMLESS - 1):.0f} %"
        counts.append(f"{neighbour}: the winner is the fastest, tied with it or within {limit} in {unharmed} of {len(sessions)} sessions")
    return [table(NOISE_HEADER, [row.cells() for row in rows], "significantly slower than the fastest"), "\n".join(counts)], [
        asdict(row) for row in rows
    ]


def priors_for(model: str) -> tuple[str, ...]:
    """The model that knows nothing takes no prior."""
    return (NO_PRIOR,) if model == "none" else (NO_PRIOR, SHIPPED_PRIOR)


if __name__ == "__main__":
    main()
