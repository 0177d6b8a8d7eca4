"""What is chosen with nothing measured."""

import pytest

from compiler.target import Target
from schedule_space import space_for
from tests.schedule_space.workloads import argument, single

AVX512 = Target.parse("x86-64-v4")


@pytest.mark.parametrize(
    ("rows", "constant", "transposed", "packed"),
    [(1, False, False, False), (256, False, False, True), (1, True, False, True), (1, False, True, True)],
    ids=["few-rows", "many-rows", "constant", "transposed"],
)
def test_a_matrix_is_copied_where_that_pays(rows: int, constant: bool, transposed: bool, packed: bool) -> None:
    shape = (512, 256) if transposed else (256, 512)
    attributes = {"transpose_a": False, "transpose_b": transposed}
    workload = single("matmul", attributes, argument(rows, 256), argument(*shape, constant=constant))
    decisions = space_for(workload, AVX512, 1).default().to_json()
    assert decisions["pack_arg1"] is packed
