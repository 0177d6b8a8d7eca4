"""Loop nests that several tests look at."""

import pytest

from compiler.loop_ir import LoopFunc, build_loop_func
from compiler.te import compute, placeholder, reduce_axis, sum_over


@pytest.fixture
def matmul() -> LoopFunc:
    a, b = placeholder((4, 8), name="a"), placeholder((8, 6), name="b")
    k = reduce_axis(8, "k")
    c = compute((4, 6), lambda i, j: sum_over(a[i, k] * b[k, j], k), name="c", axis_names=("i", "j"))
    return build_loop_func("matmul", [a, b], [c])
