"""What kernels are called."""

import pytest

from compiler.workload import Workload
from tests.schedule_space.workloads import fixed, narrow
from tests.tilewright.kernel_workloads import convolution, dense, unary
from tilewright.kernel_label import layouts, short_form, variant

POOL = {"kernel": (2, 2), "strides": (2, 2), "dilations": (1, 1), "padding": (0, 0, 0, 0), "output_size": (4, 4), "layout": "NCHW16c"}
CHANGE = {"source": "NCHW", "destination": "NCHW16c", "channels": 32}


@pytest.mark.parametrize(
    ("workload", "wanted"),
    [
        (convolution((64, 64), 56, 3), "direct"),
        (convolution((64, 64), 56, 3, tile=(4, 4)), "winograd F(4x4)"),
        (convolution((64, 64), 7, 3, tile=(2, 4)), "winograd F(2x4)"),
        (narrow(convolution((64, 64), 56, 3)), "direct, 3 bytes"),
        (narrow(convolution((64, 64), 56, 3, tile=(2, 2))), "winograd F(2x2), 3 bytes"),
        (convolution((64, 64), 56, 3, groups=64), "depthwise"),
        (convolution((64, 64), 56, 3, groups=2), "grouped"),
        (dense(512, 1000), "matmul"),
        (fixed(dense(512, 1000)), "matmul, 2 bytes"),
        (unary("max_pool", (1, 2, 8, 8, 16), **POOL), "pool"),
        (unary("global_average_pool", (1, 2, 8, 8, 16), layout="NCHW16c"), "pool"),
        (unary("layout_transform", (1, 32, 8, 8), **CHANGE), "layout change"),
        (unary("relu", (2, 3)), "elementwise"),
        (unary("transpose", (2, 3), perm=(1, 0)), "copy"),
        (unary("reduce_sum", (2, 3), axes=(0,), keepdims=True), "reduction"),
        (unary("softmax", (1, 10), axis=1), "softmax"),
    ],
)
def test_variants(workload: Workload, wanted: str) -> None:
    assert variant(workload) == wanted


def test_a_workload_as_text_names_its_form() -> None:
    assert str(convolution((64, 64), 56, 3, tile=(2, 4))).startswith("winograd_conv2d[2x4]")
    assert str(narrow(convolution((64, 64), 56, 3, tile=(2, 4)))).startswith("winograd_conv2d[2x4, 3 bytes]")
    assert str(narrow(convolution((64, 64), 56, 3))).startswith("conv2d[3 bytes]")
    assert str(fixed(dense(64, 64))).startswith("matmul[2 bytes]")


def test_layouts() -> None:
    assert layouts(convolution((64, 64), 56, 3)) == ("NCHW16c", "NCHW16c")
    assert layouts(unary("layout_transform", (1, 32, 8, 8), **CHANGE)) == ("NCHW", "NCHW16c")
    assert layouts(unary("max_pool", (1, 2, 8, 8, 16), **POOL)) == ("NCHW16c", "NCHW16c")
    assert layouts(dense(512, 1000)) is None


def test_short_forms() -> None:
    assert short_form(convolution((64, 128), 56, 3, stride=2)) == "64->128 3x3/2 28x28 +add+relu"
    assert short_form(convolution((64, 64), 14, 3, groups=64, batch=8)) == "64->64 3x3 14x14 batch 8 +add+relu"
    assert short_form(convolution((64, 64), 56, 3, tile=(4, 4))) == "64->64 3x3 56x56 +add+relu"
    assert short_form(dense(512, 1000)) == "matmul 1x512 -> 1x1000"
    assert short_form(unary("relu", ())) == "relu scalar -> scalar"
