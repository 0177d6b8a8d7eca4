"""A direct convolution as lowering writes it: NCHW16c, a register tile, packed weights, a parallel loop over output blocks and rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from compiler.codegen.llvm import generate_object
from compiler.loop_ir import Allocate, For, LoopFunc, LoopKind, Seq, Stmt, Store
from compiler.lower import LoweredKernel
from compiler.target import Target
from compiler.te import Buffer, Const, Load, Var, maximum
from compiler.tensor_type import FLOAT32

Array = np.ndarray[Any, Any]
LANES = 16


def convolution(channels: int, filters: int, size: int, kernel: int, stride: int, columns: int, blocks: int) -> LoopFunc:
    """x[ic/16, ih, iw, 16], w[oc/16/blocks, ic/16, kh, kw, 16, blocks, 16] -> relu(y)[oc/16, oh, ow, 16]; x is padded already.

    The register tile is columns x blocks vectors, its 16 input channels are unrolled.
    """
    extent = (size - 1) * stride + kernel
    x = Buffer("x", (channels // LANES, extent, extent, LANES))
    w = Buffer("w", (filters // LANES // blocks, channels // LANES, kernel, kernel, LANES, blocks, LANES))
    y = Buffer("y", (filters // LANES, size, size, LANES))
    acc = Buffer("acc", (columns, blocks, LANES), scope="register")
    row, owo, owi, ocb, oci = (Var(name) for name in ("row", "owo", "owi", "ocb", "oci"))
    ico, kh, kw, ici = (Var(name) for name in ("ico", "kh", "kw", "ici"))
    oco, oh, ow = row // size, row % size, owo * columns + owi

    def tile(store: Stmt) -> Stmt:
        lanes = For("oci", LANES, store, LoopKind.VECTORIZED)
        return For("owi", columns, For("ocb", blocks, lanes, LoopKind.UNROLLED), LoopKind.UNROLLED)

    total = Load(acc, (owi, ocb, oci))
    product = Load(x, (ico, oh * stride + kh, ow * stride + kw, ici)) * Load(w, (oco, ico, kh, kw, ici, ocb, oci))
    reduction: Stmt = For("ici", LANES, tile(Store(acc, (owi, ocb, oci), total + product)), LoopKind.UNROLLED, reduce=True)
    for name, count in (("kw", kernel), ("kh", kernel), ("ico", channels // LANES)):
        reduction = For(name, count, reduction, reduce=True)
    init = tile(Store(acc, (owi, ocb, oci), Const(0.0, FLOAT32)))
    end = tile(Store(y, (oco * blocks + ocb, oh, ow, oci), maximum(total, 0.0)))
    body = For("owo", size // columns, Allocate(acc, Seq((init, reduction, end))))
    return LoopFunc("conv", (x, w, y), For("row", filters // LANES // blocks * size, body, LoopKind.PARALLEL))


def reference(x: Array, w: Array, stride: int, size: int) -> Array:
    wide, weights = x.astype(np.float64), w.astype(np.float64)
    y = np.zeros((w.shape[0], w.shape[5], size, size, LANES))
    for kh in range(w.shape[2]):
        for kw in range(w.shape[3]):
            window = wide[:, kh : kh + (size - 1) * stride + 1 : stride, kw : kw + (size - 1) * stride + 1 : stride]
            y += np.einsum("ihwc,oicbf->obhwf", window, weights[:, :, kh, kw])
    return np.maximum(y, 0).reshape(-1, size, size, LANES)


@pytest.mark.parametrize(
    ("channels", "filters", "size", "kernel", "stride", "columns", "blocks"),
    [(32, 32, 14, 3, 1, 14, 1), (32, 32, 14, 3, 1, 7, 2), (16, 64, 7, 3, 2, 7, 4), (48, 32, 4, 1, 1, 4, 2), (16, 16, 6, 5, 1, 3, 1)],
)
def test_convolution(
    run: Callable[..., Any], channels: int, filters: int, size: int, kernel: int, stride: int, columns: int, blocks: int
) -> None:
    func = convolution(channels, filters, size, kernel, stride, columns, blocks)
    rng = np.random.default_rng(47)
    arrays = [rng.standard_normal(buffer.shape).astype(np.float32) for buffer in func.params]
    run(func, arrays)
    expected = reference(arrays[0], arrays[1], stride, size)
    np.testing.assert_allclose(arrays[2], expected, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("target", ["x86-64-v4", "x86-64-v3"])
def test_same_result_on_narrower_machines(run: Callable[..., Any], target: str) -> None:
    if any(not Target.parse("host").has(feature) for feature in ("avx2", *(("avx512f",) if target == "x86-64-v4" else ()))):
        pytest.skip(f"this machine does not run {target}")
    func = convolution(16, 32, 6, 3, 1, 6, 1)
    rng = np.random.default_rng(53)
    arrays = [rng.standard_normal(buffer.shape).astype(np.float32) for buffer in func.params]
    run(func, arrays, target)
    np.testing.assert_allclose(arrays[2], reference(arrays[0], arrays[1], 1, 6), atol=1e-4)


@pytest.mark.parametrize(("columns", "blocks", "fits"), [(14, 2, True), (28, 1, True), (6, 4, True), (14, 4, False)])
def test_spills_are_counted(columns: int, blocks: int, fits: bool) -> None:
    """Tiles that fit 32 registers have no spill in the inner loop; 56 accumulators cannot be without."""
    func = convolution(64, 64, columns, 3, 1, columns, blocks)
    artifact = generate_object(LoweredKernel(func, ()), Target.parse("x86-64-v4"), "conv")
    assert (dict(artifact.facts)["spills"] == 0) == fits
