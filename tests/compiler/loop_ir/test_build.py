"""Naive nests from tensor expressions."""

import pytest

from compiler.loop_ir import build_loop_func, build_stage, print_func, verify
from compiler.te import compute, max_over, placeholder, reduce_axis


def test_stages_stand_in_order_with_intermediates_allocated() -> None:
    x = placeholder((4, 6), name="x")
    k = reduce_axis(6, "k")
    peak = compute((4,), lambda i: max_over(x[i, k], k), name="peak", axis_names=("i",))
    y = compute((4, 6), lambda i, j: x[i, j] - peak[i], name="y", axis_names=("i", "j"))
    func = verify(build_loop_func("f", [x], [y]))
    assert print_func(func).splitlines() == [
        "def f(x: float32[4, 6], y: float32[4, 6]):",
        "    with peak: float32[4]:",
        "        for peak.i in range(0, 4):",
        "            for peak.k in range(0, 6):  # reduce",
        "                peak[peak.i] max= x[peak.i, peak.k]",
        "        for y.i in range(0, 4):",
        "            for y.j in range(0, 6):",
        "                y[y.i, y.j] = x[y.i, y.j] - peak[y.i]",
    ]


def test_an_intermediate_may_be_an_output_too() -> None:
    x = placeholder((4,), name="x")
    y = compute((4,), lambda i: x[i] * 2, name="y")
    z = compute((4,), lambda i: y[i] + 1, name="z")
    func = verify(build_loop_func("f", [x], [y, z]))
    assert [buffer.name for buffer in func.params] == ["x", "y", "z"]
    assert "with" not in print_func(func)


def test_an_input_has_no_stage() -> None:
    with pytest.raises(ValueError, match="x is an input"):
        build_stage(placeholder((4,), name="x"))
