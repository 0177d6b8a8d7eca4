"""What is learnt from other workloads: training, the file, what a task's own times make of it, and the default without any trial."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from compiler.schedule import Schedule
from compiler.target import Target
from measure import Measurement, MeasureStatus
from records_db import Record, Source
from schedule_space import Candidate, ScheduleSpace, space_for
from tests.schedule_space.workloads import conv, matmul
from tests.tuner.toy import DEVICE
from tuner import NO_PRIOR, Prior, PriorError, TaskTimes, choose_model, shipped_prior, task_times, train_prior, zero_trial_default
from tuner.cost_models import COST_MODELS, FIXED_COLUMNS, Vector, features, fixed_part, model_factory, nominal_secs, with_prior

TARGET = Target.parse("llvm -mcpu=x86-64-v3 -num-cores=2")
POINTWISE = {"padding": (0, 0, 0, 0), "layout": "NCHW8c", "out_layout": "NCHW8c"}
SHAPES = ((32, 64, 14), (64, 64, 7), (16, 96, 20), (128, 32, 9), (64, 128, 28), (24, 48, 11))
WORKLOADS = [conv((1, ic // 8, size, size, 8), (oc, ic, 1, 1), **POINTWISE, epilogue=True) for ic, oc, size in SHAPES]
SPACES = [space_for(workload, TARGET, TARGET.cores) for workload in WORKLOADS]


def invented_secs(space: ScheduleSpace, candidates: list[Candidate], speed: float = 1.0) -> Vector:
    """One law for all workloads: few accumulators, waste and imbalance are slow."""
    rows = fixed_part(features(space, candidates))
    waste, imbalance, accumulators = (rows[:, FIXED_COLUMNS.index(name)] for name in ("waste", "imbalance", "accumulators"))
    law = waste * imbalance * (1 + 8 / np.exp2(accumulators))
    return np.asarray(nominal_secs(space.workload, space.target) * law / speed, np.float64)


def invented_times(space: ScheduleSpace, seed: int = 0, count: int = 150) -> TaskTimes:
    candidates = space.sample(np.random.default_rng(seed), count)
    times = TaskTimes.of(space, candidates, invented_secs(space, candidates), "toy")
    assert times is not None
    return times


@pytest.fixture(scope="module")
def prior() -> Prior:
    """Of all workloads but the last."""
    return train_prior([invented_times(space) for space in SPACES[:-1]], "invented")


def record(space: ScheduleSpace, candidate: Candidate, secs: float | None) -> Record:
    done = Measurement(status=MeasureStatus.OK, run_secs=(secs,)) if secs else Measurement(status=MeasureStatus.CRASH, error="SIGSEGV")
    schedule = space.schedule(candidate)
    return Record(
        workload=space.workload, target=str(TARGET), device=DEVICE, schedule=schedule, measurement=done, decisions=candidate.to_json()
    )


def test_it_ranks_the_candidates_of_a_workload_that_it_has_not_seen(prior: Prior) -> None:
    space = SPACES[-1]
    candidates = space.sample(np.random.default_rng(5), 200)
    secs = invented_secs(space, candidates)
    predicted = prior.log_secs(space, features(space, candidates))
    assert spearmanr(predicted, secs).statistic > 0.9
    assert abs(np.median(predicted - np.log(secs))) < 0.2
    assert prior.header.workloads == len(SPACES) - 1
    assert prior.header.devices == ("toy",)
    assert 0 < prior.header.deviation < 0.3


def test_the_same_records_train_the_same_model(prior: Prior) -> None:
    again = train_prior([invented_times(space) for space in SPACES[:-1]], "invented")
    assert again.to_bytes() == prior.to_bytes()


def test_the_file_holds_everything(prior: Prior, tmp_path: Path) -> None:
    file = tmp_path / "model.ubj.gz"
    assert prior.save(file) == file.stat().st_size < 300_000
    loaded = Prior.load(file)
    rows = invented_times(SPACES[-1]).rows
    assert loaded.header == prior.header
    assert np.array_equal(loaded.log_ratios(rows), prior.log_ratios(rows))


def changed(prior: Prior, header: dict[str, object], more: bytes = b"") -> bytes:
    """The file with another header, or with more bytes at its end."""
    line, _, trees = gzip.decompress(prior.to_bytes()).partition(b"\n")
    return gzip.compress(json.dumps({**json.loads(line), **header}).encode() + b"\n" + trees + more)


def test_files_that_are_none_are_refused_with_one_line(prior: Prior, tmp_path: Path) -> None:
    whole = prior.to_bytes()
    no_file = "is not a file of `tilewright cost-model train`"
    for data, text in (
        (b"", no_file),
        (b"no model at all", no_file),
        (whole[: len(whole) // 2], no_file),
        (gzip.compress(b"{"), no_file),
        (gzip.compress(b"[]\n"), no_file),
        (gzip.compress(b'{"format": "tilewright cost model"}\n'), no_file),
        (changed(prior, {"format": "other"}), no_file),
        (changed(prior, {}, b"more"), "its checksum is another one"),
        (changed(prior, {"features_version": 0}), "was trained on features of version 0 .* train it anew"),
        (changed(prior, {"columns": ["waste"]}), r"\(1 columns\)"),
    ):
        file = tmp_path / "x.ubj.gz"
        file.write_bytes(data)
        with pytest.raises(PriorError, match=text) as refused:
            Prior.load(file)
        assert "\n" not in str(refused.value)
    with pytest.raises(PriorError, match=r"cannot read the cost model .*No such file"):
        Prior.load(tmp_path / "none")
    with pytest.raises(PriorError, match="cannot write the cost model"):
        prior.save(tmp_path / "none" / "x")


def test_records_become_training_data() -> None:
    space = SPACES[0]
    first, second, third, fourth, fifth, sixth = space.sample(np.random.default_rng(0), 6)
    records = [record(space, each, secs) for each, secs in ((first, 3e-3), (second, 2e-3), (third, None), (first, 1e-3), (fourth, 4e-3))]
    records.append(replace(record(space, fifth, 1e-6), source=Source.IMPORTED))
    records.append(replace(record(space, sixth, 1e-6), schedule=Schedule(())))
    assert task_times(records) == []
    (task,) = task_times([*records, record(space, fifth, 5e-3)])
    assert np.exp(task.log_ratios) * nominal_secs(space.workload, TARGET) == pytest.approx([1e-3, 2e-3, 4e-3, 5e-3])
    assert np.array_equal(task.rows, fixed_part(features(space, [first, second, fourth, fifth])), equal_nan=True)
    with pytest.raises(PriorError, match=r"at least 4 workloads .* found 1; run `tilewright tune` first"):
        train_prior([task], "one")


@pytest.mark.parametrize("name", sorted(set(COST_MODELS) - {"none"}))
def test_own_times_correct_the_prior(prior: Prior, name: str) -> None:
    """A device on which the law is another one: the more its own times, the better; with few, better than without the prior."""
    space = SPACES[-1]
    candidates = space.sample(np.random.default_rng(3), 400)
    rows = features(space, candidates)
    long_bodies = np.array([4.0 if int(each["unroll"]) > 4 else 1.0 for each in candidates])
    secs = invented_secs(space, candidates, speed=3.0) * long_bodies
    model, alone = with_prior(model_factory(name), prior)(space, 0), model_factory(name)(space, 0)
    unseen = slice(200, None)

    def quality(asked: object) -> float:
        return float(spearmanr(asked.predict(rows[unseen]).log_secs, secs[unseen]).statistic)  # type: ignore[attr-defined]

    before = quality(model)
    assert before > 0.3
    model.fit(rows[:6], secs[:6])
    alone.fit(rows[:6], secs[:6])
    few = quality(model)
    assert few > quality(alone)
    model.fit(rows[:200], secs[:200])
    assert quality(model) > max(few, 0.85)
    predicted = model.predict(rows[unseen])
    assert abs(np.median(predicted.log_secs - np.log(secs[unseen]))) < 0.15
    assert predicted.deviation.min() > 0


def test_the_default_without_a_trial_is_fast_and_always_the_same(prior: Prior) -> None:
    space = SPACES[-1]
    chosen = zero_trial_default(space, prior, pool=300)
    assert chosen == zero_trial_default(space, prior, pool=300)
    assert space.contains(dict(chosen.decisions))
    drawn = space.sample(np.random.default_rng(9), 300)
    assert invented_secs(space, [chosen])[0] <= 1.05 * invented_secs(space, drawn).min()


def test_the_shipped_model_is_of_this_version_and_small() -> None:
    header = shipped_prior().header
    assert header.workloads >= 100
    assert header.source
    assert len(shipped_prior().to_bytes()) < 300_000
    space = space_for(matmul((64, 64), (64, 64)), TARGET, 2)
    assert np.isfinite(shipped_prior().log_secs(space, features(space, [space.default()]))).all()


def test_models_are_chosen_with_and_without_a_prior(prior: Prior, tmp_path: Path) -> None:
    space = SPACES[-1]
    rows = features(space, space.sample(np.random.default_rng(0), 20))
    prior.save(tmp_path / "own.ubj.gz")
    assert np.ptp(choose_model("xgb", str(tmp_path / "own.ubj.gz"))(space, 0).predict(rows).log_secs) > 0
    assert np.ptp(choose_model("xgb", "shipped")(space, 0).predict(rows).log_secs) > 0
    assert not choose_model("xgb", NO_PRIOR)(space, 0).predict(rows).log_secs.any()
    assert not choose_model("none", "shipped")(space, 0).predict(rows).log_secs.any()
    with pytest.raises(PriorError, match="cannot read"):
        choose_model("xgb", str(tmp_path / "absent"))
