"""`tilewright run`: a compiled library over the arrays of an .npz file."""

import statistics
import zipfile
from pathlib import Path

import click
import numpy as np

from compiler.errors import InputError
from compiler.runtime import Executable
from tilewright.commands.options import threads_option


@click.command()
@click.argument("library", metavar="FILE.so", type=click.Path(path_type=Path))
@click.option("--inputs", required=True, type=click.Path(path_type=Path), help="An .npz file with one array per input, by name.")
@click.option("--outputs", type=click.Path(path_type=Path), help="The .npz file to write, one array per output, by name.")
@click.option("--print-time", is_flag=True, help="Print the median, minimum and maximum time of 20 runs.")
@threads_option
def run(library: Path, inputs: Path, outputs: Path | None, print_time: bool, threads: int | None) -> None:
    """Run a compiled model once over --inputs."""
    executable = Executable.load(library, threads)
    arrays = _read(inputs)
    results = executable.run(arrays)
    if outputs is not None:
        try:
            np.savez(outputs, **{item.name: array for item, array in zip(executable.outputs, results, strict=True)})  # type: ignore[arg-type]  # names are free
        except OSError as error:
            raise InputError(f"{outputs} cannot be written: {error.strerror}") from None
    else:
        for item, array in zip(executable.outputs, results, strict=True):
            click.echo(f"{item.name}: {item.type}, minimum {array.min():.6g}, maximum {array.max():.6g}, mean {array.mean():.6g}")
    if print_time:
        samples = [secs * 1e3 for secs in executable.time(arrays, repeat=20)]
        median, spread = statistics.median(samples), (min(samples), max(samples))
        click.echo(f"{median:.3f} ms median of {len(samples)} runs, {spread[0]:.3f} to {spread[1]:.3f}, {executable.threads} threads")


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: an .npz file made by numpy.savez(file, name=array) is expected") from None
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError):
        raise InputError(f"{path} is not an .npz file: one made by numpy.savez(file, name=array) is expected") from None
