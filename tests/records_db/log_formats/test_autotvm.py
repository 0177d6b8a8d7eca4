"""AutoTVM's lines: what is read of them, and what is refused."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure import MeasureStatus
from records_db import LOG_FORMATS, BadLine, ForeignRecord
from records_db.log_formats.autotvm import is_autotvm
from records_db.log_formats.autotvm_workload import counterpart

TOPHUB = Path(__file__).parents[1] / "data" / "tophub"
LINE = {
    "input": [
        "llvm -device=arm_cpu -model=bcm2837",
        "conv2d_nchw_spatial_pack.arm_cpu",
        [["TENSOR", [1, 3, 8, 8], "float32"], ["TENSOR", [4, 3, 3, 3], "float32"], [1, 1], [1, 1, 1, 1], [1, 1], "float32"],
        {},
    ],
    "config": {"index": 7, "code_hash": None, "entity": [["tile_co", "sp", [-1, 4]], ["unroll", "ot", True]]},
    "result": [[0.002, 0.001], 0, 1.5, 1535933156.928128],
    "version": 0.2,
    "tvm_version": "0.7.dev0",
}
ANYTHING = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4))
FLOAT, INT8 = ["TENSOR", [1, 8, 6, 6], "float32"], ["TENSOR", [1, 8, 6, 6], "int8"]


def read(text: str) -> ForeignRecord | BadLine:
    (found,) = LOG_FORMATS["autotvm"].read([(12, text)])
    return found


def changed(**parts: Any) -> str:
    return json.dumps({**LINE, **parts})


def reason(text: str) -> str:
    found = read(text)
    assert isinstance(found, BadLine)
    assert found.line == 12
    return found.reason


def test_a_line_is_a_record() -> None:
    record = read(json.dumps(LINE))
    assert isinstance(record, ForeignRecord)
    assert (record.target, record.line, record.task.name) == ("llvm -device=arm_cpu -model=bcm2837", 12, "conv2d_nchw_spatial_pack.arm_cpu")
    assert record.decisions == {"tile_co": [-1, 4], "unroll": True}
    assert (record.measurement.run_secs, record.measurement.measure_secs) == ((0.002, 0.001), 1.5)
    assert record.measurement.verification is None
    assert record.created.isoformat() == "2018-09-03T00:05:56.928128+00:00"
    assert record.device.model == "imported: llvm -device=arm_cpu -model=bcm2837"
    assert str(record.workload) == "conv2d (1,3,8,8)(4,3,3,3) -> (1,4,8,8)"


def test_the_key_does_not_depend_on_the_spelling() -> None:
    texts = [json.dumps(LINE), json.dumps(LINE, sort_keys=True, separators=(",", ":")), json.dumps(LINE, indent=None).replace(", ", ",  ")]
    assert len({record.key for record in map(read, texts) if isinstance(record, ForeignRecord)}) == 1
    other = read(changed(result=[[0.002], 0, 1.5, 1535933156.928128]))
    assert isinstance(other, ForeignRecord)
    assert other.key != getattr(read(texts[0]), "key", None)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (1, MeasureStatus.SCHEDULE_ERROR),
        (2, MeasureStatus.COMPILE_ERROR),
        (3, MeasureStatus.COMPILE_ERROR),
        (4, MeasureStatus.CRASH),
        (5, MeasureStatus.WRONG_ANSWER),
        (6, MeasureStatus.BUILD_TIMEOUT),
        (7, MeasureStatus.RUN_TIMEOUT),
        (8, MeasureStatus.CRASH),
        (99, MeasureStatus.CRASH),
    ],
)
def test_a_failure_is_a_status_with_its_text(number: int, status: MeasureStatus) -> None:
    record = read(changed(result=[[1e9], number, 10.0, 1535933156]))
    assert isinstance(record, ForeignRecord)
    assert (record.measurement.status, record.measurement.run_secs) == (status, ())
    assert record.measurement.error.startswith(f"AutoTVM's error {number}: ")


@pytest.mark.parametrize("costs", [[], [1e9], [0.001, 1e9]])
def test_a_missing_time_without_an_error_is_a_failure(costs: list[float]) -> None:
    record = read(changed(result=[costs, 0, 10.0, 1535933156]))
    assert isinstance(record, ForeignRecord)
    assert record.measurement.status is MeasureStatus.CRASH
    assert record.measurement.error == "AutoTVM noted neither an error nor a time"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"i": ["llvm", "conv2d", [], {}, null, {}], "r": [[1.0], 0, 1.0, 1.0], "v": 0.1}', "is of version 0.1, which is not read"),
        ("llvm\tgAJYBAAA\tgAJjdHZt\tgAJYBAAA\t0.2\t0.6", "is pickled"),
        ("llvm\tgAJYBAAA\tgAJjdHZt\tgAJYBAAA", "is pickled"),
        (changed(version=0.3), "is of version 0.3; version 0.2 is read"),
        ("{", "is not JSON (Expecting property name enclosed in double quotes at column 2)"),
        ("[" * 100_000, "is nested too deeply"),
        ("[1]", "is not a JSON object"),
        ("{}", "lacks 'input'"),
        (changed(input=["llvm"]), "not enough values to unpack"),
        (changed(input=[1, 2, 3, 4]), "has an input that is not [target, task, arguments, {}]"),
        (changed(config={"entity": [["a", "zz", 1]]}), "has a knob 'a' of the unknown kind 'zz'; known: sp, re, an, ot"),
        (changed(config={}), "lacks 'entity'"),
        (changed(result=[[-1.0], 0, 1.0, 1.0]), "has a time that is not a positive number"),
        (changed(result=[[float("nan")], 0, 1.0, 1.0]), "has a time that is not a positive number"),
        (changed(result=[["x"], 0, 1.0, 1.0]), "could not convert string to float"),
        (changed(result=[[1.0], 0, 1.0, 1e300]), "is not an AutoTVM record"),
        (changed(result=None), "is not an AutoTVM record"),
    ],
)
def test_what_cannot_be_read_is_a_reason(text: str, says: str) -> None:
    assert says in reason(text)


def test_a_pickle_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pickle.loads", lambda *_: pytest.fail("unpickled"))
    monkeypatch.setattr("pickle.Unpickler", lambda *_: pytest.fail("unpickled"))
    assert is_autotvm("llvm\tgAJYBAAA\tgAJjdHZt\tgAJYBAAA")
    assert "never read" in reason("llvm\tgAJYBAAA\tgAJjdHZt\tgAJYBAAA")


@settings(max_examples=200)
@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda x: st.lists(x, max_size=4)),
    st.sampled_from(sorted(LINE)),
)
def test_any_part_may_be_anything(value: Any, part: str) -> None:
    assert isinstance(read(changed(**{part: value})), ForeignRecord | BadLine)


def test_lines_of_other_tools_are_not_recognised() -> None:
    ansor = '{"i": [["[\\"key\\"]", "llvm"], [[], []]], "r": [[0.001], 0, 1.2, 1600000000], "v": "v0.6"}'
    assert not any(map(is_autotvm, (ansor, "hello", "[1, 2]", '{"tilewright_records":1}', "a\tb")))
    assert is_autotvm(json.dumps(LINE))


@pytest.mark.parametrize(
    ("name", "arguments", "shown"),
    [
        ("conv2d_nchw_spatial_pack.arm_cpu", [FLOAT, ["TENSOR", [4, 8, 3, 3], "float32"], [2, 1], [0, 1, 0, 2], [1, 2], "float32"],
         "conv2d (1,8,6,6)(4,8,3,3) -> (1,4,2,5)"),
        ("conv2d_NCHWc.x86", [FLOAT, ["TENSOR", [4, 8, 1, 1], "float32"], [1, 1], [0, 0, 0, 0], [1, 1], "NCHW", "NCHW", "float32"],
         "conv2d (1,8,6,6)(4,8,1,1) -> (1,4,6,6)"),
        ("topi_nn_conv2d", [FLOAT, ["TENSOR", [4, 8, 3, 3], "float32"], [1, 1], [1, 1], [1, 1], "NCHW", "float32"],
         "conv2d (1,8,6,6)(4,8,3,3) -> (1,4,6,6)"),
        ("conv2d_nchw_winograd.arm_cpu", [FLOAT, ["TENSOR", [4, 8, 3, 3], "float32"], [1, 1], [1, 1, 1, 1], [1, 1], "float32"],
         "winograd_conv2d[4x4] (1,2,6,6,4)(4,8,3,3) -> (1,1,6,6,4)"),
        ("depthwise_conv2d_nchw.arm_cpu", [FLOAT, ["TENSOR", [8, 2, 3, 3], "float32"], [1, 1], [1, 1, 1, 1], [1, 1], "float32"],
         "conv2d (1,8,6,6)(16,1,3,3) -> (1,16,6,6)"),
        ("group_conv2d_nchw.cuda", [FLOAT, ["TENSOR", [4, 4, 3, 3], "float32"], [1, 1], [1, 1, 1, 1], [1, 1], 2, "float32"],
         "conv2d (1,8,6,6)(4,4,3,3) -> (1,4,6,6)"),
        ("conv2d_transpose_nchw.arm_cpu", [FLOAT, ["TENSOR", [8, 3, 4, 4], "float32"], [2, 2], [1, 1, 1, 1], "float32", [1, 0]],
         "conv2d_transpose (1,8,6,6)(8,3,4,4) -> (1,3,13,12)"),
        ("dense_nopack.x86", [["TENSOR", [2, 5], "float32"], ["TENSOR", [7, 5], "float32"], None, "float32"], "matmul (2,5)(7,5) -> (2,7)"),
        ("batch_matmul.x86", [["TENSOR", [3, 2, 5], "float32"], ["TENSOR", [3, 7, 5], "float32"], [3, 2, 7]],
         "matmul (3,2,5)(3,7,5) -> (3,2,7)"),
    ],
)  # fmt: skip
def test_a_task_has_a_counterpart(name: str, arguments: list[Any], shown: str) -> None:
    workload = counterpart(name, arguments)
    assert str(workload) == shown
    assert workload is not None
    assert workload.naive  # its loop nest can be made


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("conv2d_nchw_spatial_pack.arm_cpu", [INT8, ["TENSOR", [4, 8, 3, 3], "int8"], [1, 1], [0, 0, 0, 0], [1, 1], "int32"]),
        ("conv2d_nhwc_spatial_pack.arm_cpu", [FLOAT, FLOAT, [1, 1], [0, 0, 0, 0], [1, 1], "float32"]),
        ("conv2d_NCHWc.x86", [FLOAT, ["TENSOR", [4, 8, 1, 1], "float32"], [1, 1], [0, 0, 0, 0], [1, 1], "NCHW4c", "NCHW4c", "float32"]),
        ("conv2d_nchw_spatial_pack.arm_cpu", [FLOAT, ["TENSOR", [4, 9, 3, 3], "float32"], [1, 1], [0, 0, 0, 0], [1, 1], "float32"]),
        ("conv2d_nchw_spatial_pack.arm_cpu", [FLOAT]),
        ("conv2d_nchw_spatial_pack.arm_cpu", ["x", None, 1, 2, 3, 4]),
        ("dense_nopack.x86", [["TENSOR", [2, 5], "float32"], ["TENSOR", [7, 5], "float32"], ["TENSOR", [7], "float32"], "float32"]),
        ("sort.gpu", []),
    ],
)
def test_what_has_no_counterpart(name: str, arguments: list[Any]) -> None:
    assert counterpart(name, arguments) is None


@pytest.mark.parametrize(("name", "count", "alone"), [("arm_cpu_v0.08", 1164, 48), ("llvm_v0.04", 35, 0)])
def test_every_line_of_a_real_log(name: str, count: int, alone: int) -> None:
    with lzma.open(TOPHUB / f"{name}.log.xz", "rt") as file:
        lines = [(number, line.strip()) for number, line in enumerate(file, 1) if not line.startswith("#")]
    records = list(LOG_FORMATS["autotvm"].read(lines))
    found = [record for record in records if isinstance(record, ForeignRecord)]
    assert len(found) == len(lines) == len({record.key for record in found}) == count
    assert {record.measurement.status for record in found} == {MeasureStatus.OK}
    without = [record for record in found if record.workload is None]
    assert len(without) == alone
    assert {argument[2] for record in without for argument in record.task.arguments[:2]} <= {"int8"}
