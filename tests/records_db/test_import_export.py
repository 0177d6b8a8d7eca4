"""Records in and out of a database: other tools' logs as they were, and everything of our own."""

import json
import lzma
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from measure import Measurement, MeasureStatus, Verification
from records_db import Database, DatabaseError, Record, SessionStatus, Source, TuneSession, plain_form

TOPHUB = Path(__file__).parent / "data" / "tophub"
LOGS = ("arm_cpu_v0.08", "llvm_v0.04")
LINE = (
    '{"input": ["llvm -model=x", "conv2d_nchw_spatial_pack.arm_cpu", [["TENSOR", [1, 3, 8, 8], "float32"],'
    ' ["TENSOR", [4, 3, 3, 3], "float32"], [1, 1], [1, 1, 1, 1], [1, 1], "float32"], {}],'
    ' "config": {"index": 7, "code_hash": null, "entity": [["tile_co", "sp", [1, %d]]]},'
    ' "result": [[%s], %d, 1.5, 1535933156.9], "version": 0.2, "tvm_version": "0.7.dev0"}'
)


@pytest.fixture(scope="session")
def tophub(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("tophub")
    files = [folder / f"{name}.log" for name in LOGS]
    for file in files:
        file.write_bytes(lzma.decompress((TOPHUB / f"{file.name}.xz").read_bytes()))
    return files


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_lines(*lines: str, name: str = "some.log") -> Path:
        file = tmp_path / name
        file.write_text("\n".join(lines) + "\n")
        return file

    return write_lines


def data_lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]


def content(lines: list[str]) -> Counter[str]:
    """What an export says, without its ids: each record with all that it refers to; each session."""
    told: dict[tuple[str, int], Any] = {}
    found: Counter[str] = Counter()
    for line in lines:
        ((kind, data), *rest) = json.loads(line).items()
        if kind == "record":
            of = {name: told[(name, data[name])] for name in ("workload", "target", "device", "session")}
            found[json.dumps({**data, **of}, sort_keys=True)] += 1
        elif not rest:
            number = data.pop("id")
            told[(kind, number)] = data
            if kind == "session":
                found[json.dumps(data, sort_keys=True)] += 1
    return found


def test_every_line_of_the_real_logs_is_kept_once(database: Database, tophub: list[Path]) -> None:
    for added in (True, False):
        for file, count in zip(tophub, (1164, 35), strict=True):
            done = database.import_log(file)
            assert (done.format, done.records, done.added, done.bad) == ("autotvm", count, count if added else 0, ())
    statistics = database.statistics()
    assert (statistics.records, statistics.imported, statistics.foreign) == (1199, 1199, {"autotvm": 1199})
    assert statistics.by_status == {MeasureStatus.OK: 1199}
    assert [(each.status, each.trials, each.session.tuner) for each in database.sessions()] == [
        (SessionStatus.FINISHED, 1164, "import autotvm"),
        (SessionStatus.FINISHED, 35, "import autotvm"),
    ]
    wanted = [json.loads(line) for file in tophub for line in data_lines(file)]
    assert [json.loads(line) for line in database.export_log("autotvm")] == wanted
    assert len(database.foreign_records()) == 1199
    assert database.records() == []


def test_an_imported_time_meets_no_measured_one(database: Database, tophub: list[Path]) -> None:
    database.import_log(tophub[1])
    record = database.foreign_records(limit=1)[0]
    assert record.workload is not None
    assert plain_form(record.workload) == record.workload
    assert database.foreign_records(record.workload)[-1] == record
    for imported in (False, True):
        assert database.best_record(record.workload, record.target, record.device, imported=imported) is None
    assert database.tried_keys(record.workload, record.target, record.device) == set()
    assert database.leaders() == []
    fastest = {each.key for each in database.foreign_leaders()}
    assert len(fastest) == len({(str(each.workload), each.target) for each in database.foreign_records()})


def test_failures_and_repeated_lines(database: Database, write: Callable[..., Path]) -> None:
    good, failed, other = LINE % (4, "0.001", 0), LINE % (2, "1e9", 7), LINE % (8, "0.002, 0.003", 0)
    done = database.import_log(write("# a comment", good, "", failed, good, other))
    assert (done.records, done.added) == (4, 3)
    assert database.status_counts() == {MeasureStatus.OK: 2, MeasureStatus.RUN_TIMEOUT: 1}
    found = database.foreign_records()
    assert [(each.line, each.decisions["tile_co"][1]) for each in found] == [(2, 4), (4, 2), (6, 8)]
    assert found[1].measurement.error == "AutoTVM's error 7: the program ran too long"
    (leader,) = database.foreign_leaders()
    assert leader == found[0]
    assert database.entries(status=MeasureStatus.RUN_TIMEOUT) == [found[1]]


