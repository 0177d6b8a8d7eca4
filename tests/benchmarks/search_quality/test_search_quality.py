"""The two commands from end to end: a small recording of a real kernel, and a comparison on toys with tables, JSON and pictures."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import record_search_data
from benchmarks.search_quality import Recording, __main__, load_recording, recorded_space, transfer
from benchmarks.search_quality.replay import Contestant
from benchmarks.search_quality.run_replays import run_jobs
from benchmarks.search_quality.scores import NEAR, make_curves
from benchmarks.search_quality.surrogate import make_surrogate
from schedule_space import ScheduleSpace
from tests.benchmarks.search_quality.lab import record_toy, save_toys
from tuner import DEFAULT_STRATEGY, FeatureEncoder, ModelFactory, XGBoostCostModel


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[str, str]:
    monkeypatch.setattr(sys, "argv", ["search_quality", *map(str, words)])
    __main__.main()
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_tables_json_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    save_toys(tmp_path / "data")
    words = ("--data", tmp_path / "data", "--strategies", "random,ga", "--seeds", 2, "--trials", 20, "--processes", 1)
    out, _ = run(monkeypatch, capsys, *words, "--plots", tmp_path / "plots")
    assert "2 workloads x 2 seeds" in out
    assert "found in 16" in out
    assert "found in 32 |" not in out
    assert "| anet toy 64 " in out
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["overview.png", "profiles.png", "workloads.png"]
    rows = json.loads(run(monkeypatch, capsys, *words, "--json")[0])["rows"]
    assert [(row["contestant"], row["network"]) for row in rows] == [
        ("random", "anet"),
        ("random", "bnet"),
        ("ga", "anet"),
        ("ga", "bnet"),
    ]
    again = json.loads(run(monkeypatch, capsys, *words, "--json")[0])["rows"]
    assert [row["trials_to_95"] for row in rows] == [row["trials_to_95"] for row in again]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--strategies", "ga,magic"), "unknown strategy 'magic'; known: "),
        (("--cost-models", "magic"), "unknown cost model 'magic'; known: "),
        (("--match", "nothing like it"), "no recording in "),
    ],
)
def test_bad_names_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str
) -> None:
    record_toy(trials=20).save(tmp_path)
    with pytest.raises(SystemExit, match=complaint):
        run(monkeypatch, capsys, "--data", tmp_path, *words)


def test_no_data_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"there are no recordings in .*benchmarks.record_search_data"):
        run(monkeypatch, capsys, "--data", tmp_path)


def test_a_real_kernel_is_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["record", "--out", str(tmp_path), "--workloads", "batch matmul 3x50", "--trials", "12", "--searches", "random"]
    monkeypatch.setattr(sys, "argv", words)
    record_search_data.main()
    (path,) = tmp_path.iterdir()
    recording = load_recording(path)
    assert len(recording) == 12
    assert 0 < recording.best_secs <= recording.default_secs
    assert recording.retimed.any()
    assert "12 trials: best" in capsys.readouterr().err
    record_search_data.main()
    assert "there already" in capsys.readouterr().err
    space = recorded_space(recording)
    assert space.template is not space.recorded
    surrogate = make_surrogate(recording)
    assert surrogate is not None
    known, unknown = space.default(), next(each for each in surrogate.space.all() if not space.contains(dict(each.decisions)))
    answers = surrogate.answer([known, unknown, known])
    assert answers[0] == answers[2] == space.answer([known])[0]
    assert (answers[1].best_secs or 0.0) >= recording.best_secs


def test_no_surrogate_where_the_template_has_changed() -> None:
    assert make_surrogate(record_toy(trials=20)) is None


def test_transfer_leaves_the_network_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prior here is a model fitted on what it may learn from; on the toys all recordings are alike, so it knows the answer."""
    paths = save_toys(tmp_path)
    seen: list[list[str]] = []

    def learn(recordings: list[Recording], _own: ModelFactory | None) -> ModelFactory:
        seen.append([recording.network for recording in recordings])
        return lambda _space, seed: _Informed(recordings[0], seed)

    monkeypatch.setattr(transfer, "learn_prior", learn)
    jobs = transfer.transfer_jobs(paths, ["anet", "bnet"], Contestant(DEFAULT_STRATEGY), seeds=2, trials=24)
    runs = [job.run() for job in jobs]
    assert seen == [["bnet"], ["anet"]]
    knowing = transfer.ceiling_jobs(paths, Contestant(DEFAULT_STRATEGY), seeds=2, trials=24)
    assert [job.path for job in knowing] == paths
    assert all(job.paths == tuple(paths) for job in knowing)
    assert all(run.chosen_ratio < 1.2 for run in runs)
    recordings = [load_recording(path) for path in paths]
    text = transfer.transfer_section(recordings, [each.curves for each in runs], runs, runs, 24)
    assert f"Median trials to {NEAR:.0%}" in text
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")][1:] == ["anet", "bnet", "all"]


def test_the_default_joins_as_other_networks_inform_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = save_toys(tmp_path)
    at_once = [
        transfer.TransferRun(make_curves([recording.best_secs * np.ones(1)] * 2, 20, recording.best_secs, 0.0), 1.0)
        for recording in map(load_recording, paths)
    ]

    def run_most(jobs: Sequence[Any], processes: int, report: Callable[[int], None]) -> list[Any]:
        return at_once * 2 if isinstance(jobs[0], transfer.TransferJob) else run_jobs(jobs, processes, report)

    monkeypatch.setattr(__main__, "LEAST_NETWORKS", 2)
    monkeypatch.setattr(__main__, "run_jobs", run_most)
    words = ("--data", tmp_path, "--strategies", f"{DEFAULT_STRATEGY},random", "--seeds", 2, "--trials", 20, "--processes", 1)
    out, _ = run(monkeypatch, capsys, *words)
    assert "network left out" in out
    names = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")]
    assert names[1:4] == [f"{DEFAULT_STRATEGY}, informed", DEFAULT_STRATEGY, "random"]


class _Informed(XGBoostCostModel):
    """Fitted before it is asked, and never again."""

    def __init__(self, recording: Recording, seed: int) -> None:
        super().__init__(seed)
        space: ScheduleSpace = recorded_space(recording)
        rows = FeatureEncoder(space).encode([recording.candidate(row) for row in range(len(recording))])
        super().fit(rows, recording.run_secs)

    def fit(self, rows: object, run_secs: object) -> None:
        """Knows better."""
