"""The least time of a workload on a machine that is known by its `Target` only: what predictions are relative to.

In: workload, target. Out: seconds of a nominal machine. log(time) - log(nominal time) carries over between shapes and, up to a constant
that a task's first trials tell, between devices; `measure/roofline.py` measures a machine's true limits, for reports.
"""

from compiler.graph import performed_flops, weight_growth, workload_bytes
from compiler.target import Target
from compiler.workload import Workload

HERTZ = 3e9
VECTOR_MULTIPLY_ADDS = 2  # a cycle
L2_CYCLE_BYTES, L3_CYCLE_BYTES, MEMORY_CYCLE_BYTES = 32.0, 12.0, 5.0  # read, of one core (Zen 5: 30, 11 and 5)
CALL_SECS = 1e-6


def weight_bytes(workload: Workload) -> float:
    """Of the constant arguments, as the kernel reads them."""
    return weight_growth(workload) * sum(argument.type.size_bytes for argument in workload.arguments if argument.constant)


def nominal_secs(workload: Workload, target: Target) -> float:
    """The larger of arithmetic and traffic, all threads of the target working at the nominal speed, plus a call."""
    arithmetic = performed_flops(workload) / (2 * VECTOR_MULTIPLY_ADDS * target.vector_lanes)
    touched = workload_bytes(workload)
    width = L2_CYCLE_BYTES if touched <= target.l2_bytes else L3_CYCLE_BYTES if touched <= target.l3_bytes else MEMORY_CYCLE_BYTES
    return max(arithmetic, touched / width) / HERTZ / target.cores + CALL_SECS