def test_one_bad_line_ends_an_import_and_nothing_is_kept(database: Database, write: Callable[..., Path]) -> None:
    file = write(LINE % (4, "0.001", 0), LINE % (8, "0.001", 0), '{"input": ')
    with pytest.raises(DatabaseError, match=r"line 3 is not JSON .*: nothing was imported; --skip-bad-lines leaves such lines out"):
        database.import_log(file)
    assert (database.statistics().records, database.sessions()) == (0, [])
    done = database.import_log(file, skip_bad=True)
    assert (done.records, done.added, [each.line for each in done.bad]) == (2, 2, [3])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "holds no records: all its lines are blank or comments"),
        (["# nothing", "  "], "holds no records"),
        (["hello"], r"line 1 is of no format that can be imported \(jsonl, autotvm\)"),
        (["# x", '{"i": [["[]"]], "r": [], "v": "v0.6"}'], "line 2 is of no format"),
        (['{"i": ["llvm", "x", [], {}, null, {}], "r": [[1], 0, 1, 1], "v": 0.1}'], "line 1 is of version 0.1"),
        (["llvm\tgAJYBAAA\tgAJjdHZt\tgAJYBAAA\t0.2"], "line 1 is pickled"),
        (['{"tilewright_records": 2, "schema": "0002"}'], "line 1 has version 2 of schema 0002; this version reads 1 up to schema"),
        (['{"tilewright_records": 1, "schema": "9999"}'], "line 1 has version 1 of schema 9999; .* upgrade tilewright"),
        (['{"tilewright_records": 1, "schema": "0002"}', '{"ship": {}}'], "line 2 has the unknown kind 'ship'"),
        (['{"tilewright_records": 1, "schema": "0002"}', '{"record": {"session": 1}}'], "line 2 lacks 1, or refers to what no line before"),
        (['{"tilewright_records": 1, "schema": "0002"}', '{"target": {"id": 1, "text": 3}}'], "line 2 has 3 where a text belongs"),
        (['{"tilewright_records": 1, "schema": "0002"}', "{"], "line 2 is not JSON"),
        (['{"tilewright_records": 1, "schema": "0002"}', "7"], "line 2 is not one of Tilewright's own"),
    ],
)
def test_what_cannot_be_imported(database: Database, write: Callable[..., Path], lines: list[str], says: str) -> None:
    with pytest.raises(DatabaseError, match=says) as caught:
        database.import_log(write(*lines))
    assert "\n" not in str(caught.value)
    assert database.statistics().targets == 0


def test_files_that_are_no_text(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "x.log"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatabaseError, match="is not a text file in UTF-8"):
        database.import_log(file)
    with pytest.raises(DatabaseError, match=r"cannot read .*: No such file"):
        database.import_log(tmp_path / "missing.log")


def fill(database: Database, make: Any, tophub: list[Path]) -> None:
    """Two sessions, one still running; failures, re-measurements, equal records, awkward values; an imported log."""
    first = database.open_session(TuneSession(tuner="random", seed=7, options={"trials": 3, "share": 0.25}, command_line="tune 'x'"))
    second = database.open_session(TuneSession(tuner="xgb", seed=0))
    record = make.record(make.measured(1e-3, 2e-3))
    wrong = Verification(passed=False, tolerance=1e-4, max_error=float("inf"), input_seed=2**62)
    odd = Measurement(status=MeasureStatus.WRONG_ANSWER, error="NaN\n\0", verification=wrong, facts=(("n", {"a": [1, None]}), ("é", 1e-9)))
    database.add_records(first, [record, record, make.record(make.failed(), trial=1), make.record(odd, tile=2, trial=2)])
    database.add_records(second, [make.record(width=13, device=make.device("Epyc")), make.record(source=Source.IMPORTED)])
    database.close_session(first, SessionStatus.FINISHED)
    database.import_log(tophub[1])


def test_our_own_export_is_everything(database: Database, make: Any, tophub: list[Path], write: Callable[..., Path]) -> None:
    fill(database, make, tophub)
    lines = list(database.export_lines())
    file = write(*lines)
    for other in (Database("sqlite://"), database):
        with other:
            again = other is database
            done = other.import_log(file)
            assert (done.format, done.records, done.added) == ("jsonl", 41, 0 if again else 41)
            assert other.import_log(file).added == 0
            assert content(list(other.export_lines())) == content(lines)
            assert [summary.trials for summary in other.sessions()] == [4, 2, 35]


