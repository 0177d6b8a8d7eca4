"""The least time that a kernel could take on a machine: by its multiply-adds or by the bytes that it moves. Next: `profile_model.py`.

Bytes count once each way, at the bandwidth of the cache or memory that holds them: activations were written by the kernel before, so all
of a kernel's own decide; constants come around once a run, so those of the whole model do.
"""

from dataclasses import dataclass
from enum import StrEnum

from compiler.graph import performed_flops, weight_growth, workload_bytes, workload_flops
from compiler.workload import Workload
from measure import Roofline


class Limit(StrEnum):
    MULTIPLY_ADDS = "fma"
    BANDWIDTH = "bandwidth"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelWork:
    """What a kernel does. flops: of the definition, so a Winograd convolution counts as the direct one; performed_flops: those of its own
    multiplications. moved_bytes: activations. constant_bytes: weights as the kernel reads them."""

    flops: int
    performed_flops: int
    moved_bytes: int
    constant_bytes: float


@dataclass(frozen=True, slots=True)
class Bound:
    """secs: the least time; limit: what sets it."""

    limit: Limit
    secs: float


def kernel_work(workload: Workload) -> KernelWork:
    constants = sum(argument.type.size_bytes for argument in workload.arguments if argument.constant)
    return KernelWork(
        flops=workload_flops(workload),
        performed_flops=performed_flops(workload),
        moved_bytes=workload_bytes(workload) - constants,
        constant_bytes=constants + _added_by_transform(workload),
    )


def kernel_bound(work: KernelWork, model_constant_bytes: float, roofline: Roofline) -> Bound:
    """The larger of the two times; `model_constant_bytes`: of all kernels together."""
    computing = work.performed_flops / roofline.gflops * 1e-9
    moving = work.moved_bytes / roofline.read.gbytes(work.moved_bytes) * 1e-9
    streaming = work.constant_bytes / roofline.read.gbytes(max(model_constant_bytes, work.constant_bytes)) * 1e-9
    if moving + streaming > computing:
        return Bound(Limit.BANDWIDTH, moving + streaming)
    return Bound(Limit.MULTIPLY_ADDS, computing)


def _added_by_transform(workload: Workload) -> float:
    """Bytes that constant weights of a Winograd convolution grow by when they are transformed."""
    growth = weight_growth(workload) - 1
    if not growth:
        return 0.0
    weight = workload.arguments[workload.ops[workload.anchor].inputs[1][1]]
    return growth * weight.type.size_bytes if weight.constant else 0.0
