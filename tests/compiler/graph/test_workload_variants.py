"""Which workloads have Winograd forms, what these are, and which of them a limit on the error leaves."""

from collections.abc import Sequence
from typing import Any

import pytest

from compiler.graph import performed_flops, predicted_cycles, weight_growth, workload_flops, workload_variants
from compiler.graph.workload_variants import ERROR_OF_FIXED, ERROR_OF_NARROW, ERROR_OF_PRODUCTS, MAX_NARROW, MAX_RATIO, MAX_WINOGRAD
from compiler.target import Target
from compiler.workload import Workload
from tests.schedule_space.workloads import after_relu, conv, fixed, matmul, narrow, winograd, with_silu

AVX512 = Target.parse("llvm -mcpu=skylake-avx512 -mtriple=x86_64-linux-gnu -num-cores=1")
BLOCKED = {"layout": "NCHW16c", "out_layout": "NCHW16c"}
LIMITS = (*ERROR_OF_PRODUCTS.values(), 2.9e-6, 1.0)


def blocked(data: tuple[int, ...], weight: tuple[int, ...], pad: tuple[int, int] = (1, 1), **attributes: Any) -> Workload:
    return conv(data, weight, padding=(*pad, *pad), **{**BLOCKED, **attributes})


WITH_FORMS = {
    "64 channels, 56x56": blocked((1, 4, 56, 56, 16), (64, 64, 3, 3)),
    "512 channels, 7x7": blocked((1, 32, 7, 7, 16), (512, 512, 3, 3)),
    "several images": blocked((8, 8, 14, 14, 16), (128, 128, 3, 3)),
    "with an epilogue": blocked((1, 4, 28, 28, 16), (64, 64, 3, 3), epilogue=True),
    "with an epilogue that uses it twice": with_silu(blocked((1, 4, 28, 28, 16), (64, 64, 3, 3), epilogue=True)),
    "no border": blocked((1, 4, 30, 30, 16), (64, 64, 3, 3), (0, 0)),
    "odd channels": blocked((1, 4, 28, 28, 16), (50, 55, 3, 3)),
    "5x5": blocked((1, 4, 14, 14, 16), (64, 64, 5, 5), (2, 2)),
    "1x3": blocked((1, 8, 17, 17, 16), (128, 128, 1, 3), (0, 1)),
    "1x7": blocked((1, 8, 17, 17, 16), (128, 128, 1, 7), (0, 3)),
    "7x1": blocked((1, 8, 17, 17, 16), (128, 128, 7, 1), (3, 0)),
    "stride 2": blocked((1, 4, 56, 56, 16), (128, 64, 3, 3), strides=(2, 2)),
    "from a plain layout": conv((1, 16, 56, 56), (64, 16, 3, 3), out_layout="NCHW16c"),
    "from three channels": conv((1, 3, 224, 224), (64, 3, 3, 3), out_layout="NCHW16c", epilogue=True),
    "5x5, stride 2": blocked((1, 4, 56, 56, 16), (64, 64, 5, 5), (2, 2), strides=(2, 2)),
}
WITHOUT = {
    "1x1": blocked((1, 4, 56, 56, 16), (64, 64, 1, 1), (0, 0)),
    "stride 3": blocked((1, 4, 56, 56, 16), (64, 64, 3, 3), strides=(3, 3)),
    "dilated": blocked((1, 4, 56, 56, 16), (64, 64, 3, 3), dilations=(2, 2)),
    "dilated along an axis": blocked((1, 4, 56, 56, 16), (64, 64, 3, 3), dilations=(1, 2)),
    "grouped": blocked((1, 4, 56, 56, 16), (64, 32, 3, 3), groups=2),
    "depthwise": blocked((1, 4, 56, 56, 16), (64, 1, 3, 3), groups=64),
    "plain layout": conv((1, 64, 56, 56), (64, 64, 3, 3)),
    "to a plain layout": conv((1, 4, 56, 56, 16), (64, 64, 3, 3), layout="NCHW16c"),
    "to larger blocks": blocked((1, 4, 56, 56, 16), (64, 64, 3, 3), out_layout="NCHW32c"),
    "few channels in": blocked((1, 1, 56, 56, 16), (64, 3, 3, 3)),
    "few channels out": blocked((1, 4, 56, 56, 16), (4, 64, 3, 3)),
    "a weight that is no constant": blocked((1, 4, 56, 56, 16), (64, 64, 3, 3), constant=False),
    "with a prologue": after_relu(blocked((1, 4, 56, 56, 16), (64, 64, 3, 3))),
    "9x9": blocked((1, 2, 56, 56, 16), (64, 32, 9, 9), (4, 4)),
    "one pixel, so that the weights decide": blocked((1, 12, 3, 3, 16), (128, 192, 3, 3), (0, 0)),
    "a form itself": winograd(blocked((1, 4, 56, 56, 16), (64, 64, 3, 3)), 4, 4),
    "a product": matmul((64, 64), (64, 64)),
}


