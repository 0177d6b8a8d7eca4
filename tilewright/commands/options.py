"""Options that several commands share, and how their texts are read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tilewright.model import Model, load

Decorated = Callable[..., Any]


class ShapeOption(click.ParamType):
    """`name=1,3,224,224`."""

    name = "NAME=SIZES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, tuple[int, ...]]:
        if isinstance(value, tuple):
            return value
        name, equals, sizes = str(value).rpartition("=")
        try:
            shape = tuple(int(size) for size in sizes.split(",")) if sizes else ()
        except ValueError:
            shape = (0,)
        if not equals or not name or any(size < 1 for size in shape):
            self.fail(f"{value!r} is not of the form name=1,3,224,224", param, ctx)
        return name, shape


def model_argument(function: Decorated) -> Decorated:
    return click.argument("model_path", metavar="MODEL", type=click.Path(path_type=Path))(function)


def shape_option(function: Decorated) -> Decorated:
    text = "Shape of an input whose file leaves dimensions open; may be given several times."
    return click.option("--shape", "shapes", type=ShapeOption(), multiple=True, help=text)(function)


def target_option(function: Decorated) -> Decorated:
    text = "What to generate code for: a preset (host, pi3b, x86-64-v3, ...) or 'llvm -mcpu=... -mtriple=...'."
    return click.option("--target", default="host", show_default=True, help=text)(function)


def threads_option(function: Decorated) -> Decorated:
    text = "Threads that run the model; all cores of the target by default."
    return click.option("--threads", type=click.IntRange(min=1), help=text)(function)


def database_option(*, required: bool) -> Callable[[Decorated], Decorated]:
    text = "Database of records: sqlite:///FILE, a file name, or another SQLAlchemy URL."
    return click.option("--db", "url", required=required, metavar="URL", help=text)


def database_url(url: str) -> str:
    """A URL as it is; a plain file name as SQLite."""
    return url if "://" in url else f"sqlite:///{url}"


def load_model(path: Path, shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> Model:
    return load(path, dict(shapes))
