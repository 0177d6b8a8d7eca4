"""What a recording holds, and that its file gives it back; files that cannot be used are refused in one line."""

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.search_quality import Origin, RecordingError, lab_workloads, load_recording, load_recordings, recorded_space
from benchmarks.search_quality.record_workload import one_decision_changes
from compiler.target import Target
from measure import MeasureStatus
from schedule_space import space_for
from tests.benchmarks.search_quality.lab import record_toy
from tests.tuner.toy import ToyTemplate, toy_space


@pytest.fixture(scope="module", name="recording")
def _recording() -> object:
    return record_toy()


def test_a_file_gives_back_what_was_recorded(tmp_path: Path) -> None:
    recording = record_toy()
    path = recording.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["toynet-toy-64.json.gz"]
    loaded = load_recording(path)
    assert (loaded.workload, loaded.parameters, loaded.provenance) == (recording.workload, recording.parameters, recording.provenance)
    assert (loaded.statuses, loaded.origins, loaded.default) == (recording.statuses, recording.origins, recording.default)
    assert np.array_equal(loaded.choices, recording.choices)
    assert np.allclose(loaded.run_secs, recording.run_secs, rtol=1e-4, equal_nan=True)
    assert np.array_equal(loaded.retimed, recording.retimed)
    assert np.allclose(loaded.quantities["registers"], recording.quantities["registers"])
    before = path.read_bytes()
    loaded.save(tmp_path)
    assert path.read_bytes() == before


def test_the_recorder_finds_the_best_and_surveys_the_space() -> None:
    recording = record_toy()
    assert len(recording) == 200
    assert recording.best_secs == pytest.approx(ToyTemplate().best_secs)
    assert recording.candidate(recording.default) == toy_space().default()
    counts = {origin: recording.origins.count(origin) for origin in Origin}
    assert counts[Origin.SAMPLE] == 60
    assert min(counts.values()) > 20
    assert MeasureStatus.CRASH in recording.statuses
    assert np.array_equal(np.isnan(recording.run_secs), [status is not MeasureStatus.OK for status in recording.statuses])


def test_all_changes_of_the_best_are_known_and_the_fastest_were_compared() -> None:
    recording = record_toy()
    best = recording.candidate(int(np.nanargmin(recording.run_secs)))
    known = {recording.candidate(row) for row in range(len(recording))}
    changes = set(one_decision_changes(toy_space(), best))
    assert len(changes) > 10
    assert changes <= known
    near = recording.run_secs <= 1.05 * recording.best_secs
    assert recording.retimed[near].all()


def test_a_small_space_is_measured_whole() -> None:
    recording = record_toy(trials=2000)
    assert recording.exhaustive
    assert len(recording) == len(list(toy_space().all()))


def test_another_format_is_refused_in_one_line(tmp_path: Path) -> None:
    path = record_toy(trials=40).save(tmp_path)
    data = json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(json.dumps({**data, "format": 99}).encode()))
    with pytest.raises(RecordingError, match=r"has format 99, and this version reads 1; make it again: python -m"):
        load_recording(path)


DAMAGED = gzip.compress(b"{}" * 400, mtime=0)[:10] + b"\xff" * 40  # deflated data that are none
INCOMPLETE = gzip.compress(b'{"format": 1, "name": "toy"}', mtime=0)


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"[1]", mtime=0), gzip.compress(b'{"format"', mtime=0), DAMAGED, INCOMPLETE]
)
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.json.gz"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"cannot be read as a recording") as error:
        load_recordings(tmp_path)
    assert "\n" not in str(error.value)


def test_an_empty_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=re.escape("benchmarks.record_search_data")):
        load_recordings(tmp_path)


def test_the_workloads_are_many_and_have_spaces() -> None:
    target = replace(Target.parse("llvm -mcpu=znver4 -mtriple=x86_64-unknown-linux-gnu"), cores=1)
    workloads = list(lab_workloads(target))
    assert len(workloads) >= 40
    assert len({each.name for each in workloads}) == len({each.workload.key for each in workloads}) == len(workloads)
    assert len({each.network for each in workloads}) >= 6
    assert {"conv2d", "winograd_conv2d", "matmul", "max_pool", "average_pool"} == {
        each.workload.ops[each.workload.anchor].op for each in workloads
    }
    for each in workloads:
        space = space_for(each.workload, target, 1)
        assert space.contains(dict(space.default().decisions)), each.name


def test_recorded_parameters_stand_where_the_template_has_changed(tmp_path: Path) -> None:
    """The toy's parameters are those of no template of today."""
    space = recorded_space(load_recording(record_toy().save(tmp_path)))
    assert [parameter.name for parameter in space.parameters] == ["m", "n", "order", "unroll", "pack"]
    assert space.template is space.recorded
    best = space.candidate({"m": 8, "n": 16, "order": "blocked", "unroll": 4, "pack": False})
    assert space.describe(best)["registers"] == 128.0
