"""The shape of the sources: short files, no blanket ignores, no vague module names, every package typed."""

import re
import subprocess
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("tilewright", "tuner", "records_db", "measure", "schedule_space", "compiler", "fleet")
FOLDERS = (*PACKAGES, "benchmarks", "examples", "notebooks", "tests")
SOURCES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
NATIVE = sorted(file for suffix in ("*.c", "*.h") for file in (ROOT / "compiler").rglob(suffix))
MOST_LINES = 800
MEDIAN_LINES = 150
BLANKET_IGNORE = re.compile(r"#\s*(?:type:\s*ignore(?!\[)|noqa(?!:\s*[A-Z])|ruff:\s*noqa(?!:)|mypy:\s*ignore-errors)|fmt:\s*off")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_no_file_is_too_long() -> None:
    long = {str(file.relative_to(ROOT)): count for file in SOURCES + NATIVE if (count := len(lines_of(file))) > MOST_LINES}
    assert not long


def test_half_of_the_files_are_short() -> None:
    lengths = [len(lines_of(file)) for file in SOURCES if PACKAGES.count(file.relative_to(ROOT).parts[0]) and file.name != "__init__.py"]
    assert median(lengths) <= MEDIAN_LINES


@pytest.mark.parametrize("pattern", [BLANKET_IGNORE, UNFINISHED], ids=["blanket ignore", "unfinished"])
def test_no_line_holds(pattern: re.Pattern[str]) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in SOURCES + NATIVE
        if file != Path(__file__)
        for number, line in enumerate(lines_of(file), 1)
        if pattern.search(line)
    ]
    assert not found


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "misc.py"}
    assert not [str(file.relative_to(ROOT)) for file in SOURCES if file.name in vague]


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(file.relative_to(ROOT)) for file in SOURCES if lines_of(file) and not lines_of(file)[0].startswith(('"""', 'r"""', "# %%"))
    ]
    assert not silent


def test_every_package_is_typed() -> None:
    assert not [package for package in PACKAGES if not (ROOT / package / "py.typed").is_file()]


def test_no_built_file_is_tracked() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert not [name for name in tracked if name.endswith((".so", ".o", ".db", ".onnx", ".npz", ".pyc"))]
