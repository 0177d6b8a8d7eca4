"""Default schedules with short code, for models whose code has to be small.

In: workload, target, threads. Out: a `Schedule`. The register tile stays; its loop is unrolled no further than its overhead asks for.
Measured with AVX-512 (Zen 5, one thread, minima of 25 interleaved rounds of default and short schedules; kB of kernels, ms): SqueezeNet
141 and 2.48, 75 and 2.35; ResNet-50 210 and 30.2, 99 and 29.3; ShuffleNet 130 and 5.10, 88 and 5.14. On RISC-V without vectors SqueezeNet's
kernels take 80 kB, and 227 where vectors stand for one instruction each and Winograd's transforms have all lanes in a row.
"""

from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from schedule_space.choose_template import space_for

ENOUGH = 48  # multiply-adds in a loop body, in instructions, against some five instructions that count and branch


def short_schedule(workload: Workload, target: Target, threads: int) -> Schedule:
    """The default schedule, with the least unrolling that leaves `ENOUGH` multiply-adds in the body."""
    space = space_for(workload, target, threads)
    best = space.default()
    decisions = dict(best.decisions)
    accumulators = space.describe(best).get("accumulators", 0.0) * (1 if target.has_vectors else target.vector_lanes)
    unrolls = [choice for parameter in space.parameters if parameter.name == "unroll" for choice in parameter.choices]
    for unroll in sorted(int(choice) for choice in unrolls):
        shorter = {**decisions, "unroll": unroll}
        if unroll * accumulators >= ENOUGH and unroll < int(decisions["unroll"]) and space.is_valid(shorter):
            return space.schedule(space.candidate(shorter))
    return space.schedule(best)
