"""Every test of the operators again, on other machines under qemu: the cases are collected, and run together behind the last test.

A case that fails there shows as an error at the teardown of this module, with its operator and shapes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from compiler.ops import Array, get_operator
from compiler.target import Target
from tests.conformance.conftest import workloads_of
from tests.conformance.cross_batch import CrossCase, check_cases
from tests.conformance.emulator import emulator_or_skip
from tests.conformance.operator_tests import operator_tests
from tests.conformance.test_cross_kernels import TARGETS, cases_of

pytestmark = [pytest.mark.slow, pytest.mark.needs_qemu]

globals().update(operator_tests())


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tuple[Array, ...]]]:
    """`check(op, arrays, key=value, ...)` as in `tests/compiler/ops`: the default schedule and a drawn one, on the machines by turns."""
    targets = [Target.parse(name) for name in TARGETS]
    machines = [emulator_or_skip(target) for target in targets]
    cases: list[list[CrossCase]] = [[] for _ in targets]

    def collect(op: str, arrays: Sequence[Array], tolerance: float = 0.0, **attributes: Any) -> tuple[Array, ...]:
        del tolerance
        expected = get_operator(op).reference(arrays, attributes)
        if all(array.size for array in (*arrays, *expected)):
            for workload in workloads_of(op, arrays, attributes):
                turn = sum(map(len, cases)) % len(targets)
                cases[turn] += cases_of(op, workload, targets[turn], 1, tuple(arrays))
        return expected

    yield collect
    for target, machine, mine in zip(targets, machines, cases, strict=True):
        check_cases(mine, target, machine, tmp_path_factory.mktemp(target.arch))
