"""What the benchmarks' command lines have in common: --quick, --json, names and numbers in lists, and how the result is printed."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from benchmarks.conditions import Conditions

ItemT = TypeVar("ItemT")


def make_parser(module: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--quick", action="store_true", help="a small part in a minute or two, to see that everything works")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of tables")
    return parser


def positive(text: str) -> int:
    """For argparse: a number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def regex(text: str) -> str:
    """For argparse."""
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error
    return text


def numbers(text: str) -> list[int]:
    """For argparse: "1,2"."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of positive numbers such as 1,2")
    return found


def chosen(text: str | None, known: Mapping[str, ItemT]) -> dict[str, ItemT]:
    """The items named in a list separated by commas, in that order; all of them without one. Leaves the program on an unknown name."""
    if text is None:
        return dict(known)
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"unknown name {unknown[0]!r}; known: {', '.join(known)}")
    return {name: known[name] for name in names}


def progress(text: str) -> None:
    """A line for whoever waits, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def print_report(conditions: Conditions, tables: Iterable[str], rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Tables for people, or one object of `conditions` and `rows`."""
    if as_json:
        print(json.dumps({"conditions": conditions.to_json(), "rows": list(rows)}, indent=2))
        return
    print("\n".join(conditions.lines()))
    for text in tables:
        print(f"\n{text}")
