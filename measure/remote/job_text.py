"""What a harness reads and writes, as texts; `harness.c` is the other end.

In: candidates, their workload's reference case, limits. Out: the text of a job; and times from what came back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from numpy.typing import NDArray

from compiler.codegen import Artifact
from compiler.lower import Param, ParamRole
from compiler.runtime import ALIGNMENT, align_up
from compiler.tensor_type import TensorType
from measure.errors import MeasureError
from measure.reference import ReferenceCase
from measure.request import RunLimits
from measure.sampling import SamplingOptions

JOB_FORMAT = 2
MAX_SAMPLES = 256  # that a harness keeps
ROLES = {ParamRole.ARGUMENT: "a", ParamRole.PACKED: "p", ParamRole.OUTPUT: "o", ParamRole.WORKSPACE: "w"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """rounds: 0 times one candidate within `limits`; more compare candidates with each other."""

    threads: int
    footprint_bytes: int
    sampling: SamplingOptions
    limits: RunLimits = field(default_factory=RunLimits)
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class CandidateTimes:
    """max_error: None where the answer was not compared."""

    run_secs: tuple[float, ...]
    stopped_early: bool
    max_error: float | None


def job_text(settings: JobSettings, case: ReferenceCase, candidates: Sequence[Artifact]) -> bytes:
    sampling, limits = settings.sampling, settings.limits
    bounds = (limits.abandon_above_secs, limits.verify_below_secs)
    best = limits.best_run_secs[:MAX_SAMPLES]
    constant = [argument.constant for argument in case.workload.arguments]
    lines = [
        f"tilewright-job {JOB_FORMAT}",
        f"threads {settings.threads}",
        f"footprint {settings.footprint_bytes}",
        f"sampling {sampling.sample_secs!r} {sampling.min_samples} {sampling.max_samples} {sampling.budget_secs!r}",
        f"limits {' '.join(repr(inf if bound is None else bound) for bound in bounds)} {len(best)} {' '.join(map(repr, best))}",
        f"rounds {settings.rounds}",
        *_tensor_lines("inputs", case.inputs, constant),
        *_tensor_lines("outputs", case.outputs, [False] * len(case.outputs)),
        f"candidates {len(candidates)}",
    ]
    for position, artifact in enumerate(candidates):
        lines.append(f"candidate {candidate_name(position)} {artifact.symbol} {artifact.pack_symbol or '-'}")
        lines += [*_param_lines(artifact.params), *_param_lines(artifact.pack_params)]
    return ("\n".join(lines) + "\n").encode()


def candidate_name(position: int) -> str:
    return f"candidate{position}.so"


def arrays_file(arrays: Sequence[NDArray[Any]]) -> bytes:
    """One array after the other, each at a multiple of 64 bytes."""
    return b"".join(array.tobytes().ljust(align_up(array.nbytes, ALIGNMENT), b"\0") for array in arrays)


def read_times(output: bytes, count: int) -> list[CandidateTimes]:
    """Raises `MeasureError` for what no harness writes: the candidate has written there, or into the harness's memory."""
    lines = output.decode(errors="replace").splitlines()
    if len(lines) != count:
        raise MeasureError(f"the harness wrote {len(lines)} lines in place of {count} with times: the candidate ended it, or wrote there")
    try:
        return [_read_line(line) for line in lines]
    except ValueError as error:
        raise MeasureError(f"the harness wrote no times: {error}") from error


def _read_line(line: str) -> CandidateTimes:
    word, early, error, *secs = line.split()
    times = tuple(float(text) for text in secs)
    if word != "times" or early not in ("0", "1") or not times or not all(0.0 < time < inf for time in times):
        raise ValueError(line[:200])
    return CandidateTimes(times, early == "1", None if error == "-" else float(error))


def _tensor_lines(word: str, arrays: Sequence[NDArray[Any]], constant: Sequence[bool]) -> list[str]:
    lines = [f"{word} {len(arrays)}"]
    for array, is_constant in zip(arrays, constant, strict=True):
        lines.append(f"{array.nbytes} {int(is_constant)} {'f' if array.dtype.kind == 'f' else 'i'} {array.dtype.itemsize}")
    return lines


def _param_lines(params: Sequence[Param]) -> list[str]:
    sizes = (TensorType(param.buffer.shape, param.buffer.dtype).size_bytes for param in params)
    return [str(len(params)), *(f"{ROLES[param.role]} {param.index} {size}" for param, size in zip(params, sizes, strict=True))]
