"""Kernels for other machines, run under qemu: what is compiled for NEON and RISC-V computes the reference there too."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.target import Target
from compiler.workload import Workload
from schedule_space import space_for
from tests.conformance.cross_batch import CrossCase, check_cases
from tests.conformance.emulator import emulator_or_skip
from tests.conformance.test_workloads import ALL, arguments_of
from tests.schedule_space.workloads import WORKLOADS

Array = NDArray[Any]

TARGETS = ("pi3b-64", "pi3b-32", "riscv64")
DRAWS = 1
MANY_DRAWS = 6


def cases_of(name: str, workload: Workload, target: Target, draws: int, arguments: tuple[Array, ...]) -> Iterator[CrossCase]:
    """The default schedule and drawn ones, for one and two threads by turns."""
    seed = int(workload.key[:8], 16)
    for turn in range(1 + draws):
        threads = 1 + (seed + turn) % 2
        space = space_for(workload, replace(target, cores=threads), threads)
        candidates = [space.default()] if turn == 0 else space.sample(np.random.default_rng([seed, turn]), 1)
        for candidate in candidates:
            label = f"{name} {workload}, {target.cpu} {target.arch}, {threads} threads, {candidate.key}"
            yield CrossCase(label, workload, space.schedule(candidate), threads, arguments, drawn=turn > 0)


def check(workloads: Mapping[str, Workload], name: str, draws: int, folder: Path) -> None:
    target = Target.parse(name)
    machine = emulator_or_skip(target)
    cases = [case for key, workload in workloads.items() for case in cases_of(key, workload, target, draws, tuple(arguments_of(workload)))]
    check_cases(cases, target, machine, folder)


@pytest.mark.needs_qemu
@pytest.mark.parametrize("target", TARGETS)
def test_small_workloads(target: str, tmp_path: Path) -> None:
    check(WORKLOADS, target, DRAWS, tmp_path)


@pytest.mark.slow
@pytest.mark.needs_qemu
@pytest.mark.parametrize("target", TARGETS)
def test_many_schedules(target: str, tmp_path: Path) -> None:
    check(ALL, target, MANY_DRAWS, tmp_path)
