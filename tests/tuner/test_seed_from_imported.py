"""What TopHub's records for the Raspberry Pi suggest: seeds that are near, valid, computed right, and measured right after the default."""

import json
import lzma
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiler.graph import workload_variants
from compiler.loop_ir import interpret
from compiler.lower import lower
from compiler.target import Target
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload
from measure import Measurement, MeasureStatus
from records_db import Database, ForeignRecord, anchored_convolution
from schedule_space import Candidate
from tests.tuner.toy import TARGET, ToyBuilder, ToyRunner, toy_task
from tuner import STRATEGIES, Task, TrialDone, TuneOptions, make_task, tune_tasks, with_seeds
from tuner.seed_from_imported import MAX_SEEDS, RegisterBlock, read_block, seeds_of
from tuner.tuning_task import TuningTask

LOG = Path(__file__).parents[1] / "records_db" / "data" / "tophub" / "arm_cpu_v0.08.log.xz"
PI = Target.parse("pi3b")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file = tmp_path_factory.mktemp("tophub") / "arm.log"
    file.write_bytes(lzma.decompress(LOG.read_bytes()))
    with Database("sqlite://") as opened:
        opened.import_log(file)
        yield opened


def convolution(size: int, channels: int, filters: int, kernel: int, padding: int, *, groups: int = 1, blocked: bool = True) -> Workload:
    """With a bias and an activation, as in a model."""
    block = 4 if blocked else 0
    layout = f"NCHW{block}c" if block else "NCHW"
    data = (1, channels // block, size, size, block) if block else (1, channels, size, size)
    out = size + 2 * padding - kernel + 1
    bias = (1, filters // block, 1, 1, block) if block else (1, filters, 1, 1)
    attributes: dict[str, Any] = {
        "strides": (1, 1),
        "padding": (padding,) * 4,
        "dilations": (1, 1),
        "groups": groups,
        "layout": layout,
        "out_layout": layout,
    }
    assert out > 0
    arguments = (
        Argument(TensorType(data)),
        Argument(TensorType((filters, channels // groups, kernel, kernel)), constant=True),
        Argument(TensorType(bias), constant=True),
    )
    ops = (
        GroupOp("conv2d", (("arg", 0), ("arg", 1)), attributes),
        GroupOp("add", (("op", 0), ("arg", 2))),
        GroupOp("relu", (("op", 1),)),
    )
    return Workload(arguments, ops)


def imported(database: Database, task: Task, model: str) -> ForeignRecord:
    """The record of `model` with the least time."""
    from_model = [record for record in with_plain(database, task) if f"-model={model} " in record.target]
    return min(from_model, key=lambda record: record.measurement.run_secs)


def with_plain(database: Database, task: Task) -> list[ForeignRecord]:
    shape = task.workload.arguments[1].type.shape
    return [
        record
        for record in database.foreign_records()
        if record.workload is not None and record.workload.arguments[1].type.shape == shape and record.workload.ops[0].op == "conv2d"
    ]


def test_a_pointwise_convolution_takes_the_block_of_the_pis_record(database: Database) -> None:
    task = with_seeds(make_task(convolution(7, 992, 128, 1, 0), PI), database)
    assert imported(database, task, "bcm2837").decisions["tile_ow"] == [1, 7]
    first, *others = (dict(seed.decisions) for seed in task.seeds)
    assert (first["tile_oc"], first["tile_oh"], first["tile_ow"]) == (1, 1, 7)  # 4 channels, a row, 7 columns
    assert 1 <= len(others) < MAX_SEEDS
    assert len(set(task.seeds)) == len(task.seeds)


@pytest.mark.parametrize(
    "workload",
    [
        convolution(7, 992, 128, 1, 0),
        convolution(7, 992, 128, 1, 0, blocked=False),
        convolution(7, 960, 960, 3, 1, groups=960),
        convolution(55, 16, 64, 3, 1),
    ],
    ids=["blocked", "plain", "depthwise", "3x3"],
)
def test_seeds_are_valid_and_differ_from_each_other(database: Database, workload: Workload) -> None:
    task = with_seeds(make_task(workload, PI), database)
    for seed in task.seeds:
        assert task.space.contains(dict(seed.decisions))
        lower(workload, task.space.schedule(seed), PI)
    assert len(set(task.seeds)) == len(task.seeds) >= 1


def test_a_task_that_nobody_measured_has_no_seeds(database: Database) -> None:
    for workload in (convolution(9, 8, 12, 3, 1), toy_task().workload):
        task = make_task(workload, PI)
        assert with_seeds(task, database) == task


def test_other_processors_suggest_nothing(database: Database) -> None:
    workload = convolution(7, 992, 128, 1, 0)
    for target in ("x86-64-v4", "x86-64-v3"):
        assert with_seeds(make_task(workload, Target.parse(target)), database).seeds == ()


def test_forms_with_another_algorithm_have_no_seeds(database: Database) -> None:
    direct, *others = workload_variants(convolution(55, 16, 64, 3, 1), PI)
    assert others
    assert with_seeds(make_task(direct, PI), database).seeds
    assert [with_seeds(make_task(form, PI), database).seeds for form in others] == [()] * len(others)


SHAPE_ATTRIBUTES = {"tile_co": [8, 4], "tile_oh": [3, 2], "tile_ow": [-1, 4]}


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ({**SHAPE_ATTRIBUTES, "ann_reduce": ["none", "unroll"]}, RegisterBlock(4, 2, 4, (False, True), None)),
        ({**SHAPE_ATTRIBUTES, "reorder_0": [0, 3, 1, 2, 4, 5, 6, 9, 7, 8]}, RegisterBlock(4, 2, 4, (False, False), "ow,oc,oh")),
        ({"tile_oc": [2, 16], "tile_ic": [1, 4], "tile_ow": [1, 7], "unroll_kw": True}, RegisterBlock(16, 1, 7, (False, True), None)),
        ({"tile_oc": [2, 16], "tile_ow": [1, 7], "tile_oh": 2}, RegisterBlock(16, 2, 7, (False, False), None)),
        ({"tile_c": [4, 8], "tile_h": [1, -1], "tile_w": [7, 1], "ann": ["unroll"] * 3}, RegisterBlock(8, 7, 1, (False, False), None)),
        ({"tile_p": [2, 2], "tile_k": [4, 8]}, None),
        ({"tile_co": [8, 0], "tile_oh": [3, 2], "tile_ow": [1, 4]}, None),
        ({"tile_co": ["a"], "tile_oh": [3, 2], "tile_ow": [1, 4]}, None),
        ({"tile_co": None}, None),
        ({}, None),
    ],
)
def test_the_block_of_a_record(decisions: dict[str, Any], expected: RegisterBlock | None) -> None:
    from_7x7 = make_task(convolution(7, 8, 32, 1, 0), PI).workload
    shape = anchored_convolution(from_7x7)
    assert shape is not None
    assert read_block(json.loads(json.dumps(decisions)), shape) == expected


def test_a_seed_computes_the_same(database: Database) -> None:
    """On a small twin of the task, which has the same space: the record's target and decisions, another size."""
    task = make_task(convolution(5, 8, 8, 1, 0), PI)
    record = imported(database, make_task(convolution(7, 992, 128, 1, 0), PI), "bcm2837")
    (seed,) = seeds_of(task, [record])
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=argument.type.shape).astype(np.float32) for argument in task.workload.arguments]
    results = []
    for func in (task.workload.naive, task.space.schedule(seed).apply(task.workload.naive)):
        outputs = [np.zeros(kind.shape, np.float32) for kind in task.workload.output_types]
        interpret(func, [*inputs, *outputs])
        results.append(outputs[0])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-5)


