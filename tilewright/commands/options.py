"""Options that several commands share, and how their texts are read."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from records_db import Database
from tilewright.model import Model, load

Decorated = Callable[..., Any]
Shapes = tuple[tuple[str, tuple[int, ...]], ...]


class ShapeOption(click.ParamType):
    """`name=1,3,224,224`."""

    name = "NAME=SIZES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, tuple[int, ...]]:
        name, equals, sizes = str(value).rpartition("=")
        try:
            shape = tuple(int(size) for size in sizes.split(",")) if sizes else ()
        except ValueError:
            shape = (0,)
        if not equals or not name or any(size < 1 for size in shape):
            self.fail(f"{value!r} is not of the form name=1,3,224,224", param, ctx)
        return name, shape


class NamesOption(click.ParamType):
    """`a,b,c`, each of them known, in the order given and without repeats."""

    name = "NAMES"

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in str(value).split(",") if name.strip()))
        for name in names:
            if name not in self.known:
                self.fail(f"unknown name {name!r}; known: {', '.join(self.known)}", param, ctx)
        return names


class CountsOption(click.ParamType):
    """`1,2`: positive numbers."""

    name = "NUMBERS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        counts = tuple(int(part) if part.strip().isdecimal() else 0 for part in str(value).split(","))
        if min(counts) < 1:
            self.fail(f"{value!r} is not a list of positive numbers such as 1,2", param, ctx)
        return tuple(dict.fromkeys(counts))


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


def format_option(function: Decorated) -> Decorated:
    choice = click.Choice(["table", "json"])
    return click.option("-f", "--format", "form", type=choice, default="table", show_default=True, help="How to print.")(function)


def database_option(*, default: str | None = None, required: bool = False) -> Callable[[Decorated], Decorated]:
    text = "Database of records: sqlite:///FILE, a file name, or postgresql://USER@HOST/NAME."
    return click.option("--db", "url", default=default, show_default=True, required=required, metavar="URL", help=text)


def database_url(text: str) -> str:
    """A URL as it is; a plain file name as SQLite.

    >>> database_url("tuned.db"), database_url("sqlite:///tuned.db")
    ('sqlite:///tuned.db', 'sqlite:///tuned.db')
    """
    return text if "://" in text else f"sqlite:///{text}"


def open_existing(url: str | None) -> AbstractContextManager[Database | None]:
    """A database that must be there already; no URL, no database."""
    return nullcontext() if url is None else Database(database_url(url), create=False)


def load_model(path: Path, shapes: Shapes) -> Model:
    return load(path, dict(shapes))
