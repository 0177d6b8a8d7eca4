"""Record what `benchmarks.search_quality` replays: `python -m benchmarks.record_search_data`.

Each workload becomes a file in `benchmarks/search_data`. A file that is there already is left alone, so a run that was stopped goes on
where it stopped; `--again` makes them anew. A thousand candidates of 53 workloads take about an hour. Give the machine nothing else to do.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from benchmarks.command_line import make_parser, positive, progress, regex
from benchmarks.search_quality import (
    DATA_FOLDER,
    LabWorkload,
    Provenance,
    Recording,
    RecordOptions,
    WorkloadRecorder,
    file_name,
    lab_workloads,
)
from compiler.target import Target
from measure import Builder, BuilderOptions, LocalRunner, RunnerOptions
from records_db import describe_compiler
from schedule_space import space_for
from tuner import STRATEGIES

QUICK_TRIALS = 40
SEARCHES = ",".join(RecordOptions().searches)


def record(lab_workload: LabWorkload, target: Target, options: RecordOptions, footprint_bytes: int) -> Recording:
    """One workload, in processes of its own."""
    space = space_for(lab_workload.workload, target, target.cores)
    running = RunnerOptions(threads=target.cores, footprint_bytes=footprint_bytes)
    started = monotonic()

    def report(doing: str, trials: int) -> None:
        progress(f"  {monotonic() - started:5.0f} s, {trials:4} trials: {doing}")

    with LocalRunner(running) as runner, Builder(BuilderOptions(workers=runner.device.cores)) as builder:
        compiler = describe_compiler()
        provenance = Provenance(
            recorded=datetime.now(UTC).date().isoformat(),
            device=runner.device,
            compiler=f"{compiler.version} {compiler.git} LLVM {compiler.llvm}",
            seed=options.seed,
            footprint_bytes=footprint_bytes,
        )
        recording = WorkloadRecorder(lab_workload, space, builder, runner, options, report).record(provenance)
    progress(
        f"  {monotonic() - started:5.0f} s, {len(recording):4} trials: best {recording.best_secs * 1e6:.1f} us,"
        f" default {recording.default_secs / recording.best_secs:.2f} times that"
    )
    return recording


def main() -> None:
    parser = make_parser("benchmarks.record_search_data", "Measure much of 53 spaces, for searches to be replayed on.")
    parser.add_argument("--out", type=Path, default=DATA_FOLDER, help="folder of the files (default: benchmarks/search_data)")
    parser.add_argument("--workloads", default="", type=regex, metavar="REGEX", help="only those whose name has a match")
    parser.add_argument("--trials", type=positive, default=RecordOptions().trials, help="per workload (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--searches", default=SEARCHES, help=f"strategies to search with, of: {', '.join(STRATEGIES)} (default: {SEARCHES})"
    )
    parser.add_argument("--footprint-mib", type=int, default=0, help="weights that calls take turns with; 0 keeps them in the caches")
    parser.add_argument("--again", action="store_true", help="make files anew that are there already")
    options = parser.parse_args()
    searches = tuple(options.searches.split(","))
    unknown = [name for name in searches if name not in STRATEGIES]
    if unknown:
        raise SystemExit(f"unknown strategy {unknown[0]!r}; known: {', '.join(STRATEGIES)}")
    target = replace(Target.parse("host"), cores=1)
    wanted = [each for each in lab_workloads(target) if re.search(options.workloads, each.name)]
    if not wanted:
        raise SystemExit(f"no workload's name matches {options.workloads!r}; they are called like {next(lab_workloads(target)).name!r}")
    trials = min(options.trials, QUICK_TRIALS) if options.quick else options.trials
    recording = RecordOptions(trials=trials, seed=options.seed, searches=searches)
    for position, lab_workload in enumerate(wanted, 1):
        path = options.out / file_name(lab_workload.name)
        if path.exists() and not options.again:
            progress(f"[{position}/{len(wanted)}] {lab_workload.name}: there already")
            continue
        progress(f"[{position}/{len(wanted)}] {lab_workload.name}")
        written = record(lab_workload, target, recording, options.footprint_mib << 20).save(options.out)
        progress(f"  {written} {written.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
