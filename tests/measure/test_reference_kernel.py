"""The fixed kernel that tells how the machine is."""

import pytest

from measure import READING_FACT, LocalRunner, ReferenceKernel, RunLimits, RunnerOptions
from tests.measure.planted_kernels import planted


@pytest.mark.parametrize("threads", [1, 2])
def test_a_reading_is_a_time(threads: int) -> None:
    kernel = ReferenceKernel()
    assert all(0 < kernel.reading_secs(threads) < 1 for _ in range(3))


def test_a_runner_reads_when_it_is_asked() -> None:
    with LocalRunner(RunnerOptions(threads=1)) as runner:
        assert dict(runner.run(planted("good"), RunLimits(with_reading=True)).facts)[READING_FACT] > 0
        assert READING_FACT not in dict(runner.run(planted("good"), RunLimits()).facts)
