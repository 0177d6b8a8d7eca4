"""`tilewright bench`: this model, here, under Tilewright and other libraries, side by side; or where its time goes, kernel by kernel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from compiler.runtime import Executable
from compiler.target import Target
from compiler.tensor_type import TensorType
from measure import describe_host
from tilewright.array_files import read_arrays
from tilewright.commands.options import (
    Shapes,
    database_option,
    format_option,
    load_model,
    model_argument,
    open_existing,
    parse_counts,
    shape_option,
)
from tilewright.commands.print_rows import print_json, print_rows
from tilewright.commands.profile_rows import SORTS, ProfileView, print_profile, profile_json
from tilewright.compare_libraries import Comparison, CompiledModel, compare, prepare_peers, random_inputs
from tilewright.compile_model import compile_model
from tilewright.peers import PEERS, Arrays, Prepared
from tilewright.profile_model import profile_model

COMPILED_SUFFIX = ".so"
COLUMNS = ("library", "version", "median_ms", "minimum_ms", "spread", "ratio", "difference")
TUNED, UNTUNED, LIBRARY = "tilewright tuned", "tilewright untuned", "tilewright"


@dataclass(frozen=True, slots=True)
class Report:
    """versions: of the peers. left_out: peers that are not in the tables, and why. notes: on our own rows."""

    name: str
    comparisons: list[Comparison] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parse_against(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise click.BadParameter(f"unknown library {unknown[0]!r}; known: {', '.join(PEERS)}")
    return names


def parse_threads(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    counts = None if text is None else parse_counts(text)
    if counts == ():
        raise click.BadParameter(f"{text!r} is not a list of positive numbers such as 1,2")
    return counts


@click.command()
@model_argument
@click.option("--against", metavar="NAMES", callback=parse_against, help=f"Libraries, of {','.join(PEERS)}; all by default.")
@click.option("--threads", metavar="NUMBERS", callback=parse_threads, help="As in 1,2; all cores by default.")
@database_option()
@click.option("--inputs", type=click.Path(path_type=Path), help="An .npz file with one array per input; random numbers by default.")
@shape_option
@click.option("--profile", is_flag=True, help="Show how long each kernel takes within the model, instead of other libraries.")
@click.option("--sort", type=click.Choice(SORTS), help="Of a profile: by order of execution (the default) or the longest first.")
@click.option("--top", type=click.IntRange(min=1), help="Of a profile: how many kernels to list.")
@format_option
def bench(
    model_path: Path,
    against: tuple[str, ...] | None,
    threads: tuple[int, ...] | None,
    url: str | None,
    inputs: Path | None,
    shapes: Shapes,
    profile: bool,
    sort: str | None,
    top: int | None,
    form: str,
) -> None:
    """Time MODEL (or FILE.so, from `tilewright compile`) beside other libraries, interleaved.

    With --db it is timed on the schedules of the database and on default ones, without it on default ones.
    With --profile: what each kernel takes, on the schedules of the database where there are any, and what the machine could do at best.
    """
    if not profile and (sort or top):
        raise click.UsageError("--sort and --top arrange a profile: add --profile")
    if profile and against is not None:
        raise click.UsageError("--profile looks at this model alone: leave --against out")
    if model_path.suffix == COMPILED_SUFFIX and (against or url or shapes):
        raise click.UsageError(f"{model_path} is compiled already: --against, --db and --shape need the model file itself")
    if profile:
        executables = _executables(model_path, threads, url, shapes)
        _print_profiles(executables, inputs, ProfileView(sort or SORTS[0], top), form)
        return
    if model_path.suffix != COMPILED_SUFFIX:
        counts = threads or (Target.parse("host").cores,)
        report = _bench_model(model_path, against if against is not None else tuple(PEERS), counts, url, inputs, shapes)
    else:
        report = _bench_library(model_path, threads, inputs)
    _print(report, form)


def _bench_model(path: Path, against: Sequence[str], counts: Sequence[int], url: str | None, inputs: Path | None, shapes: Shapes) -> Report:
    model = load_model(path, shapes)
    arrays = _arrays(inputs, model.inputs)
    report = Report(model.name)
    for threads in counts:
        ours: dict[str, Prepared] = {}
        with open_existing(url) as database:
            if database is not None:
                executable = compile_model(model, "host", database, threads)
                known = sum(kernel.expected_secs is not None for kernel in executable.kernels)
                report.notes.append(f"{TUNED}, {_threads(threads)}: {known} of {len(executable.kernels)} kernel calls have records")
                ours[TUNED] = CompiledModel(executable)
        ours[UNTUNED] = CompiledModel(compile_model(model, "host", None, threads))
        peers, versions, left_out = prepare_peers(path, model.inputs, against, threads)
        report.versions.update(versions)
        report.left_out.update(left_out)
        report.comparisons.append(compare({**ours, **peers}, arrays, threads, next(iter(peers), UNTUNED)))
    return report


def _bench_library(path: Path, counts: Sequence[int] | None, inputs: Path | None) -> Report:
    report = Report(path.name)
    for threads in counts or (None,):
        executable = Executable.load(path, threads)
        arrays = _arrays(inputs, {item.name: item.type for item in executable.inputs})
        report.comparisons.append(compare({LIBRARY: CompiledModel(executable)}, arrays, executable.threads, LIBRARY))
    return report


def _executables(path: Path, counts: Sequence[int] | None, url: str | None, shapes: Shapes) -> list[Executable]:
    """One per number of threads."""
    if path.suffix == COMPILED_SUFFIX:
        return [Executable.load(path, threads) for threads in counts or (None,)]
    model = load_model(path, shapes)
    with open_existing(url) as database:
        return [compile_model(model, "host", database, threads) for threads in counts or (None,)]


def _print_profiles(executables: Sequence[Executable], inputs: Path | None, view: ProfileView, form: str) -> None:
    name, device, target = executables[0].info.name, str(describe_host()), executables[0].info.target
    reports = []
    for executable in executables:
        profile = profile_model(executable, _arrays(inputs, {item.name: item.type for item in executable.inputs}))
        if form == "json":
            reports.append(profile_json(profile, view))
        else:
            print_profile(f"{name}, {_threads(executable.threads)}, on {device}", profile, view)
    if form == "json":
        print_json({"model": name, "device": device, "target": target, "profiles": reports})


def _arrays(inputs: Path | None, types: Mapping[str, TensorType]) -> Arrays:
    return random_inputs(types) if inputs is None else read_arrays(inputs)


def _print(report: Report, form: str) -> None:
    device, rows = str(describe_host()), [_rows(comparison, report.versions) for comparison in report.comparisons]
    if form == "json":
        facts = {"model": report.name, "device": device, "target": str(Target.parse("host"))}
        print_json({**facts, "rows": [row for table in rows for row in table], "left_out": report.left_out, "notes": report.notes})
        return
    click.echo(f"{report.name} on {device}")
    for comparison, table in zip(report.comparisons, rows, strict=True):
        title = f"{_threads(comparison.threads)}; difference from {comparison.reference}"
        print_rows(title, [_for_people(row) for row in table], COLUMNS)
    for line in (*report.notes, *(f"left out: {reason}" for reason in report.left_out.values())):
        click.echo(line)
    click.echo("ratio: median time over that of the first row; above 1 means slower than it")


def _rows(comparison: Comparison, versions: Mapping[str, str]) -> list[dict[str, Any]]:
    ours = next(iter(comparison.timings.values()))
    return [
        {
            "threads": comparison.threads,
            "library": name,
            "version": versions.get(name),
            "median_ms": timing.median * 1e3,
            "minimum_ms": timing.minimum * 1e3,
            "spread": timing.spread,
            "ratio": timing.median / ours.median,
            "difference": comparison.errors[name],
        }
        for name, timing in comparison.timings.items()
    ]


def _for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "spread": f"{row['spread']:.0%}", "ratio": f"{row['ratio']:.2f}x", "difference": f"{row['difference']:.0e}"}


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count != 1 else ''}"
