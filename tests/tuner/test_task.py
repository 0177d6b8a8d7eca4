"""Tasks of a workload: one for each of its forms, of one family."""

from dataclasses import replace

import pytest

from compiler.graph import workload_flops, workload_variants
from compiler.target import Target
from compiler.workload import Workload
from schedule_space import space_for
from tests.schedule_space.workloads import conv, matmul, winograd
from tuner import make_task, make_variant_tasks, operation_count

TARGET = Target.parse("llvm -mcpu=skylake-avx512 -mtriple=x86_64-linux-gnu -num-cores=2")
BLOCKED = {"layout": "NCHW16c", "out_layout": "NCHW16c"}
CONV = conv((1, 4, 28, 28, 16), (64, 64, 3, 3), epilogue=True, **BLOCKED)
POINTWISE = conv((1, 4, 28, 28, 16), (64, 64, 1, 1), padding=(0, 0, 0, 0), **BLOCKED)


def test_a_task_for_each_form() -> None:
    tasks = make_variant_tasks(CONV, TARGET, 3.0)
    assert tuple(task.workload for task in tasks) == workload_variants(CONV, TARGET)
    assert len(tasks) > 1
    assert {task.family for task in tasks} == {CONV.key}
    assert {task.weight for task in tasks} == {3.0}
    for task in tasks:
        assert task.space.workload == task.workload
        assert task.space.threads == TARGET.cores
        assert task.space.is_valid(dict(task.space.default().decisions))


def test_a_limit_on_the_error_leaves_the_direct_form() -> None:
    assert [task.workload for task in make_variant_tasks(CONV, TARGET, max_rel_error=0.0)] == [CONV]
    few = make_variant_tasks(CONV, TARGET, max_rel_error=3e-6)
    assert [task.workload for task in few] == [CONV, winograd(CONV, 2, 2)]


@pytest.mark.parametrize("workload", [POINTWISE, matmul((64, 64), (64, 64))], ids=str)
def test_a_workload_of_one_form_is_one_task(workload: Workload) -> None:
    (task,) = make_variant_tasks(workload, TARGET, 2.0)
    alone = make_task(workload, TARGET, 2.0)
    assert (task.workload, task.weight) == (alone.workload, alone.weight) == (workload, 2.0)


def test_operations_are_those_that_are_performed() -> None:
    """The scheduler divides them by times: a rate above what the machine can do would be no bound."""
    direct, *forms = (operation_count(task.workload) for task in make_variant_tasks(CONV, TARGET))
    assert forms
    assert all(0.1 * direct < form < 0.7 * direct for form in forms)
    assert direct == pytest.approx(workload_flops(CONV), rel=0.1)


@pytest.mark.parametrize("threads", [1, 2])
def test_features_of_all_forms_can_be_told(threads: int) -> None:
    """The model of a search asks every candidate for the same numbers."""
    target = replace(TARGET, cores=threads)
    for form in workload_variants(CONV, target):
        space = space_for(form, target, threads)
        described = [space.describe(candidate) for candidate in [space.default(), *space.neighbours(space.default())]]
        assert all(each.keys() == described[0].keys() for each in described)
        assert all(isinstance(value, int | float) for each in described for value in each.values())
