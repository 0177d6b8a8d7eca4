"""Loops are found in assembly, llvm-mca's prediction for them is read, and a search is made by it."""

import argparse
import subprocess
import sys
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest

from benchmarks.cortex_a53 import convolutions, positive, published_tile, rows_of_records
from benchmarks.inner_loop import InnerLoop, find_loop_nest, find_mca, predicted_cycles
from benchmarks.predicted_kernel import PredictedKernel, predict_kernel, reduction_path
from benchmarks.tune_by_model import tune_by_model
from compiler.errors import CodegenError, TilewrightError, ToolchainError
from compiler.lower import lower
from compiler.schedule import Schedule
from compiler.target import Target
from measure import Device, Measurement, MeasureStatus, Verification
from records_db import Database, Record, Source, TuneSession
from schedule_space import Candidate, ScheduleSpace, space_for
from tests.tuner.toy import ToyTemplate, toy_space

ASSEMBLY = """kernel:
.LBB0_1:                                // =>This Loop Header: Depth=1
                                        //     Child Loop BB0_2 Depth 2
\tmov\tx8, x9
\tfmla\tv3.4s, v0.4s, v1.4s
\tfmla\tv4.4s, v0.4s, v1.4s
\tfmla\tv5.4s, v0.4s, v1.4s
.LBB0_2:                                // %loop
                                        //   Parent Loop BB0_1 Depth=1
                                        // =>  This Inner Loop Header: Depth=2
\tldr\tq0, [x8], #16                      // 16-byte Reload
\tfmla\tv3.4s, v0.4s, v1.s[0]
\tfmla\tv3.2s, v0.2s, v1.s[0]
\tcmp\tx8, x10
\tb.lt\t.LBB0_2
// %bb.3:                               // %done
                                        //   in Loop: Header=BB0_1 Depth=1
\tb.ne\t.LBB0_1
// %bb.4:
\tret
"""


def mca_or_skip() -> None:
    try:
        find_mca()
    except ToolchainError as error:
        pytest.skip(str(error))


def test_the_deepest_loop_that_multiplies_and_adds() -> None:
    loop = find_loop_nest(ASSEMBLY).inner
    assert loop.instructions == ("ldr\tq0, [x8], #16", "fmla\tv3.4s, v0.4s, v1.s[0]", "fmla\tv3.2s, v0.2s, v1.s[0]", "cmp\tx8, x10")
    assert (loop.multiply_adds, loop.spills) == (1, 1)


def test_no_loop() -> None:
    with pytest.raises(ValueError, match="no loop"):
        find_loop_nest("f:\n\tret\n")


def test_what_stands_around_it() -> None:
    (around,) = find_loop_nest(ASSEMBLY).around
    assert [line.split()[0] for line in around] == ["mov", "fmla", "fmla", "fmla"]


@pytest.mark.parametrize(("arch", "multiply_adds", "others"), [("aarch64", 24, 18), ("armv7", 16, 12)])
def test_the_published_tiles(arch: str, multiply_adds: int, others: int) -> None:
    for interleaved in (False, True):
        loop = published_tile(arch, interleaved)
        assert (loop.multiply_adds, len(loop.instructions) - loop.multiply_adds) == (multiply_adds, others)
        assert len(set(loop.instructions)) == len(loop.instructions)


def test_independent_multiply_adds_take_a_cycle_each() -> None:
    mca_or_skip()
    lines = [f"fmla v{number}.4s, v30.4s, v31.4s" for number in range(24)]
    assert predicted_cycles(lines, "aarch64", "cortex-a53") / 24 == pytest.approx(1.0, rel=0.02)


def test_what_the_simulator_refuses() -> None:
    mca_or_skip()
    with pytest.raises(ToolchainError, match=r"llvm-mca.*-mcpu=cortex-a53.*: .*error"):
        predicted_cycles(["no such instruction"], "aarch64", "cortex-a53")


@pytest.mark.parametrize(
    ("form", "tile"), [("direct", {"tile_oh": 1, "tile_ow": 4}), ("direct", {"tile_oh": 2}), ("winograd F(4x4)", {"chunk": 49, "tile": 7})]
)
def test_the_loop_nest_says_how_often_the_inner_loop_runs(form: str, tile: dict[str, int]) -> None:
    """Of tiles that divide the sizes, all; otherwise the whole ones."""
    target = Target.parse("pi3b-64")
    space = space_for(convolutions(target.vector_lanes)[form], target, 1)
    candidate = space.candidate({**dict(space.default().decisions), **tile})
    told = space.describe(candidate)
    extents = reduction_path(lower(space.workload, space.schedule(candidate), target).main.body)
    performed = prod(extents) * told["accumulators"] * told["unroll"]
    if "tile_ow" in tile or "chunk" in tile:
        assert performed == pytest.approx(told["vector_steps"])
    else:
        assert performed == pytest.approx(told["vector_steps"] / told["waste"] * 54 / 56)


