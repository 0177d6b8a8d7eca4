"""Options that the benchmarks share, and their reports."""

import argparse
import json

import pytest

from benchmarks.command_line import chosen, make_parser, numbers, positive, print_report, regex
from benchmarks.conditions import read_conditions


def test_numbers() -> None:
    assert numbers("1,2") == [1, 2]
    for text in ("", "1,", "0", "two"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a list of positive numbers such as 1,2"):
            numbers(text)


def test_a_positive_number() -> None:
    assert positive("12") == 12
    for text in ("", "0", "-1", "1.5", "two"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a number from 1 on"):
            positive(text)


def test_a_regular_expression() -> None:
    assert regex("resnet|bert") == "resnet|bert"
    with pytest.raises(argparse.ArgumentTypeError, match="'res\\(' is no regular expression: missing"):
        regex("res(")


def test_chosen_names_keep_their_order() -> None:
    known = {"a": 1, "b": 2, "c": 3}
    assert chosen(None, known) == known
    assert list(chosen("c, a", known)) == ["c", "a"]
    with pytest.raises(SystemExit, match="unknown name 'd'; known: a, b, c"):
        chosen("a,d", known)


def test_every_benchmark_has_quick_and_json() -> None:
    options = make_parser("benchmarks.models", "text").parse_args(["--quick", "--json"])
    assert options.quick
    assert options.json


def test_json_reports_are_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    conditions = read_conditions("benchmarks.models")
    print_report(conditions, ["| table |"], [{"network": "resnet18"}], as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert report["rows"] == [{"network": "resnet18"}]
    assert report["conditions"]["device"] == conditions.device
    print_report(conditions, ["| table |"], [], as_json=False)
    assert capsys.readouterr().out.endswith("\n| table |\n")