def test_an_export_that_stands_twice_in_a_file_is_read_once(database: Database, make: Any, write: Callable[..., Path]) -> None:
    session = database.open_session(TuneSession(tuner="random", seed=0))
    database.add_records(session, [make.record(tile=2), make.record(tile=4)])
    lines = list(database.export_lines())
    with Database("sqlite://") as other:
        done = other.import_log(write(*lines, *lines))
        assert (done.records, done.added) == (4, 2)
        assert content(list(other.export_lines())) == content(lines)


@pytest.mark.parametrize(("name", "value"), [("error", "\ud800"), ("trial", 1 << 64), ("input_seed", -(1 << 64))])
def test_what_no_database_keeps_is_refused_by_line(
    database: Database, make: Any, write: Callable[..., Path], name: str, value: object
) -> None:
    session = database.open_session(TuneSession(tuner="random", seed=0))
    database.add_records(session, [make.record()])
    *lines, last = database.export_lines()
    row = json.loads(last)
    row["record"][name] = value
    with Database("sqlite://") as other:
        with pytest.raises(DatabaseError, match=rf"line {len(lines) + 1} has .* belongs: nothing was imported"):
            other.import_log(write(*lines, json.dumps(row)))
        assert other.statistics().records == 0


def test_what_was_imported_serves_compilation(database: Database, make: Any, write: Callable[..., Path]) -> None:
    record = make.record(make.measured(1e-3))
    database.add_records(database.open_session(TuneSession(tuner="random", seed=0)), [record])
    file = write(*database.export_lines())
    with Database("sqlite://") as other:
        other.import_log(file)
        assert other.best_schedule(record.workload, record.target, record.device) == database.best_schedule(
            record.workload, record.target, record.device
        )


def test_a_session_that_went_on_is_completed(database: Database, make: Any, write: Callable[..., Path]) -> None:
    session = database.open_session(TuneSession(tuner="random", seed=0))
    database.add_records(session, [make.record(tile=2), make.record(tile=2, trial=1)])
    early = write(*database.export_lines(), name="early.jsonl")
    database.add_records(session, [make.record(tile=4)])
    database.close_session(session, SessionStatus.INTERRUPTED)
    late = write(*database.export_lines(), name="late.jsonl")
    with Database("sqlite://") as other:
        assert [other.import_log(file).added for file in (early, late, early)] == [2, 1, 0]
        (summary,) = other.sessions()
        assert (summary.status, summary.trials) == (SessionStatus.INTERRUPTED, 3)


def test_records_that_this_version_cannot_read_are_moved_too(database: Database, make: Any, write: Callable[..., Path]) -> None:
    session = database.open_session(TuneSession(tuner="random", seed=0))
    (number,) = database.add_records(session, [make.record()])
    alien = '{"format":1,  "steps":[["teleport","i"]]}'
    with database._writing.begin() as connection:
        connection.execute(text("UPDATE record SET schedule = :alien WHERE id = :number"), {"alien": alien, "number": number})
    lines = list(database.export_lines())
    with Database("sqlite://") as other:
        other.import_log(write(*lines))
        assert content(list(other.export_lines())) == content(lines)


def test_two_imports_at_once_add_every_record_once(url: str, make: Any, tophub: list[Path], write: Callable[..., Path]) -> None:
    with Database("sqlite://") as source:
        fill(source, make, tophub)
        files = [write(*source.export_lines(), name="own.jsonl"), *tophub[1:]]
    added: list[int] = []

    def work(file: Path) -> None:
        with Database(url) as database:
            added.append(database.import_log(file).added)

    threads = [threading.Thread(target=work, args=(file,)) for file in files * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Database(url) as database:
        assert sum(added) == database.statistics().records == 41
        assert len(added) == 6


def test_leaders_are_what_compilation_would_choose(database: Database, make: Any, tophub: list[Path]) -> None:
    session = database.open_session(TuneSession(tuner="random", seed=0))
    records: list[Record] = [make.record(make.measured(1e-3 * (9 - tile)), tile=tile, width=width) for tile in (2, 4) for width in (8, 9)]
    elsewhere = make.record(make.measured(1.0), device=make.device("Epyc"))
    unverified = make.record(make.measured(1e-9, verified=None), tile=8)
    database.add_records(session, [*records, elsewhere, unverified, make.record(make.failed(), width=10)])
    database.import_log(tophub[1])
    leaders = database.leaders()
    assert [(each.best.cost_secs, each.trials) for each in leaders] == [(5e-3, 3), (1.0, 1), (5e-3, 2)]
    for leader in leaders:
        record = leader.best.record
        assert database.best_record(record.workload, record.target, record.device) == leader.best