def test_a_whole_kernel_takes_longer_than_its_inner_loop() -> None:
    mca_or_skip()
    target = Target.parse("pi3b-64")
    space = space_for(convolutions(target.vector_lanes)["direct"], target, 1)
    kernel = predict_kernel(space, space.default(), "cortex-a53")
    loop = predicted_cycles(kernel.loop.instructions, "aarch64", "cortex-a53") / kernel.loop.multiply_adds
    assert kernel.multiply_adds == pytest.approx(64 * 64 * 9 * 56 * 56 / target.vector_lanes)
    assert loop < kernel.cycles_per_multiply_add < 1.5 * loop


def _toy_prediction(space: ScheduleSpace, candidate: Candidate, _cpu: str) -> PredictedKernel:
    assert isinstance(space.template, ToyTemplate)
    secs = space.template.secs(dict(candidate.decisions))
    if secs is None:
        raise CodegenError("too long a body")
    return PredictedKernel(InnerLoop((), 0), cycles=secs * 1e6, multiply_adds=10.0)


def test_a_search_by_predictions_finds_the_best() -> None:
    found = tune_by_model(toy_space(), "cortex-a53", 160, predict=_toy_prediction)
    assert found.kernel.cycles == pytest.approx(1000.0)
    assert dict(found.candidate.decisions) == {"m": 8, "n": 16, "order": "blocked", "unroll": 4, "pack": False}
    assert found.trials == 160
    assert 0 < found.failed < 80, "an unroll of 16 cannot be built"


def test_a_search_in_which_nothing_can_be_predicted() -> None:
    def refuse(_space: ScheduleSpace, _candidate: Candidate, _cpu: str) -> PredictedKernel:
        raise ToolchainError("llvm-mca died")

    with pytest.raises(TilewrightError, match="none of 8 candidates could be predicted; the last: llvm-mca died"):
        tune_by_model(toy_space(), "cortex-a53", 8, predict=refuse)


def _record(lanes: int, run_secs: float, model: str = "Raspberry Pi 3b", cores: int = 1) -> Record:
    """Of the direct form's default schedule in blocks of `lanes` channels."""
    target = Target.parse("pi3b-64")
    space = space_for(convolutions(lanes)["direct"], target, cores)
    candidate = space.default()
    verified = Verification(passed=True, tolerance=1e-4, max_error=1e-6, input_seed=1)
    return Record(
        workload=space.workload,
        target=str(replace(target, cores=cores)),
        device=Device(model=model, cores=4),
        schedule=space.schedule(candidate),
        decisions=dict(candidate.decisions),
        measurement=Measurement(status=MeasureStatus.OK, run_secs=(run_secs,), verification=verified),
        source=Source.MEASURED,
    )


def test_the_fastest_record_of_each_device(tmp_path: Path) -> None:
    mca_or_skip()
    with Database(f"sqlite:///{tmp_path / 'boards.db'}") as database:
        assert list(rows_of_records("pi3b-64", database)) == []
        session = database.open_session(TuneSession(tuner="random", seed=0))
        records = [_record(4, 0.09), _record(4, 0.08), _record(4, 0.03, cores=4), _record(4, 0.5, model="another board")]
        database.add_records(session, records)
        rows = [row.loop.partition(":")[0] for row in rows_of_records("pi3b-64", database)]
        assert sorted(rows) == [
            "direct, record 2 of Raspberry Pi 3b, 80 ms on 1 thread(s)",
            "direct, record 3 of Raspberry Pi 3b, 30 ms on 4 thread(s)",
            "direct, record 4 of another board, 500 ms on 1 thread(s)",
        ]
        assert list(rows_of_records("pi3b-32", database)) == []


def test_a_record_that_does_not_compile_any_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = _record(8, 0.01)
    with Database(f"sqlite:///{tmp_path / 'boards.db'}") as database:
        session = database.open_session(TuneSession(tuner="random", seed=0))
        database.add_records(session, [replace(_record(4, 0.02), schedule=Schedule((*other.schedule.steps,) * 2))])
        assert list(rows_of_records("pi3b-64", database)) == []
    assert "pi3b-64: record 1 of Raspberry Pi 3b, 20 ms on 1 thread(s), is left out: " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "-1", "many"])
def test_a_number_of_trials_that_is_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a number from 1 on"):
        positive(text)


def test_the_program(tmp_path: Path) -> None:
    mca_or_skip()
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    Database(url).close()
    words = [sys.executable, "-m", "benchmarks.cortex_a53", "--quick", "--db", url]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "Predicted, never measured" in done.stdout
    assert "XNNPACK's 6x8 tile" in done.stdout
    assert "| direct, default: tile_oc" in done.stdout
    assert "| direct, tuned: tile_oc" in done.stdout
    assert "| winograd F(4x4), tuned: tile" in done.stdout
    assert "pi3b-64: no verified record of this convolution for this target, or none that compiles, in sqlite:///" in done.stdout


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    mca_or_skip()
    words = [sys.executable, "-m", "benchmarks.cortex_a53", "--quick", "--db", str(tmp_path / "none.db")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("benchmarks.cortex_a53: ")
    assert "Traceback" not in done.stderr
