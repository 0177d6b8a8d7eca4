"""Operators that only move elements: concat, slice, gathers, pad, reshape, transpose and their kin."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.ops import get_operator, normalize_slice
from compiler.tensor_type import INT64, TensorType


def numbered(shape, dtype=np.float32):
    return np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)


@pytest.mark.parametrize("extents", [(3,), (1, 4), (2, 3, 5), (1, 1, 2, 1, 3, 2, 1), (0, 3), (2, 0, 1)], ids=str)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concat(extents, axis, check):
    arrays = []
    for count, extent in enumerate(extents):
        shape = [2, 3, 2]
        shape[axis] = extent
        arrays.append(numbered(shape) + 100 * count)
    np.testing.assert_array_equal(check("concat", arrays, axis=axis)[0], np.concatenate(arrays, axis))


@pytest.mark.parametrize("dtype", [np.int64, np.bool_])
def test_concat_of_other_types(dtype, check):
    arrays = [numbered((3,), dtype), numbered((2,), dtype)]
    np.testing.assert_array_equal(check("concat", arrays, axis=0)[0], np.concatenate(arrays))


def test_concat_of_blocked_tensors(check):
    arrays = [numbered((1, blocks, 2, 3, 4)) for blocks in (1, 2, 3)]
    np.testing.assert_array_equal(check("concat", arrays, axis=1)[0], np.concatenate(arrays, 1))


def test_concat_errors():
    types = [TensorType((2, 3)), TensorType((2, 4))]
    assert get_operator("concat").infer_types(types, {"axis": 1}) == (TensorType((2, 7)),)
    with pytest.raises(ShapeError, match=r"concat: inputs must agree in every axis but 0; found float32\[2, 3\], float32\[2, 4\]"):
        get_operator("concat").infer_types(types, {"axis": 0})


bounds = st.integers(-9, 9)


@settings(max_examples=60)
@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple),
    parts=st.lists(st.tuples(bounds, bounds, st.integers(-3, 3).filter(bool)), min_size=3, max_size=3),
    seed=st.integers(0, 5),
)
def test_slice(shape, parts, seed, check):
    x = numbered(shape) + seed
    parts = parts[: len(shape)]
    starts, ends, steps = normalize_slice(
        shape, *(tuple(part[k] for part in parts) for k in (0, 1)), range(len(shape)), [p[2] for p in parts]
    )
    (y,) = check("slice", [x], starts=starts, ends=ends, steps=steps)
    np.testing.assert_array_equal(y, x[tuple(slice(*part) for part in parts)])


def test_slice_leaves_axes_out():
    assert normalize_slice((3, 5, 7), [1], [1 << 62], [-1], [2]) == ((0, 0, 1), (3, 5, 7), (1, 1, 2))
    assert normalize_slice((5,), [-1], [-(1 << 62)], [0], [-1]) == ((4,), (-1,), (-1,))
    with pytest.raises(ShapeError, match="slice: step 0 along axis 0"):
        normalize_slice((5,), [0], [1], [0], [0])
    with pytest.raises(ShapeError, match=r"slice: starts \(6,\).*float32\[5\]"):
        get_operator("slice").infer_types([TensorType((5,))], {"starts": (6,), "ends": (9,), "steps": (1,)})


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)], ids=str)
def test_gather(shape, dtype, check, ort):
    x = numbered((3, 5, 4))
    for axis, extent in enumerate(x.shape):
        indices = np.random.default_rng(axis).integers(-extent, extent, shape).astype(dtype)
        (y,) = check("gather", [x, indices], axis=axis)
        np.testing.assert_array_equal(y, ort("Gather", [x, np.asarray(indices)], axis=axis)[0])


def test_gather_never_reads_outside(check):
    (y,) = check("gather", [numbered((4,)), np.asarray([-100, 100, 3], np.int64)], axis=0)
    assert y.tolist() == [0.0, 3.0, 3.0]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather_elements(axis, check, ort):
    x = numbered((3, 4, 5))
    shape = [2, 3, 4]
    shape[axis] = 7
    indices = np.random.default_rng(axis).integers(-x.shape[axis], x.shape[axis], shape)
    (y,) = check("gather_elements", [x, indices], axis=axis)
    if axis == 0:
        np.testing.assert_array_equal(y, ort("GatherElements", [x, indices], axis=axis)[0])
    places = np.indices(shape)
    places[axis] = indices
    np.testing.assert_array_equal(y, x[tuple(places)])


@pytest.mark.parametrize(("indices", "batch"), [((2, 1), 0), ((4, 2), 0), ((2, 3, 3), 0), ((3, 2, 1), 1), ((3, 2), 1), ((3, 4, 2, 1), 2)])
def test_gather_nd(indices, batch, check, ort):
    x = numbered((3, 4, 5))
    limits = x.shape[batch : batch + indices[-1]]
    chosen = np.stack([np.random.default_rng(7).integers(-limit, limit, indices[:-1]) for limit in limits], axis=-1)
    (y,) = check("gather_nd", [x, chosen], batch_dims=batch)
    np.testing.assert_array_equal(y, ort("GatherND", [x, chosen], batch_dims=batch)[0])


def test_gather_errors():
    with pytest.raises(ShapeError, match="gather: the indices must be int32 or int64"):
        get_operator("gather").infer_types([TensorType((3,)), TensorType((2,))], {"axis": 0})
    with pytest.raises(ShapeError, match="gather_nd: the last axis"):
        get_operator("gather_nd").infer_types([TensorType((3,)), TensorType((2, 2), INT64)], {"batch_dims": 0})


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 0, 2, 3), (2, 4, 1, 0), (5, 3, 7, 9), (-1, 2, 0, -3), (-2, -1, 1, 0)], ids=str)
def test_pad(mode, pads, check):
    x = numbered((3, 5))
    (y,) = check("pad", [x], mode=mode, pads=pads, value=-1.5)
    cropped = x[max(0, -pads[0]) : 3 - max(0, -pads[2]), max(0, -pads[1]) : 5 - max(0, -pads[3])]
    widths = [(max(0, pads[axis]), max(0, pads[2 + axis])) for axis in range(2)]
    np.testing.assert_array_equal(y, np.pad(cropped, widths, mode, **({"constant_values": -1.5} if mode == "constant" else {})))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_pad_equals_onnxruntime(mode, check, ort):
    x, pads = numbered((2, 3, 4, 5)), (0, 1, 2, 3, 1, 0, 3, 1)
    values = [np.asarray(2.5, np.float32)] if mode == "constant" else []
    (expected,) = ort("Pad", [x, np.asarray(pads), *values], mode=mode)
    np.testing.assert_array_equal(check("pad", [x], mode=mode, pads=pads, value=2.5)[0], expected)


def test_pad_of_one_element_and_other_types(check):
    for mode in ("reflect", "edge", "wrap"):
        assert check("pad", [numbered((1,)) + 4], mode=mode, pads=(2, 3), value=0)[0].tolist() == [4.0] * 6
    assert check("pad", [numbered((2,), np.int64)], mode="constant", pads=(1, 0), value=7)[0].tolist() == [7, 0, 1]
    with pytest.raises(UnsupportedOperator, match="pad: unknown mode 'mirror'"):
        get_operator("pad").infer_types([TensorType((2,))], {"mode": "mirror", "pads": (1, 1), "value": 0})
    with pytest.raises(ShapeError, match=r"pad: pads \(-2, -1\) cut away more"):
        get_operator("pad").infer_types([TensorType((2,))], {"mode": "edge", "pads": (-2, -1), "value": 0})


VIEWS = [
    ((), (1, 1)),
    ((1, 1), ()),
    ((6,), (2, 3)),
    ((2, 3), (6,)),
    ((2, 3, 5), (1, 2, 1, 15)),
    ((4, 6), (6, 4)),
    ((2, 3, 4, 5), (6, 20)),
    ((6, 20), (3, 8, 5)),
    ((7, 1, 3), (7, 3)),
    ((2, 3, 2, 5), (3, 2, 5, 2)),
    ((0, 3), (3, 0)),
]


@pytest.mark.parametrize(("source", "target"), VIEWS, ids=str)
def test_reshape(source, target, check):
    x = numbered(source)
    np.testing.assert_array_equal(check("reshape", [x], shape=target)[0], x.reshape(target))


@pytest.mark.parametrize("target", [(5,), (-1,), (2, -3)])
def test_reshape_errors(target):
    with pytest.raises(ShapeError, match=r"reshape: the shape .* does not hold the same number of elements"):
        get_operator("reshape").infer_types([TensorType((2, 3))], {"shape": target})


def test_transpose(check):
    x = numbered((2, 3, 4, 5))
    for perm in permutations(range(4)):
        np.testing.assert_array_equal(check("transpose", [x], perm=perm)[0], x.transpose(perm))
    assert check("transpose", [numbered(())], perm=())[0].shape == ()
    with pytest.raises(ShapeError, match=r"transpose: perm \(0, 0\) is no permutation"):
        get_operator("transpose").infer_types([TensorType((2, 3))], {"perm": (0, 0)})


@pytest.mark.parametrize(("source", "shape"), [((), (2, 3)), ((3, 1), (2, 1, 6)), ((3, 4), (1, 4)), ((1, 5), (3, 1)), ((2,), ())])
def test_expand(source, shape, check, ort):
    x = numbered(source)
    np.testing.assert_array_equal(check("expand", [x], shape=shape)[0], ort("Expand", [x, np.asarray(shape, np.int64)])[0])
    with pytest.raises(ShapeError, match=r"expand: float32\[3\] does not broadcast to \[2\]"):
        get_operator("expand").infer_types([TensorType((3,))], {"shape": (2,)})


@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 1, 3), (1, 4, 1)], ids=str)
def test_tile(repeats, check):
    x = numbered((2, 1, 3))
    np.testing.assert_array_equal(check("tile", [x], repeats=repeats)[0], np.tile(x, repeats))


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_depth_to_space_and_back(mode, block, check, ort):
    x = numbered((2, 3 * block * block, 2, 5))
    (y,) = check("depth_to_space", [x], blocksize=block, mode=mode)
    np.testing.assert_array_equal(y, ort("DepthToSpace", [x], blocksize=block, mode=mode)[0])
    (back,) = check("space_to_depth", [y], blocksize=block)
    np.testing.assert_array_equal(back, ort("SpaceToDepth", [y], blocksize=block)[0])
    if mode == "DCR":
        np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("k", [-4, -1, 0, 2, 9])
def test_trilu(upper, k, check):
    x = numbered((2, 3, 5)) + 1
    np.testing.assert_array_equal(check("trilu", [x], upper=upper, k=k)[0], np.triu(x, k) if upper else np.tril(x, k))


@pytest.mark.parametrize("channels", [4, 5, 7, 8])
def test_layout_transform(channels, check):
    x = numbered((2, channels, 3, 5)) + 1
    (packed,) = check("layout_transform", [x], source="NCHW", destination="NCHW4c", channels=channels)
    for lane in range(packed.shape[1] * 4):
        expected = x[:, lane] if lane < channels else np.zeros_like(x[:, 0])
        np.testing.assert_array_equal(packed[:, lane // 4, :, :, lane % 4], expected)
    (wider,) = check("layout_transform", [packed], source="NCHW4c", destination="NCHW8c", channels=channels)
    (back,) = check("layout_transform", [wider], source="NCHW8c", destination="NCHW", channels=channels)
    np.testing.assert_array_equal(back, x)
    attributes = {"source": "NCHW4c", "destination": "NCHW", "channels": 9}
    with pytest.raises(ShapeError, match="layout_transform: needs an input of layout NCHW4c with 9 channels"):
        get_operator("layout_transform").infer_types([TensorType(packed.shape)], attributes)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("to", ["float32", "int64"])
def test_one_hot(axis, to, check, ort):
    indices = np.asarray([[0, 2, -1], [3, -4, 9]])
    (y,) = check("one_hot", [indices], depth=4, axis=axis, on_value=5, off_value=-1, to=to)
    (expected,) = ort("OneHot", [indices, np.asarray(4), np.asarray([-1, 5], to)], axis=axis)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("exclusive", [True, False])
def test_cumsum(exclusive, reverse, check, ort):
    for x in (np.random.default_rng(8).standard_normal((3, 5, 2)).astype(np.float32), numbered((3, 5, 2), np.int64)):
        for axis in range(3):
            (y,) = check("cumsum", [x], axis=axis, exclusive=exclusive, reverse=reverse)
            (expected,) = ort("CumSum", [x, np.asarray(axis)], exclusive=int(exclusive), reverse=int(reverse))
            np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
