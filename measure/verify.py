"""The verdict on a candidate's outputs.

Floats: the largest |got - want| over all elements, relative to the largest finite |want| of the output, at most `TOLERANCE`; infinities and
not-a-numbers must stand in the same places. Integers and truth values: equal.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measure.measurement import Verification

TOLERANCE = 1e-4  # Winograd F(4,3) in fp32 errs by 5e-6 to 2e-5, direct convolution by 3e-6, a wrong kernel by 1e-1


def verify_outputs(got: Sequence[NDArray[Any]], want: Sequence[NDArray[Any]], input_seed: int) -> Verification:
    """Compares all outputs; the error reported is the worst of them."""
    errors = [_relative_error(mine, reference) for mine, reference in zip(got, want, strict=True)]
    worst = max(errors, default=0.0)
    return Verification(passed=worst <= TOLERANCE, tolerance=TOLERANCE, max_error=worst, input_seed=input_seed)


def _relative_error(got: NDArray[Any], want: NDArray[Any]) -> float:
    """Infinite where no number tells the difference."""
    if got.shape != want.shape or got.dtype.kind != want.dtype.kind:
        return float("inf")
    got, want = got.reshape(-1), want.reshape(-1)
    if want.dtype.kind != "f":
        return 0.0 if np.array_equal(got, want) else float("inf")
    finite = np.isfinite(want)
    if not finite.all():
        if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
            return float("inf")
        got, want = got[finite], want[finite]
    if not want.size:
        return 0.0
    difference = np.subtract(got, want, dtype=np.float64)
    largest = float(np.abs(difference, out=difference).max())
    scale = float(np.abs(want).max())
    if not np.isfinite(largest):
        return float("inf")
    return largest / scale if scale > 0.0 else largest
