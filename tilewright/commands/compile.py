"""`tilewright compile`: model and records in, one shared library out."""

from pathlib import Path

import click

from records_db import Database
from tilewright.commands.options import (
    database_option,
    database_url,
    load_model,
    model_argument,
    shape_option,
    target_option,
    threads_option,
)
from tilewright.compiling import compile_


@click.command("compile")
@model_argument
@database_option(required=False)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The shared library to write.")
@target_option
@threads_option
@shape_option
def compile_command(
    model_path: Path, url: str | None, output: Path, target: str, threads: int | None, shapes: tuple[tuple[str, tuple[int, ...]], ...]
) -> None:
    """Compile MODEL into a self-contained shared library with its weights inside.

    Kernels with records in the database use their best schedule, the others their default one; without --db all use the default.
    """
    model = load_model(model_path, shapes)
    if url is None:
        executable = compile_(model, target, None, threads)
    else:
        with Database(database_url(url), create=False) as database:
            executable = compile_(model, target, database, threads)
    executable.save(output)
    tuned = sum(kernel.expected_secs is not None for kernel in executable.kernels)
    size = output.stat().st_size / 1e6
    click.echo(f"{output}: {size:.1f} MB, {len(executable.kernels)} kernels, {tuned} from records, {len(executable.kernels) - tuned} by default")
