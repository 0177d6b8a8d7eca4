"""`records import` and `records export` as people type them."""

import json
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.runtime import child_environment
from tests.tilewright.conftest import Command

DATA = Path(__file__).parents[1] / "records_db" / "data" / "tophub"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "llvm_v0.04.log"
    file.write_bytes(lzma.decompress((DATA / "llvm_v0.04.log.xz").read_bytes()))
    return file


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}"


def test_a_log_is_imported_once_and_shown(command: Command, log: Path, url: str) -> None:
    assert command("records", "import", log, "--db", url).out == f"{log}: 35 records (autotvm): 35 added, 0 were there already\n"
    assert command("records", "import", log, "--db", url).out == f"{log}: 35 records (autotvm): 0 added, 35 were there already\n"
    stats = json.loads(command("records", "stats", "--db", url, "-f", "json").out)
    assert (stats["records"], stats["imported"], stats["imported_by_format"]) == (35, 35, {"autotvm": 35})
    assert command("records", "best", "--db", url, "-f", "json").out == "[]\n"
    best = json.loads(command("records", "best", "--imported", "--db", url, "-f", "json").out)
    assert {row["device"] for row in best} == {"imported: llvm -mcpu=skylake-avx512"}
    assert [row["ms"] for row in best] == sorted((row["ms"] for row in best), reverse=True)
    listed = command("records", "list", "--limit", 1, "--db", url).out
    assert "imported, autotvm" in listed
    assert "conv2d (1,512,14,14)(512,512,3,3) -> (1,512,14,14)" in listed


def test_a_log_comes_out_as_it_went_in(command: Command, log: Path, url: str, tmp_path: Path) -> None:
    command("records", "import", log, "--db", url)
    out = tmp_path / "out.log"
    done = command("records", "export", "--db", url, "--format", "autotvm", "-o", out)
    assert (done.code, done.out, done.err) == (0, "", "tilewright: exported 35 records\n")
    wanted = [line for line in log.read_text().splitlines() if not line.startswith("#")]
    assert out.read_text().splitlines() == wanted
    assert command("records", "export", "--db", url, "--format", "autotvm").out.splitlines() == wanted


def test_what_has_no_equivalent_is_counted(command: Command, tuned_url: str) -> None:
    records = json.loads(command("records", "stats", "--db", tuned_url, "-f", "json").out)["records"]
    done = command("records", "export", "--db", tuned_url, "--format", "autotvm")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "tilewright: exported 0 records",
        f"tilewright: left out: {records} records have no equivalent in autotvm: their schedules are not points of its templates' spaces; "
        "--format jsonl keeps them",
    ]


def test_a_tuned_database_moves_with_all_that_compilation_needs(command: Command, tuned_url: str, url: str, tmp_path: Path) -> None:
    file = tmp_path / "tuned.jsonl"
    command("records", "export", "--db", tuned_url, "-o", file)
    assert command("records", "import", file, "--db", url).out.endswith(" added, 0 were there already\n")
    best, moved = (json.loads(command("records", "best", "--db", each, "-f", "json").out) for each in (tuned_url, url))
    assert [{**row, "id": 0, "session": 0} for row in moved] == [{**row, "id": 0, "session": 0} for row in best]
    assert list(tmp_path.glob("*.part")) == []


def test_bad_lines(command: Command, log: Path, url: str) -> None:
    log.write_text('{"input": 1}\n' + log.read_text())
    assert "is of no format that can be imported (jsonl, autotvm)" in command("records", "import", log, "--db", url).complaint
    complaint = command("records", "import", log, "--db", url, "--format", "autotvm").complaint
    assert f"{log}, line 1 " in complaint
    assert "nothing was imported; --skip-bad-lines leaves such lines out" in complaint
    done = command("records", "import", log, "--db", url, "--format", "autotvm", "--skip-bad-lines")
    assert (done.code, done.out) == (0, f"{log}: 35 records (autotvm): 35 added, 0 were there already\n")
    assert done.err.startswith(f"tilewright: left out: {log}, line 1 ")


def test_places_that_are_not_there(command: Command, tuned_url: str, url: str, log: Path, tmp_path: Path) -> None:
    assert "no/out.jsonl" in command("records", "export", "--db", tuned_url, "-o", tmp_path / "no" / "out.jsonl").complaint
    assert "there is no such file" in command("records", "export", "--db", url).complaint
    assert "does not exist" in command("records", "import", tmp_path / "no.log", "--db", url).complaint
    assert "there is no folder" in command("records", "import", log, "--db", f"sqlite:///{tmp_path}/no/x.db").complaint


def test_a_reader_that_goes_away_ends_an_export(tuned_url: str) -> None:
    words = [sys.executable, "-m", "tilewright", "records", "export", "--db", tuned_url]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=child_environment([str(ROOT), *sys.path])
    ) as export:
        assert export.stdout is not None
        assert export.stderr is not None
        export.stdout.close()
        assert "Traceback" not in export.stderr.read()
