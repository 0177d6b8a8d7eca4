"""`python -m benchmarks.search_quality`: strategies and cost models compared by replaying recorded spaces, many seeds each.

Recorded by `benchmarks.record_search_data`. Nothing is compiled or timed here, so any machine will do, and one seed always gives the same
suggestions.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from benchmarks.command_line import make_parser, positive, print_report, progress, regex
from benchmarks.conditions import read_conditions
from benchmarks.search_quality import DATA_FOLDER, Recording, RecordingError, file_name, load_recordings
from benchmarks.search_quality.plots import save_plots
from benchmarks.search_quality.replay import Contestant
from benchmarks.search_quality.run_replays import Job, run_jobs
from benchmarks.search_quality.sections import Comparison, contestants_section, default_section, json_rows, workloads_section
from benchmarks.search_quality.transfer import TransferRun, ceiling_jobs, transfer_jobs, transfer_section
from tuner import COST_MODELS, DEFAULT_STRATEGY, STRATEGIES

LEFT_OUT = ("grid",)  # of the default list: the order of the choices is no search
LEAST_NETWORKS = 5  # with one left out, enough workloads to train on


def contestants(strategies: str | None, models: str | None) -> list[Contestant]:
    """`a,b/gp` and models for the default strategy. Leaves the program on an unknown name."""
    names = strategies.split(",") if strategies else [name for name in STRATEGIES if name not in LEFT_OUT]
    words = [*names, *(f"{DEFAULT_STRATEGY}/{model}" for model in (models.split(",") if models else ()))]
    found = []
    for word in words:
        strategy, _, model = word.strip().partition("/")
        if strategy not in STRATEGIES:
            raise SystemExit(f"unknown strategy {strategy!r}; known: {', '.join(STRATEGIES)}")
        if model and model not in COST_MODELS:
            raise SystemExit(f"unknown cost model {model!r}; known: {', '.join(COST_MODELS)}")
        found.append(Contestant(strategy, model))
    return list(dict.fromkeys(found))


def choose_recordings(options: argparse.Namespace) -> list[Recording]:
    """By name, then as many as were asked for, spread over all."""
    found = [each for each in load_recordings(options.data) if re.search(options.match, each.name)]
    if not found:
        raise SystemExit(f"no recording in {options.data} has a name that matches {options.match!r}")
    count = min(options.workloads or len(found), 4 if options.quick else len(found), len(found))
    return [found[position * len(found) // count] for position in range(count)]


def compare(recordings: Sequence[Recording], options: argparse.Namespace) -> Comparison:
    entered = contestants(options.strategies, options.cost_models)
    seeds, trials = (2, 32) if options.quick else (options.seeds, options.trials)
    paths = [options.data / file_name(recording.name) for recording in recordings]
    kinds = (False, True) if options.surrogate else (False,)
    jobs = [Job(path, each, seeds, trials, kind) for kind in kinds for each in entered for path in paths]
    started = monotonic()

    def report(ended: int) -> None:
        if ended % 20 == 0 or ended == len(jobs):
            progress(f"{monotonic() - started:5.0f} s: {ended} of {len(jobs)}")

    curves = run_jobs(jobs, options.processes, report)
    grouped = [curves[start : start + len(paths)] for start in range(0, len(jobs), len(paths))]
    return Comparison(
        recordings=recordings,
        curves={each: [found for found in group if found is not None] for each, group in zip(entered, grouped, strict=False)},
        surrogates=dict(zip(entered, grouped[len(entered) :], strict=False)),
        default=next((each for each in entered if each == Contestant(DEFAULT_STRATEGY)), entered[-1]),
        seeds=seeds,
        trials=trials,
    )


def with_transfer(comparison: Comparison, options: argparse.Namespace) -> tuple[Comparison, list[str]]:
    """The default search joins as it is used, with a model of other workloads, which here are those of the other networks; and a table of
    what that brings. Where there are too few networks to learn from, neither."""
    networks = [recording.network for recording in comparison.recordings]
    alone = Contestant(DEFAULT_STRATEGY)
    if len(set(networks)) < LEAST_NETWORKS or not options.transfer or alone not in comparison.curves:
        return comparison, []
    paths = [options.data / file_name(recording.name) for recording in comparison.recordings]
    jobs = transfer_jobs(paths, networks, alone, comparison.seeds, comparison.trials)
    jobs += ceiling_jobs(paths, alone, comparison.seeds, comparison.trials)
    ended: list[TransferRun] = run_jobs(jobs, options.processes, lambda count: progress(f"transfer: {count} of {len(jobs)}"))
    runs, knowing = ended[: len(paths)], ended[len(paths) :]
    informed = replace(alone, informed=True)
    joined = replace(comparison, default=informed, curves={informed: [run.curves for run in runs], **comparison.curves})
    return joined, [transfer_section(comparison.recordings, comparison.curves[alone], runs, knowing, comparison.trials)]


def main() -> None:
    parser = make_parser("benchmarks.search_quality", "Compare searches by replaying recorded spaces.")
    parser.add_argument("--strategies", help=f"strategies or strategy/model, of: {', '.join(STRATEGIES)} (default: all but grid)")
    parser.add_argument("--cost-models", help=f"also the default strategy with these models, of: {', '.join(COST_MODELS)}")
    parser.add_argument("--seeds", type=positive, default=10)
    parser.add_argument("--trials", type=positive, default=128, help="per search (default: 128)")
    parser.add_argument("--workloads", type=positive, help="how many, spread over all (default: all)")
    parser.add_argument("--match", default="", type=regex, metavar="REGEX", help="only those whose name has a match")
    parser.add_argument("--surrogate", action="store_true", help="search the whole spaces too, with times invented by a forest, as a check")
    parser.add_argument("--no-transfer", dest="transfer", action="store_false", help="leave the transfer between networks out")
    parser.add_argument("--processes", type=positive, default=2)
    parser.add_argument("--plots", type=Path, metavar="DIR", help="save pictures there")
    parser.add_argument("--data", type=Path, default=DATA_FOLDER, help="folder of the recordings (default: benchmarks/search_data)")
    options = parser.parse_args()
    try:
        recordings = choose_recordings(options)
    except RecordingError as error:
        raise SystemExit(str(error)) from error
    comparison = compare(recordings, options)
    comparison, transferred = with_transfer(comparison, options)
    sections = [contestants_section(comparison), default_section(recordings), *transferred, workloads_section(comparison)]
    conditions = read_conditions("benchmarks.search_quality")
    recorded_on = {f"{recording.provenance.device} {recording.provenance.compiler}" for recording in recordings}
    conditions = replace(conditions, device=f"{conditions.device}; recorded on {'; '.join(sorted(recorded_on))}")
    if options.plots:
        for path in save_plots(comparison, options.plots):
            progress(f"saved {path}")
    print_report(conditions, sections, json_rows(comparison), options.json)


if __name__ == "__main__":
    main()
