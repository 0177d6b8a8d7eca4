"""A fixed kernel that tells how the machine is just now: multiply-adds in registers, and reading what lies in the second-level cache.

Timed beside candidates, by `measure/run_job.py`, on as many threads as they have. A neighbour who takes a share of a core, the frequency or
the caches makes it slower than it was when all was calm, whatever the candidates are. Next: `tuner/noise_guard.py` judges the readings.
"""

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from compiler.runtime import allocate_bytes
from compiler.target import Target
from measure.ceiling import CeilingLoops

READING_FACT = "reading_secs"
SAMPLES = 6
MULTIPLY_ADDS, PASSES = 1 << 15, 8  # 0.1 ms each on one core of a Zen 5: a reading takes a millisecond
READ_FLOATS = 1 << 16


class ReferenceKernel:
    """Machine code and data, made once."""

    def __init__(self) -> None:
        self._loops = CeilingLoops(Target.parse("host"))
        step = self._loops.shape.step
        self._count = READ_FLOATS // step * step

    def reading_secs(self, threads: int) -> float:
        """Mean of a few runs; on several threads that of the slowest thread."""
        if threads == 1:
            return self._mean_secs()
        with ThreadPoolExecutor(threads) as pool:
            return max(pool.map(lambda _: self._mean_secs(), range(threads)))

    def _mean_secs(self) -> float:
        data = allocate_bytes(4 * (self._count + self._loops.shape.step)).view(np.float32)
        data.fill(1.0)
        scratch = np.full(2 * self._loops.shape.lanes, 0.5, np.float32)
        start = perf_counter()
        for _ in range(SAMPLES):
            self._loops.multiply_add(MULTIPLY_ADDS, scratch)
            self._loops.read(PASSES * self._count // self._loops.shape.step, self._count, data)
        return (perf_counter() - start) / SAMPLES
