"""The verdict on an answer."""

import numpy as np
import pytest

from measure import TOLERANCE, verify_outputs

WANT = np.array([[0.0, -4.0], [2.0, 1.0]], np.float32)


def verdict(got: np.ndarray, want: np.ndarray):
    return verify_outputs([got], [want], input_seed=3)


def test_the_error_is_relative_to_the_largest_output() -> None:
    got = WANT.copy()
    got[0, 0] = 4e-5
    result = verdict(got, WANT)
    assert result.passed
    assert result.max_error == pytest.approx(1e-5)
    assert (result.tolerance, result.input_seed) == (TOLERANCE, 3)


def test_a_wrong_element_fails() -> None:
    got = WANT.copy()
    got[1, 1] = 1.001
    assert not verdict(got, WANT).passed


def test_the_worst_output_decides() -> None:
    assert not verify_outputs([WANT, WANT * 2], [WANT, WANT], input_seed=0).passed
    assert verify_outputs([WANT, WANT], [WANT, WANT], input_seed=0).passed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_wrong_unless_it_is_wanted(value: float) -> None:
    odd = WANT.copy()
    odd[0, 1] = value
    assert not verdict(odd, WANT).passed
    assert not verdict(WANT, odd).passed
    assert verdict(odd, odd).passed


def test_integers_and_truth_values_must_be_equal() -> None:
    numbers = np.arange(6)
    assert verdict(numbers, numbers).passed
    assert not verdict(numbers, numbers + 1).passed
    flags = numbers > 2
    assert verdict(flags, flags).passed
    assert not verdict(flags, ~flags).passed


def test_a_single_number_has_no_axes() -> None:
    assert verdict(np.float32(2.0).reshape(()), np.float32(2.0).reshape(())).passed
    assert verdict(np.array(2.0), np.array(3.0)).max_error == pytest.approx(1 / 3)


def test_zeros_and_nothing() -> None:
    zeros = np.zeros(3, np.float32)
    assert verdict(zeros, zeros).passed
    assert not verdict(zeros + 1, zeros).passed
    assert verdict(zeros[:0], zeros[:0]).passed
    assert not verdict(zeros, zeros[:2]).passed
