"""Rounding to three bytes, and the parts that these stand in."""

import numpy as np
import pytest
from numpy.typing import NDArray

from compiler.loop_ir import build_loop_func, interpret
from compiler.te import Const, Expr, Load, compute, high_part, is_narrow, joined, low_part, placeholder, round_to_narrow
from compiler.tensor_type import FLOAT32

RNG = np.random.default_rng(0)
ONE_STEP = 2.0**-15  # from 1 to the next narrow number
VALUES = np.concatenate(
    [
        RNG.standard_normal(200) * 10.0 ** RNG.integers(-30, 30, 200),
        [0.0, -0.0, 1.0, -1.0, 1 + ONE_STEP, 1e-42, -1e-45, 3e38, np.inf, -np.inf],
        [1 + ONE_STEP / 2, -1 - ONE_STEP / 2, 1 + 1.5 * ONE_STEP, 1 + 0.49 * ONE_STEP],
    ]
).astype(np.float32)


def run(make: object) -> NDArray[np.float32]:
    x = placeholder(VALUES.shape, "x")
    y = compute(VALUES.shape, lambda i: make(x[i]), "y")  # type: ignore[operator] # a function of expressions
    result = np.empty_like(VALUES)
    interpret(build_loop_func("kernel", [x], [y]), [VALUES, result])
    return result


def test_the_nearest_number() -> None:
    rounded = run(round_to_narrow)
    assert not (rounded.view(np.int32) % 256).any()
    normal = np.isfinite(VALUES) & (np.abs(VALUES) > 1e-37)
    errors = np.abs(rounded[normal].astype(np.float64) / VALUES[normal] - 1)
    assert 2.0**-17 < errors.max() <= 2.0**-16
    assert (np.signbit(rounded) == np.signbit(VALUES)).all()
    assert (rounded[~np.isfinite(VALUES)] == VALUES[~np.isfinite(VALUES)]).all()
    assert rounded[-4:].tolist() == [1 + ONE_STEP, -1 - ONE_STEP, 1 + 2 * ONE_STEP, 1.0]


def test_rounding_twice_changes_nothing() -> None:
    assert run(lambda x: round_to_narrow(round_to_narrow(x))).tobytes() == run(round_to_narrow).tobytes()


def test_what_is_beyond_the_largest_becomes_infinite() -> None:
    largest = np.array([3.4028234e38], np.float32)
    x = placeholder(largest.shape, "x")
    result = np.empty_like(largest)
    interpret(build_loop_func("kernel", [x], [compute(largest.shape, lambda i: round_to_narrow(x[i]), "y")]), [largest, result])
    assert result == np.inf


def test_the_parts_of_a_rounded_number_are_all_of_it() -> None:
    def in_parts(x: Expr) -> Expr:
        rounded = round_to_narrow(x)
        return joined(high_part(rounded), low_part(rounded))

    assert run(in_parts).tobytes() == run(round_to_narrow).tobytes()


@pytest.mark.parametrize(("value", "known"), [(0.0, True), (1.5, True), (0.1, False), (1 + ONE_STEP, True), (1 + ONE_STEP / 2, False)])
def test_constants(value: float, known: bool) -> None:
    assert is_narrow(Const(value, FLOAT32)) is known


def test_what_is_known_by_its_form() -> None:
    x = placeholder((1,), "x")
    load = x[0]
    assert isinstance(load, Load)
    assert is_narrow(round_to_narrow(load))
    assert not is_narrow(load)
    assert not is_narrow(round_to_narrow(load) * 2.0)
