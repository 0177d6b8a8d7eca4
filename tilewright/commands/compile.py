"""`tilewright compile`: model and records in, one shared library out."""

from pathlib import Path

import click

from tilewright.commands.options import (
    Shapes,
    database_option,
    load_model,
    max_rel_error_option,
    model_argument,
    open_existing,
    shape_option,
    target_option,
    threads_option,
)
from tilewright.compile_model import compile_model


@click.command("compile")
@model_argument
@database_option()
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The shared library to write.")
@target_option
@threads_option
@max_rel_error_option
@shape_option
def compile_command(
    model_path: Path, url: str | None, output: Path, target: str, threads: int | None, max_rel_error: float, shapes: Shapes
) -> None:
    """Compile MODEL into a self-contained shared library with its weights inside.

    Kernels with records in the database use their best schedule, the others their default one; without --db all use the default.
    """
    model = load_model(model_path, shapes)
    with open_existing(url) as database:
        executable = compile_model(model, target, database, threads, max_rel_error)
    executable.save(output)
    tuned = sum(kernel.expected_secs is not None for kernel in executable.kernels)
    kernels = f"{len(executable.kernels)} kernel calls, {tuned} from records, {len(executable.kernels) - tuned} by default"
    click.echo(
        f"{output}: {output.stat().st_size / 1e6:.1f} MB, {executable.threads} thread{'s' if executable.threads != 1 else ''}, {kernels}"
    )
