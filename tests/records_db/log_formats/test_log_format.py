"""The registry: another tool's log joins by one function."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from measure import Measurement, MeasureStatus
from records_db import (
    LOG_FORMATS,
    BadLine,
    Database,
    ForeignRecord,
    ForeignTask,
    UnreadableRecordWarning,
    known_formats,
    register_log_format,
)
from records_db.foreign_record import origin_key
from records_db.log_formats import Line


@pytest.fixture
def other_format() -> Iterator[str]:
    """One document of several lines, whose records are read when it is whole."""

    @register_log_format("toy", lambda line: line.startswith(("[", '{"toy"')))
    def read(lines: Iterable[Line]) -> Iterator[ForeignRecord | BadLine]:
        data = json.loads("".join(text for _, text in lines))
        for number, item in enumerate(data if isinstance(data, list) else [data], 1):
            yield ForeignRecord(
                text=json.dumps(item),
                key=origin_key("toy", item),
                task=ForeignTask(format="toy", name="gemm", arguments=item["toy"]),
                target="cuda",
                measurement=Measurement(status=MeasureStatus.OK, run_secs=(item["secs"],)),
                decisions={},
                line=number,
            )

    yield "toy"
    LOG_FORMATS.pop("toy", None)


def test_a_new_format_needs_no_more_than_its_reader(other_format: str, database: Database, tmp_path: Path) -> None:
    assert known_formats() == ("jsonl", "autotvm", "toy")
    file = tmp_path / "results.json"
    file.write_text('[\n{"toy": [8], "secs": 0.5},\n{"toy": [16], "secs": 0.25}\n]\n')
    done = database.import_log(file)
    assert (done.format, done.records, done.added, done.without_counterpart) == (other_format, 2, 2, {"gemm": 2})
    assert database.import_log(file).added == 0
    assert [record.task.arguments for record in database.foreign_records()] == [[8], [16]]
    assert list(database.export_log("toy")) == ['{"toy": [8], "secs": 0.5}', '{"toy": [16], "secs": 0.25}']


def test_records_of_a_format_that_is_gone_are_left_out_aloud(
    other_format: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "results.json"
    file.write_text('{"toy": [8], "secs": 0.5}')
    database.import_log(file)
    monkeypatch.delitem(LOG_FORMATS, other_format)
    with pytest.warns(UnreadableRecordWarning, match="1 of 1 records .*record 1: unknown log format 'toy'"):
        assert database.foreign_records() == []
    assert database.statistics().foreign == {"toy": 1}


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="log format 'autotvm' is registered twice"):
        register_log_format("autotvm", bool)(LOG_FORMATS["autotvm"].read)
