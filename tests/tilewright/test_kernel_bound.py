"""What a kernel could take at best."""

import pytest

from measure import BandwidthCurve, Roofline
from tests.tilewright.kernel_workloads import convolution, dense, unary
from tilewright.kernel_bound import Limit, kernel_bound, kernel_work

ROOFLINE = Roofline(threads=1, gflops=100.0, read=BandwidthCurve(((1 << 20, 200.0), (2 << 20, 20.0))))
MULTIPLIED = 2 * 64 * 64 * 9 * 56 * 56
FUSED = 2 * 64 * 56 * 56  # the bias and the relu


def test_a_direct_convolution_is_bound_by_its_multiply_adds() -> None:
    work = kernel_work(convolution((64, 64), 56, 3))
    assert work.flops == work.performed_flops == MULTIPLIED + FUSED
    assert work.moved_bytes == 2 * 4 * 64 * 56 * 56
    assert work.constant_bytes == 4 * (64 * 64 * 9 + 64)
    bound = kernel_bound(work, 1 << 20, ROOFLINE)
    assert bound.limit is Limit.MULTIPLY_ADDS
    assert bound.secs == pytest.approx((MULTIPLIED + FUSED) / 100e9)


def test_a_winograd_convolution_is_bound_by_what_it_multiplies_itself() -> None:
    work = kernel_work(convolution((64, 64), 56, 3, tile=(4, 4)))
    assert work.flops == MULTIPLIED + FUSED
    assert work.performed_flops == pytest.approx(MULTIPLIED * 36 / (16 * 9) + FUSED)
    assert work.constant_bytes == pytest.approx(4 * (64 * 64 * 36 + 64))


def test_tiles_beyond_the_edge_are_multiplied_too() -> None:
    work = kernel_work(convolution((64, 64), 7, 3, tile=(2, 4)))
    direct, fused = 2 * 64 * 64 * 9 * 49, 2 * 64 * 49
    assert work.performed_flops == pytest.approx(direct * (4 * 2 * 24) / (49 * 9) + fused)


def test_a_dense_layer_is_bound_by_its_weights() -> None:
    """They come from wherever the weights of the whole model are."""
    work = kernel_work(dense(64, 1000))
    assert work.constant_bytes == 4 * 64 * 1000
    cached, streamed = (kernel_bound(work, size, ROOFLINE) for size in (1 << 20, 2 << 20))
    assert cached.limit is streamed.limit is Limit.BANDWIDTH
    assert cached.secs == pytest.approx(4 * (64 + 1000 + 64000) / 200e9)
    assert streamed.secs == pytest.approx(4 * (64 + 1000) / 200e9 + 4 * 64000 / 20e9)


def test_activations_come_from_the_cache_that_they_fit() -> None:
    small, large = (kernel_bound(kernel_work(unary("relu", (count,))), 0, ROOFLINE) for count in (1 << 16, 1 << 20))
    assert small.secs == pytest.approx(8 * (1 << 16) / 200e9)
    assert large.secs == pytest.approx(8 * (1 << 20) / 20e9)
