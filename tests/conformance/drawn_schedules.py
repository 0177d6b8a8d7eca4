"""Where compilation may ask for schedules instead of a database: candidates drawn from the spaces."""

import numpy as np

from compiler.driver import ScheduleChoice
from compiler.runtime import Executable
from compiler.target import Target
from compiler.workload import Workload
from schedule_space import space_for


class DrawnSchedules:
    """Knows for each workload one candidate, the same one whenever it is asked."""

    def __init__(self, seed: int, threads: int) -> None:
        self.seed, self.threads = seed, threads

    def best_schedule(self, workload: Workload, target: Target, device: None) -> ScheduleChoice:  # noqa: ARG002 - the protocol
        space = space_for(workload, target, self.threads)
        rng = np.random.default_rng([self.seed, int(workload.key[:8], 16)])
        (candidate,) = space.sample(rng, 1) or [space.default()]
        return ScheduleChoice(space.schedule(candidate), f"drawn {candidate.key}")


def refused_kernels(executable: Executable) -> list[str]:
    """Kernels whose schedule could not be compiled, so that the default stands in; too long ones are not told."""
    sources = [(kernel.workload, kernel.schedule_source) for kernel in executable.kernels]
    return [f"{workload}: {source}" for workload, source in sources if "failed" in source and "unrolls to more than" not in source]