def some_seeds(task: Task) -> tuple[Candidate, ...]:
    """The default among them, which is measured anyway."""
    rng = np.random.default_rng(5)
    return (task.space.default(), *task.space.sample(rng, 3))


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_seeds_come_right_after_the_default_and_once(strategy: str) -> None:
    task = toy_task(tiles=(1, 8, 16))
    task = replace(task, seeds=some_seeds(task))
    events: list[object] = []
    long, short = (TuneOptions(strategy=strategy, trials=trials, contenders=0) for trials in (40, 8))
    with Database("sqlite://") as database:
        tune_tasks([task], ToyBuilder(), ToyRunner([task]), database, long, events.append)
        tried = [event.candidate for event in events if isinstance(event, TrialDone)]
        assert tried[:4] == list(task.seeds)
        assert len(set(tried)) == len(tried) == 40
        events.clear()
        tune_tasks([task], ToyBuilder(), ToyRunner([task]), database, short, events.append)
        assert not {event.candidate for event in events if isinstance(event, TrialDone)} & set(tried)


def test_a_small_batch_takes_some_seeds_and_the_next_one_the_rest() -> None:
    task = toy_task()
    tuning = TuningTask(replace(task, seeds=some_seeds(task)), "random", 0)
    seeds = list(tuning.task.seeds[1:])
    (default,) = tuning.suggest(1)
    tuning.add_trial(default, Measurement(status=MeasureStatus.OK, run_secs=(1.0,)))
    assert tuning.suggest(2) == seeds[:2]
    last = tuning.suggest(5)
    assert last[0] == seeds[2]
    assert len(last) == 5
    assert tuning.task.target == TARGET
