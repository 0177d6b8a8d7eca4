"""Options that several commands share, and how their texts are read."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import inf
from pathlib import Path
from typing import Any

import click

from records_db import Database
from tilewright.model import Model, load

Decorated = Callable[..., Any]
Shapes = tuple[tuple[str, tuple[int, ...]], ...]


def parse_shapes(_ctx: click.Context, _option: click.Parameter, texts: Sequence[str]) -> Shapes:
    """Each `name=1,3,224,224`; a name may contain `=`."""
    shapes = []
    for text in texts:
        name, equals, sizes = text.rpartition("=")
        extents = parse_counts(sizes)
        if not equals or not name or not extents:
            raise click.BadParameter(f"{text!r} is not of the form name=1,3,224,224")
        shapes.append((name, extents))
    return tuple(shapes)


def parse_counts(text: str) -> tuple[int, ...]:
    """`1,2`; empty where that is not a list of positive numbers.

    >>> parse_counts("1,2"), parse_counts("1,x"), parse_counts("0")
    ((1, 2), (), ())
    """
    parts = text.split(",")
    return tuple(int(part) for part in parts) if all(part.strip().isdecimal() and int(part) > 0 for part in parts) else ()


def model_argument(function: Decorated) -> Decorated:
    return click.argument("model_path", metavar="MODEL", type=click.Path(path_type=Path))(function)


def shape_option(function: Decorated) -> Decorated:
    text = "Shape of an input whose file leaves dimensions open; may be given several times."
    return click.option("--shape", "shapes", metavar="NAME=SIZES", callback=parse_shapes, multiple=True, help=text)(function)


def target_option(function: Decorated) -> Decorated:
    text = "What to generate code for: a preset (host, pi3b, x86-64-v3, ...) or 'llvm -mcpu=... -mtriple=...'."
    return click.option("--target", default="host", show_default=True, help=text)(function)


def threads_option(function: Decorated) -> Decorated:
    text = "Threads that run the model; all cores of the target by default."
    return click.option("--threads", type=click.IntRange(min=1), help=text)(function)


def max_rel_error_option(function: Decorated) -> Decorated:
    text = (
        "Leave out algorithms (Winograd's, weights of fewer bytes) whose error exceeds this share of a kernel's largest output; "
        "about 1e-6 leaves direct ones with whole weights only."
    )
    return click.option("--max-rel-error", type=click.FloatRange(min=0.0), default=inf, metavar="SHARE", help=text)(function)


def format_option(function: Decorated) -> Decorated:
    choice = click.Choice(["table", "json"])
    return click.option("-f", "--format", "form", type=choice, default="table", show_default=True, help="How to print.")(function)


def tracker_option(*, required: bool) -> Callable[[Decorated], Decorated]:
    return click.option("--tracker", required=required, metavar="HOST:PORT", help="The tracker of a fleet.")


def tls_option(function: Decorated) -> Decorated:
    text = "For the tracker: a bundle made by `tilewright farm issue --role client`."
    return click.option("--tls", "bundle", type=click.Path(path_type=Path), metavar="FILE", help=text)(function)


def insecure_option(function: Decorated) -> Decorated:
    return click.option("--insecure", is_flag=True, help="Talk to a tracker on another machine without TLS.")(function)


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
