"""What a measuring child does: load a candidate, time it, compare its answer with the reference.

Run by `measure/child_server.py`, which makes the inputs and the reference of a workload once, in the server. Its children time one
candidate after the other, for a fork costs more than a timing; a candidate that fails in a child where others ran before gets a second
chance in a fresh one (`measure/runner.py`, the other end), so that none is blamed for what another has overwritten.
"""

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from compiler.codegen import Artifact
from compiler.codegen.llvm import load_objects
from compiler.driver import BoundKernel, ColdMemory, LoadedKernel
from compiler.runtime import ThreadPool, native_runtime
from compiler.workload import Workload
from measure.frames import Frame
from measure.measurement import MeasureStatus, Verification
from measure.paired_comparison import compare_kernels
from measure.reference import ReferenceCase, make_reference_case
from measure.reference_kernel import ReferenceKernel
from measure.request import RunLimits
from measure.sampling import SamplingOptions, take_samples
from measure.verify import verify_outputs

CASES_BYTES = 512 << 20  # of reference cases are kept; every fork copies the page tables of what is kept


class RunJobs:
    """Holds the reference cases of the workloads that were measured last, and the memory from which weights come cold."""

    def __init__(self) -> None:
        self._cases: OrderedDict[tuple[str, int], ReferenceCase] = OrderedDict()
        self._cold: ColdMemory | None = None

    def warm_up(self) -> None:
        load_objects((), native_runtime().symbols)
        self._reference_kernel = ReferenceKernel()
        self._reference_kernel.reading_secs(1)

    def prepare(self, job: Frame) -> bool:
        known = (job.header["workload"], job.header["seed"]) in self._cases
        self._case(job.header)
        missing = job.header["footprint"] > (self._cold.size_bytes if self._cold else 0)
        if missing:
            self._cold = ColdMemory(job.header["footprint"])
        return missing or not known

    def handle(self, job: Frame) -> Frame:
        """`{"workload", "seed", "threads", "footprint", "cold", "sampling", "sizes", "limits" or "rounds"}`, and the artifacts."""
        case = self._case(job.header)
        with ThreadPool(job.header["threads"], native_runtime()) as pool:
            constants = {position for position, argument in enumerate(case.workload.arguments) if argument.constant}
            from_memory = constants | set(job.header["cold"])
            kernels = [
                LoadedKernel(artifact, pool).prepare(
                    case.inputs, case.workload.output_types, constants=from_memory, cold=self._cold if job.header["footprint"] else None
                )
                for artifact in _artifacts(job)
            ]
            sampling = SamplingOptions(**job.header["sampling"])
            if "rounds" in job.header:
                return _compare(kernels, case, sampling, job.header["rounds"])
            limits = RunLimits(**job.header["limits"])
            report = _run(kernels[0], case, sampling, limits)
        if limits.with_reading:
            report["reading_secs"] = self._reference_kernel.reading_secs(job.header["threads"])
        return Frame(report)

    def _case(self, header: dict[str, Any]) -> ReferenceCase:
        key = (header["workload"], header["seed"])
        if key not in self._cases:
            self._cases[key] = make_reference_case(Workload.from_json(json.loads(header["workload"])), header["seed"])
        self._cases.move_to_end(key)
        while len(self._cases) > 1 and sum(case.size_bytes for case in self._cases.values()) > CASES_BYTES:
            self._cases.popitem(last=False)
        return self._cases[key]


def _artifacts(job: Frame) -> Iterator[Artifact]:
    start = 0
    for size in job.header["sizes"]:
        yield Artifact.from_bytes(job.blob[start : start + size])
        start += size


def _run(kernel: BoundKernel, case: ReferenceCase, sampling: SamplingOptions, limits: RunLimits) -> dict[str, Any]:
    samples = take_samples(kernel.time, sampling, limits.abandon_above_secs, limits.best_run_secs)
    verification = None
    if not samples.stopped_early and (limits.verify_below_secs is None or min(samples.run_secs) < limits.verify_below_secs):
        verification = _verify(kernel, case)
    return _report(samples.run_secs, samples.stopped_early, verification)


def _compare(kernels: list[BoundKernel], case: ReferenceCase, sampling: SamplingOptions, rounds: int) -> Frame:
    """Wrong candidates take no part in the comparison."""
    checks = [_verify(kernel, case) for kernel in kernels]
    right = [position for position, check in enumerate(checks) if check.passed]
    judged = compare_kernels([kernels[position].time for position in right], rounds, sampling.sample_secs) if right else []
    reports = [_report((), False, check) for check in checks]
    for position, each in zip(right, judged, strict=True):
        reports[position] |= {"run_secs": each.run_secs, "verdict": each.verdict, "p": each.p}
    return Frame({"candidates": reports})


def _verify(kernel: BoundKernel, case: ReferenceCase) -> Verification:
    """Runs once more over outputs that hold no trace of an answer."""
    outputs = kernel.outputs()
    for output in outputs:
        output.reshape(-1).view(np.uint8).fill(0xFF)
    kernel.run()
    return verify_outputs(outputs, case.outputs, case.seed)


def _report(run_secs: tuple[float, ...], stopped_early: bool, verification: Verification | None) -> dict[str, Any]:
    verdict = None if verification is None else asdict(verification)
    report: dict[str, Any] = {"status": MeasureStatus.OK, "run_secs": run_secs, "stopped_early": stopped_early, "verification": verdict}
    if verification is not None and not verification.passed:
        error = f"largest error {verification.max_error:.2g} of the largest output, {verification.tolerance:.0e} is allowed"
        report |= {"status": MeasureStatus.WRONG_ANSWER, "run_secs": (), "error": error}
    return report


def make_jobs() -> RunJobs:
    return RunJobs()
