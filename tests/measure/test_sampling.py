"""How many calls a time is made of, on a clock of our own."""

from measure.sampling import Samples, SamplingOptions, take_samples

OPTIONS = SamplingOptions(sample_secs=1e-3, min_samples=3, max_samples=10, budget_secs=20e-3)


class FakeKernel:
    """A call takes `secs`, the first one `first_secs`; notes how many calls each batch had."""

    def __init__(self, secs: float, first_secs: float | None = None) -> None:
        self.secs = secs
        self.first_secs = first_secs
        self.batches: list[int] = []

    def time(self, number: int) -> float:
        first = not self.batches
        self.batches.append(number)
        return self.first_secs if first and self.first_secs is not None else self.secs


def test_a_sample_lasts_about_as_long_as_asked() -> None:
    kernel = FakeKernel(10e-6)
    samples = take_samples(kernel.time, OPTIONS)
    assert samples == Samples((10e-6,) * 10)
    assert kernel.batches[-10:] == [100] * 10


def test_a_slow_first_call_does_not_shorten_the_samples() -> None:
    kernel = FakeKernel(10e-6, first_secs=200e-6)
    take_samples(kernel.time, OPTIONS)
    assert kernel.batches[-1] == 100


def test_slow_kernels_get_few_samples() -> None:
    kernel = FakeKernel(9e-3)
    assert len(take_samples(kernel.time, OPTIONS).run_secs) == 3
    assert kernel.batches == [1] * 4


def test_a_far_slower_candidate_is_given_up_after_one_call() -> None:
    slow = FakeKernel(5e-3)
    assert take_samples(slow.time, OPTIONS, 3e-3) == Samples((5e-3,), stopped_early=True)
    assert slow.batches == [1, 1]
    hopeless = FakeKernel(50e-3)
    assert take_samples(hopeless.time, OPTIONS, 3e-3).stopped_early
    assert hopeless.batches == [1]


def test_a_cold_first_call_is_no_reason_to_give_up() -> None:
    kernel = FakeKernel(1e-3, first_secs=5e-3)
    assert not take_samples(kernel.time, OPTIONS, 3e-3).stopped_early


def test_a_kernel_too_short_for_the_clock_is_timed_all_the_same() -> None:
    kernel = FakeKernel(0.0)
    assert take_samples(kernel.time, OPTIONS, 1e-3).run_secs == (0.0,) * 10


def test_a_candidate_that_is_behind_gets_few_samples() -> None:
    best = (0.5e-3, 0.51e-3, 0.5e-3, 0.52e-3, *[0.5e-3] * 6)
    assert take_samples(FakeKernel(1e-3).time, OPTIONS, best_run_secs=best) == Samples((1e-3,) * 2, stopped_early=True)
    assert take_samples(FakeKernel(0.51e-3).time, OPTIONS, best_run_secs=best).run_secs == (0.51e-3,) * 4
    assert take_samples(FakeKernel(0.4e-3).time, OPTIONS, best_run_secs=best) == Samples((0.4e-3,) * 10)
