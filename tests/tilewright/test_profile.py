"""`tilewright bench --profile`: where the time of a model goes. Times themselves are not what is tested."""

import importlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tilewright as tw
from measure import BandwidthCurve, Roofline
from tests.tilewright.conftest import Command
from tests.tilewright.models import example_input
from tilewright import profile_model
from tilewright.commands.profile_rows import ProfileView, profile_json
from tilewright.profile_model import ModelProfile


def fixed_roofline(threads: int) -> Roofline:
    return Roofline(threads=threads, gflops=100.0, read=BandwidthCurve(((1 << 14, 400.0), (1 << 20, 100.0), (1 << 28, 20.0))))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_model, "VISIT_SECS", 1e-4)
    monkeypatch.setattr(profile_model, "BUDGET_SECS", 1e-3)
    command_module = importlib.import_module("tilewright.commands.bench")
    monkeypatch.setattr(command_module, "profile_model", partial(profile_model.profile_model, measure=fixed_roofline))


@pytest.fixture(scope="module")
def executable(classifier: Path) -> tw.Executable:
    return tw.compile(tw.load(classifier), threads=1)


@pytest.fixture
def profile(executable: tw.Executable) -> ModelProfile:
    return profile_model.profile_model(executable, {"x": example_input()}, fixed_roofline)


def test_kernels_and_the_call_add_up_to_the_run(profile: ModelProfile, executable: tw.Executable) -> None:
    assert [kernel.kernel for kernel in profile.kernels] == list(executable.kernels)
    assert profile.kernel_secs + profile.outside_secs == pytest.approx(profile.profiled_secs)
    assert profile.outside_secs > 0
    assert profile.plain_secs > 0
    assert profile.clock_secs == profile.profiled_secs - profile.plain_secs


def test_each_kernel_beside_its_bound(profile: ModelProfile) -> None:
    conv, pool, dense = profile.kernels
    assert (conv.number, conv.variant, conv.short_form) == (1, "direct", "3->16 3x3 16x16 +relu")
    assert conv.gflops == pytest.approx((2 * 27 + 1) * 16 * 256 / conv.secs * 1e-9)
    assert conv.spills == dict(conv.kernel.facts)["spills"]
    assert pool.variant == "pool"
    assert dense.layouts is None
    assert all(kernel.bound_share == kernel.bound.secs / kernel.secs for kernel in profile.kernels if kernel.bound)


def test_kernels_far_from_their_bound_are_marked(profile: ModelProfile) -> None:
    conv = profile.kernels[0]
    assert conv.bound is not None
    assert replace(conv, secs=conv.bound.secs / 0.69).losing
    assert not replace(conv, secs=conv.bound.secs / 0.71).losing
    tiny = replace(conv.bound, secs=1e-9)
    assert not replace(conv, secs=9e-7, bound=tiny).losing
    assert not replace(conv, secs=1.0, bound=None).losing


def test_the_longest_first_and_only_so_many(profile: ModelProfile) -> None:
    secs = {1: 1e-3, 2: 5e-3, 3: 2e-3}
    known = replace(profile, kernels=tuple(replace(kernel, secs=secs[kernel.number]) for kernel in profile.kernels))
    assert [kernel.number for kernel in ProfileView().listed(known)] == [1, 2, 3]
    assert [kernel.number for kernel in ProfileView("ms", 2).listed(known)] == [2, 3]
    assert profile_json(known, ProfileView("ms", 1))["kernels_ms"] == pytest.approx(8.0)


def test_a_library_without_definitions_has_times_all_the_same(executable: tw.Executable, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = tuple(replace(kernel, definition="") for kernel in executable.kernels)
    monkeypatch.setattr(executable, "info", replace(executable.info, kernels=kernels))
    profile = profile_model.profile_model(executable, {"x": example_input()}, fixed_roofline)
    row = profile_json(profile, ProfileView())["kernels"][0]
    unknown = ("variant", "layouts", "gflops", "ceiling_share", "gbytes", "bound", "bound_ms", "bound_share")
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert row["ms"] > 0
    assert profile.kernels[0].short_form == executable.kernels[0].workload


def test_the_command_prints_a_table(command: Command, classifier: Path, tuned_url: str) -> None:
    done = command("bench", classifier, "--profile", "--threads", "1,2", "--db", tuned_url, "--sort", "ms", "--top", 2)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    titles = [number for number, line in enumerate(lines) if line.startswith("classifier, ")]
    assert [lines[number].partition(" on ")[0] for number in titles] == ["classifier, 1 thread,", "classifier, 2 threads,"]
    cells = [cell.strip() for cell in lines[1].split("|")[1:-1]]
    assert cells == ["#", "nodes", "kernel", "variant", "layout", "ms", "share", "rate", "of bound", "spills", "record", "expected ms"]
    first = lines[titles[0] : titles[1]]
    assert sum(line.startswith("|") for line in first) == 4
    assert "same device" in first[3]
    starts = ("not listed: 1 kernel,", "sum: ", "whole: ", "(*) below 70%", "ceiling: 100 GFLOP/s", "of bound: ", "GFLOP/s of winograd")
    assert all(line.startswith(start) for line, start in zip(first[5:], starts, strict=True))


def test_the_command_prints_json(command: Command, classifier: Path, tmp_path: Path) -> None:
    library = tmp_path / "model.so"
    command("compile", classifier, "-o", library, "--threads", 1)
    for path in (classifier, library):
        report: dict[str, Any] = json.loads(command("bench", path, "--profile", "--threads", 1, "-f", "json").out)
        assert report["model"] == "classifier"
        (profile,) = report["profiles"]
        assert [row["variant"] for row in profile["kernels"]] == ["direct", "pool", "matmul"]
        assert [row["nodes"][0] for row in profile["kernels"]] == ["conv", "pool", "dense"]
        assert sum(row["ms"] for row in profile["kernels"]) == pytest.approx(profile["kernels_ms"])
        assert profile["kernels_ms"] + profile["outside_ms"] == pytest.approx(profile["sum_ms"])
        assert profile["ratio"] == pytest.approx(profile["sum_ms"] / profile["whole_ms"])
        assert {row["schedule_from"] for row in profile["kernels"]} == {"default"}
        assert profile["ceiling"]["gflops"] == 100.0


def test_options_that_do_not_go_together(command: Command, classifier: Path) -> None:
    assert "--sort and --top arrange a profile: add --profile" in command("bench", classifier, "--top", 3).complaint
    assert "--profile looks at this model alone" in command("bench", classifier, "--profile", "--against", "onnxruntime").complaint
    assert "compiled already" in command("bench", "model.so", "--profile", "--db", "tuned.db").complaint
    assert "'size' is not one of" in command("bench", classifier, "--profile", "--sort", "size").complaint
    assert "no such file" in command("bench", "absent.so", "--profile").complaint
