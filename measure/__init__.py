"""Time a candidate: build it in a worker process, run it in a killable child, say what came of it. Next: `records_db`, which keeps it."""

from fleet import Device, describe_host
from measure.builder import Builder, BuilderOptions, BuildTicket
from measure.ceiling import Ceiling, CeilingLoops, measure_ceiling
from measure.errors import MeasureError
from measure.measurement import Measurement, MeasureStatus, Verification
from measure.paired_comparison import (
    FORM_SECS_FACT,
    FORM_VERDICT_FACT,
    VERDICT_FACT,
    Judged,
    Verdict,
    compare_kernels,
    judge_rounds,
    sign_test,
)
from measure.placement import Placement, place_workers
from measure.reference import ReferenceCase, make_reference_case
from measure.reference_kernel import READING_FACT, ReferenceKernel
from measure.replay import Recorded, ReplayBuilder, ReplayRunner
from measure.request import ArtifactBuilder, BuildRequest, Built, RunLimits, Runner
from measure.roofline import BandwidthCurve, Roofline, best_of, measure_roofline
from measure.runner import LocalRunner, RunnerOptions
from measure.sampling import SamplingOptions
from measure.verify import TOLERANCE, verify_outputs

__all__ = [
    "FORM_SECS_FACT",
    "FORM_VERDICT_FACT",
    "READING_FACT",
    "TOLERANCE",
    "VERDICT_FACT",
    "ArtifactBuilder",
    "BandwidthCurve",
    "BuildRequest",
    "BuildTicket",
    "Builder",
    "BuilderOptions",
    "Built",
    "Ceiling",
    "CeilingLoops",
    "Device",
    "Judged",
    "LocalRunner",
    "MeasureError",
    "MeasureStatus",
    "Measurement",
    "Placement",
    "Recorded",
    "ReferenceCase",
    "ReferenceKernel",
    "ReplayBuilder",
    "ReplayRunner",
    "Roofline",
    "RunLimits",
    "Runner",
    "RunnerOptions",
    "SamplingOptions",
    "Verdict",
    "Verification",
    "best_of",
    "compare_kernels",
    "describe_host",
    "make_reference_case",
    "measure_ceiling",
    "judge_rounds",
    "measure_roofline",
    "place_workers",
    "sign_test",
    "verify_outputs",
]
