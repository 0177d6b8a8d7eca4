"""Times of each kernel within whole runs of a model, and the statistic that keeps their sum true.

In: what the native `profile` entry wrote. Out: `ProfiledRuns`. Next: `executable.py`, which fills it, and `tilewright/profile_model.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compiler.runtime.model_info import KernelInfo

QUIET_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class KernelTime:
    """Of one kernel call: the mean over the quiet ones of the profiled runs."""

    kernel: KernelInfo
    secs: float


@dataclass(frozen=True, slots=True)
class ProfiledRuns:
    """kernel_secs: a row per run, a column per kernel call in order. run_secs: of each whole run, the call from Python included."""

    kernel_secs: NDArray[np.float64]
    run_secs: NDArray[np.float64]

    @staticmethod
    def together(parts: Sequence["ProfiledRuns"]) -> "ProfiledRuns":
        return ProfiledRuns(np.concatenate([part.kernel_secs for part in parts]), np.concatenate([part.run_secs for part in parts]))

    def quiet_kernel_secs(self) -> NDArray[np.float64]:
        """Of each kernel, the mean over the quiet runs: whole runs are kept or left out, so the kernels add up to `quiet_run_secs`."""
        means: NDArray[np.float64] = self.kernel_secs[quiet(self.run_secs)].mean(axis=0)
        return means

    def quiet_run_secs(self) -> float:
        return quiet_mean(self.run_secs)


def quiet(run_secs: NDArray[np.float64]) -> NDArray[Any]:
    """Positions of the fastest quarter of the runs, at least one: those in which the machine did little else.

    >>> quiet(np.array([3.0, 1.0, 2.0, 9.0, 1.5])).tolist()
    [1, 4]
    """
    return np.argsort(run_secs, kind="stable")[: ceil(len(run_secs) * QUIET_SHARE)]


def quiet_mean(run_secs: NDArray[np.float64]) -> float:
    return float(run_secs[quiet(run_secs)].mean())
