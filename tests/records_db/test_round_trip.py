"""Any record comes back as it went in."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.schedule import Schedule
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import Device, Measurement, MeasureStatus, Verification
from records_db import Database, Record, Source, TuneSession
from records_db.rows import decode_schedule, decode_workload, plain_json, schedule_text

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NAME = st.text("abcdefgh_.", min_size=1, max_size=8)
NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3)
)
SECS = st.floats(1e-9, 1e3)

workloads = st.builds(
    lambda shapes, op, attributes: Workload(
        tuple(Argument(TensorType(tuple(shape)), constant) for shape, constant in shapes), (GroupOp(op, (("arg", 0),), attributes),)
    ),
    st.lists(st.tuples(st.lists(st.integers(1, 512), min_size=1, max_size=5), st.booleans()), min_size=1, max_size=3),
    st.sampled_from(["relu", "conv2d", "softmax"]),
    st.dictionaries(NAME, st.integers(-4, 99) | st.lists(st.integers(0, 9)).map(tuple), max_size=3),
)
steps = st.one_of(
    st.tuples(st.just("split"), NAME, st.lists(st.integers(1, 64), min_size=1, max_size=3)),
    st.tuples(st.just("unroll"), NAME),
    st.tuples(st.just("reorder"), st.lists(NAME, min_size=1, max_size=4, unique=True)),
)
schedules = st.lists(steps.map(list), max_size=6).map(lambda chosen: Schedule.from_json({"format": 1, "steps": chosen}))
devices = st.builds(
    lambda model, cores, facts: Device(model=model, cores=cores, facts=tuple(facts.items())),
    TEXT,
    st.integers(1, 256),
    st.dictionaries(NAME, TEXT | st.integers(0, 2**40) | st.booleans() | st.floats(0, 1e6), max_size=4),
)
verifications = st.builds(
    Verification,
    passed=st.just(True),
    tolerance=st.floats(0, 1),
    max_error=st.floats(0, 1e30) | st.just(math.inf),
    input_seed=st.integers(0, 2**63 - 1),
)
common = {
    "build_secs": st.floats(0, 100),
    "measure_secs": st.floats(0, 100),
    "facts": st.dictionaries(NAME, JSON, max_size=4).map(lambda facts: tuple(facts.items())),
}
ok = st.builds(
    Measurement,
    status=st.just(MeasureStatus.OK),
    run_secs=st.lists(SECS, min_size=1, max_size=5).map(tuple),
    stopped_early=st.booleans(),
    verification=st.none() | verifications,
    **common,
)
not_ok = st.builds(
    Measurement,
    status=st.sampled_from([status for status in MeasureStatus if status is not MeasureStatus.OK]),
    error=TEXT.filter(bool),
    **common,
)
records = st.builds(
    Record,
    workload=workloads,
    target=TEXT,
    device=devices,
    schedule=schedules,
    measurement=ok | not_ok,
    decisions=st.dictionaries(NAME, JSON, max_size=4),
    source=st.sampled_from(Source),
    trial=st.integers(0, 2**31 - 1),
    created=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)


@pytest.fixture(scope="module", params=["memory", "postgresql"])
def shared_database(request: pytest.FixtureRequest, database_names: Iterator[str]) -> Iterator[Database]:
    url = "sqlite://" if request.param == "memory" else request.getfixturevalue("postgresql_server").create(next(database_names))
    with Database(url) as database:
        yield database


@settings(max_examples=60)
@given(batch=st.lists(records, min_size=1, max_size=4))
def test_records_come_back_as_they_went_in(shared_database: Database, batch: list[Record]) -> None:
    session = shared_database.open_session(TuneSession(tuner="random", seed=0))
    numbers = shared_database.add_records(session, batch)
    expected = [replace(record, id=number, session=session) for record, number in zip(batch, numbers, strict=True)]
    assert shared_database.records(session=session) == expected
    for record in batch:
        if record.source is Source.MEASURED:
            assert record.key in shared_database.tried_keys(record.workload, record.target, record.device)


@given(chosen=schedules, workload=workloads)
def test_schedules_and_workloads_come_back_from_their_text(chosen: Schedule, workload: Workload) -> None:
    assert decode_schedule(schedule_text(chosen)) == chosen
    assert decode_workload(workload.canonical) == workload


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "not JSON",
        '{"format": 2, "steps": []}',
        '{"format": 1}',
        '{"format": 1, "steps": [["split"]]}',
        '{"format": 1, "steps": [[]]}',
    ],
)
def test_a_schedule_that_cannot_be_read_is_a_reason(text: str) -> None:
    assert isinstance(decode_schedule(text), str)


@pytest.mark.parametrize("text", ["{}", "[]", "not JSON", '{"format": 1}', '{"format": 1, "arguments": [[1]], "ops": [], "anchor": 0}'])
def test_a_workload_that_cannot_be_read_is_a_reason(text: str) -> None:
    assert isinstance(decode_workload(text), str)


@settings(max_examples=60)
@given(value=JSON)
def test_plain_json_changes_no_json(value: Any) -> None:
    assert plain_json(value) == value
