"""`tilewright compile`: model and records in, one shared library out, or a folder for C programs."""

import shlex
from pathlib import Path

import click

from compiler.runtime import StandaloneSizes
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
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The shared library to write.")
@click.option(
    "--standalone",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder to write: a static library, its weights in a file, a C program that runs it, and a Makefile.",
)
@target_option
@threads_option
@max_rel_error_option
@shape_option
def compile_command(
    model_path: Path,
    url: str | None,
    output: Path | None,
    standalone: Path | None,
    target: str,
    threads: int | None,
    max_rel_error: float,
    shapes: Shapes,
) -> None:
    """Compile MODEL into a self-contained shared library with its weights inside (-o), or into a folder for C programs (--standalone).

    Kernels with records in the database use their best schedule, the others their default one; without --db all use the default.
    """
    if output is None and standalone is None:
        raise click.UsageError("nothing to write: give -o FILE.so, --standalone DIR, or both")
    model = load_model(model_path, shapes)
    with open_existing(url) as database:
        executable = compile_model(model, target, database, threads, max_rel_error, short_code=standalone is not None)
    tuned = sum(kernel.expected_secs is not None for kernel in executable.kernels)
    kernels = f"{len(executable.kernels)} kernel calls, {tuned} from records, {len(executable.kernels) - tuned} by default"
    about = f"{executable.threads} thread{'s' if executable.threads != 1 else ''}, {kernels}"
    if output is not None:
        executable.save(output)
        click.echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB, {about}")
    if standalone is not None:
        print_sizes(executable.save_standalone(standalone), standalone, about)


def print_sizes(sizes: StandaloneSizes, folder: Path, about: str) -> None:
    """What each part takes, in bytes of code and constants, and how the program is built."""
    click.echo(f"{folder}: {about}")
    parts = (("kernels", sizes.kernels), ("calls between them", sizes.entry), ("runtime", sizes.runtime), ("program", sizes.program))
    for name, size in (*parts, ("code and constants", sizes.total), ("stripped program", sizes.stripped_file)):
        click.echo(f"  {name:<20} {size:>9,} bytes")
    click.echo(f"  {'weights.bin':<20} {sizes.weights_file:>9,} bytes")
    click.echo(f"build and run it: make -C {shlex.quote(str(folder))} && cd {shlex.quote(str(folder))} && ./model -n 10")