def products_of(form: Workload) -> tuple[int, int]:
    """Elements of a transformed column and row."""
    anchor = form.ops[form.anchor]
    kernel = form.arguments[anchor.inputs[1][1]].type.shape[2:]
    taps = [-(-extent // stride) for extent, stride in zip(kernel, anchor.attributes["strides"], strict=True)]
    (my, mx), (r, s) = anchor.attributes["tile"], taps
    return my + r - 1, mx + s - 1


def wide(forms: Sequence[Workload]) -> list[Workload]:
    """Those with whole weights."""
    return [form for form in forms if "weight_bytes" not in form.ops[form.anchor].attributes]


@pytest.mark.parametrize("name", WITH_FORMS)
def test_forms(name: str) -> None:
    workload = WITH_FORMS[name]
    first, *forms = workload_variants(workload, AVX512)
    assert first is workload
    forms = wide(forms)
    assert 1 <= len(forms) <= MAX_WINOGRAD
    assert len(set(forms)) == len(forms)
    for form in forms:
        assert form.ops[form.anchor].op == "winograd_conv2d"
        assert form == winograd(workload, *form.ops[form.anchor].attributes["tile"])
        assert form.output_types == workload.output_types
        assert max(products_of(form)) <= 8
        assert workload_flops(form) == workload_flops(workload)
        assert performed_flops(form) < performed_flops(workload)
    cycles = [predicted_cycles(form, AVX512) for form in forms]
    assert cycles == sorted(cycles)
    assert 0 < cycles[-1] < MAX_RATIO * predicted_cycles(workload, AVX512)


@pytest.mark.parametrize("name", WITHOUT)
def test_no_forms(name: str) -> None:
    assert workload_variants(WITHOUT[name], AVX512) == (WITHOUT[name],)


def test_what_has_no_forms_has_no_prediction() -> None:
    assert predicted_cycles(matmul((64, 64), (64, 64), constant=False), AVX512) == 0.0
    assert predicted_cycles(WITHOUT["plain layout"], AVX512) == 0.0


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("name", WITH_FORMS)
def test_a_limit_on_the_error(name: str, limit: float) -> None:
    workload = WITH_FORMS[name]
    first, *forms = workload_variants(workload, AVX512, limit)
    assert first is workload
    for form in wide(forms):
        typical = [error for count, error in ERROR_OF_PRODUCTS.items() if count >= max(products_of(form))]
        assert typical[0] <= limit
    assert bool(forms) or limit < 1e-4


@pytest.mark.parametrize("name", WITH_FORMS)
def test_no_error_leaves_the_direct_form_alone(name: str) -> None:
    for limit in (0.0, 1e-7):
        assert workload_variants(WITH_FORMS[name], AVX512, limit) == (WITH_FORMS[name],)


def test_small_outputs_have_no_large_tiles() -> None:
    """A tile twice as long as the axis would be mostly idle."""
    for size in (1, 2, 3, 5, 7):
        for form in workload_variants(blocked((64, 4, size, 29, 16), (64, 64, 3, 3)), AVX512)[1:]:
            my, _ = form.ops[0].attributes["tile"]
            assert my == 2 or my < 2 * size


def test_performed_operations() -> None:
    """Those of the matrix products, over whole tiles."""
    whole = blocked((2, 4, 12, 12, 16), (64, 64, 3, 3))
    assert performed_flops(whole) == workload_flops(whole) == 2 * 2 * 144 * 9 * 64 * 64
    assert performed_flops(winograd(whole, 4, 4)) == 2 * 2 * 9 * 36 * 64 * 64
    assert performed_flops(winograd(whole, 2, 6)) == 2 * 2 * 12 * 32 * 64 * 64
    partial = blocked((1, 4, 7, 13, 16), (64, 50, 3, 3))
    assert performed_flops(winograd(partial, 4, 2)) == 2 * (2 * 7) * 24 * 64 * 50
    strided = blocked((1, 4, 28, 28, 16), (64, 64, 3, 3), strides=(2, 2))
    assert performed_flops(winograd(strided, 2, 4)) == 2 * (7 * 4) * 4 * (3 * 5) * 64 * 64
    fused = blocked((1, 4, 12, 12, 16), (64, 64, 3, 3), epilogue=True)
    elements = 144 * 64
    assert (
        performed_flops(winograd(fused, 4, 4)) - performed_flops(winograd(blocked((1, 4, 12, 12, 16), (64, 64, 3, 3)), 4, 4))
        == 3 * elements
    )


LARGE = {
    "512 channels, 7x7": WITH_FORMS["512 channels, 7x7"],
    "1x1": blocked((1, 32, 7, 7, 16), (512, 512, 1, 1), (0, 0)),
    "stride 2": blocked((1, 16, 14, 14, 16), (512, 256, 3, 3), strides=(2, 2), epilogue=True),
    "dilated": blocked((1, 16, 14, 14, 16), (256, 256, 3, 3), (2, 2), dilations=(2, 2)),
    "from a plain layout": conv((1, 256, 14, 14), (256, 256, 3, 3), out_layout="NCHW16c"),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_weights_have_forms_of_three_bytes(name: str) -> None:
    workload = LARGE[name]
    forms = workload_variants(workload, AVX512)
    whole = wide(forms)
    narrowed = list(forms[len(whole) :])
    assert 1 <= len(narrowed) <= MAX_NARROW
    for form in narrowed:
        attributes = dict(form.ops[form.anchor].attributes)
        assert attributes.pop("weight_bytes") == 3
        (same,) = (each for each in whole if each.ops[each.anchor].attributes == attributes)
        assert form == narrow(same)
        assert weight_growth(form) == 0.75 * weight_growth(same)
        assert workload_flops(form) == workload_flops(workload)
        assert performed_flops(form) == performed_flops(same)
        if same.ops[same.anchor].op == "winograd_conv2d":
            assert min(products_of(same)) <= 4
            assert max(products_of(same)) <= 6
    cycles = [predicted_cycles(form, AVX512) for form in narrowed]
    assert cycles == sorted(cycles)


@pytest.mark.parametrize(
    "product",
    [matmul((1, 1024), (1024, 1024)), matmul((1, 4096), (1000, 4096), transpose_b=True), matmul((2, 3, 512), (512, 512))],
    ids=str,
)
def test_products_of_few_rows_with_large_matrices_have_one_of_the_fewest_bytes_allowed(product: Workload) -> None:
    assert workload_variants(product, AVX512) == workload_variants(product, AVX512, ERROR_OF_FIXED) == (product, fixed(product))
    assert workload_variants(product, AVX512, 0.9 * ERROR_OF_FIXED) == (product, narrow(product))
    assert workload_variants(product, AVX512, 0.9 * ERROR_OF_NARROW[1]) == (product,)
    cycles = [predicted_cycles(form, AVX512) for form in (fixed(product), narrow(product), product)]
    assert cycles[0] < cycles[1] < cycles[2]
    for form, growth in ((fixed(product), 0.5), (narrow(product), 0.75)):
        assert weight_growth(form) == growth
        assert performed_flops(form) == workload_flops(form) == workload_flops(product)


def test_limits_on_the_error_of_narrow_weights() -> None:
    workload = LARGE["512 channels, 7x7"]
    for limit, largest in ((0.9 * ERROR_OF_NARROW[1], 0), (ERROR_OF_NARROW[1], 1), (ERROR_OF_NARROW[4], 4), (ERROR_OF_NARROW[6], 6)):
        forms = workload_variants(workload, AVX512, limit)
        narrowed = forms[len(wide(forms)) :]
        sizes = [max(products_of(form)) if form.ops[0].op == "winograd_conv2d" else 1 for form in narrowed]
        assert max(sizes, default=0) <= largest


@pytest.mark.parametrize(
    "workload",
    [
        blocked((1, 4, 56, 56, 16), (64, 64, 3, 3)),
        blocked((1, 16, 14, 14, 16), (512, 256, 3, 3), constant=False),
        blocked((1, 64, 7, 7, 16), (1024, 512, 3, 3), groups=2),
        conv((1, 256, 14, 14), (256, 256, 3, 3)),
        narrow(LARGE["1x1"]),
        matmul((1, 500), (500, 500)),
        matmul((1, 1024), (1024, 1024), constant=False),
        matmul((1, 1024), (3, 1024, 1024)),
        matmul((512, 1024), (1024, 1024)),
        narrow(matmul((1, 1024), (1024, 1024))),
        fixed(matmul((1, 1024), (1024, 1024))),
    ],
    ids=str,
)
def test_no_narrow_forms(workload: Workload) -> None:
    """Of few or variable weights, of groups, of plain outputs, of products that are bound by arithmetic, and of what is narrow already."""
    forms = workload_variants(workload, AVX512)
    assert list(forms[1:]) == wide(forms[1:])
