"""`tilewright run`: a compiled library over the arrays of an .npz file."""

import statistics
from pathlib import Path

import click

from compiler.runtime import Executable
from tilewright.array_files import read_arrays, write_arrays
from tilewright.commands.options import threads_option

TIMED_RUNS = 20


@click.command()
@click.argument("library", metavar="FILE.so", type=click.Path(path_type=Path))
@click.option("--inputs", required=True, type=click.Path(path_type=Path), help="An .npz file with one array per input, by name.")
@click.option("--outputs", type=click.Path(path_type=Path), help="The .npz file to write, one array per output, by name.")
@click.option("--print-time", is_flag=True, help=f"Print the median, minimum and maximum time of {TIMED_RUNS} runs.")
@threads_option
def run(library: Path, inputs: Path, outputs: Path | None, print_time: bool, threads: int | None) -> None:
    """Run a compiled model once over --inputs."""
    executable = Executable.load(library, threads)
    arrays = read_arrays(inputs)
    results = {item.name: array for item, array in zip(executable.outputs, executable.run(arrays), strict=True)}
    if outputs is not None:
        write_arrays(outputs, results)
    else:
        for item in executable.outputs:
            array = results[item.name]
            about = f"minimum {array.min():.6g}, maximum {array.max():.6g}, mean {array.mean():.6g}" if array.size else "empty"
            click.echo(f"{item.name}: {item.type}, {about}")
    if print_time:
        samples = [secs * 1e3 for secs in executable.time(arrays, repeat=TIMED_RUNS)]
        spread = f"{min(samples):.4g} to {max(samples):.4g}"
        threads_text = f"{executable.threads} thread{'s' if executable.threads != 1 else ''}"
        click.echo(f"{statistics.median(samples):.4g} ms, the median of {len(samples)} runs ({spread}), {threads_text}")
