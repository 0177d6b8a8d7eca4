"""Resize in every mode against onnxruntime, and the integer arithmetic of its indices."""

import numpy as np
import pytest

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.ops import get_operator
from compiler.ops.resize_coordinates import AxisResize, nearest_table
from compiler.tensor_type import TensorType

MODES = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"]
ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
SCALES = [(2.0, 2.0), (0.5, 0.5), (3.0, 1.0), (1.7, 0.6), (2.3, 0.34), (1.0, 1.0), (0.8, 0.8)]
SIZES = [(14, 22), (3, 5), (7, 11), (1, 1), (9, 4), (5, 33), (10, 1)]
EXTENTS = (7, 11)


def by_scale(scales, mode, extents=EXTENTS):
    sizes = tuple(int(np.floor(np.float32(extent) * np.float32(scale))) for extent, scale in zip(extents, scales, strict=True))
    return attributes_of(sizes, [float(np.float32(scale)) for scale in scales], mode)


def by_size(sizes, mode, extents=EXTENTS):
    return attributes_of(sizes, [size / extent for size, extent in zip(sizes, extents, strict=True)], mode)


def attributes_of(sizes, scales, mode):
    return {
        "mode": "nearest",
        "sizes": (1, 2, *sizes),
        "scales": (1.0, 1.0, *scales),
        "coordinate_transformation": mode,
        "nearest_mode": "round_prefer_floor",
        "cubic_coeff_a": -0.75,
        "exclude_outside": False,
        "roi": (),
        "extrapolation_value": 0.0,
    }


def image(seed=1, extents=EXTENTS):
    return np.random.default_rng(seed).standard_normal((1, 2, *extents)).astype(np.float32)


def run_onnx(ort, x, attributes, sizes=None, scales=None, **extra):
    inputs = [
        x,
        None,
        None if scales is None else np.asarray((1, 1, *scales), np.float32),
        None if sizes is None else np.asarray((1, 2, *sizes)),
    ]
    names = {"mode": "mode", "coordinate_transformation": "coordinate_transformation_mode", "nearest_mode": "nearest_mode"}
    return ort("Resize", inputs if sizes else inputs[:3], opset=19, **{new: attributes[old] for old, new in names.items()}, **extra)[0]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("mode", MODES)
def test_nearest(mode, rounding, check, ort):
    x = image()
    for scales in SCALES:
        attributes = by_scale(scales, mode) | {"nearest_mode": rounding}
        np.testing.assert_array_equal(check("resize", [x], **attributes)[0], run_onnx(ort, x, attributes, scales=scales))
    for sizes in SIZES:
        attributes = by_size(sizes, mode) | {"nearest_mode": rounding}
        np.testing.assert_array_equal(check("resize", [x], **attributes)[0], run_onnx(ort, x, attributes, sizes=sizes))


@pytest.mark.parametrize("mode", MODES)
def test_linear(mode, check, ort):
    x = image()
    for scales in SCALES:
        attributes = by_scale(scales, mode) | {"mode": "linear"}
        np.testing.assert_allclose(check("resize", [x], **attributes)[0], run_onnx(ort, x, attributes, scales=scales), atol=5e-6)
    for sizes in SIZES:
        attributes = by_size(sizes, mode) | {"mode": "linear"}
        np.testing.assert_allclose(check("resize", [x], **attributes)[0], run_onnx(ort, x, attributes, sizes=sizes), atol=5e-6)


@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_cubic(mode, exclude, check, ort):
    x = image(2, (5, 6))
    for scales in [(2.0, 2.0), (0.8, 1.5)]:
        attributes = by_scale(scales, mode, (5, 6)) | {"mode": "cubic", "exclude_outside": exclude, "cubic_coeff_a": -0.5}
        expected = run_onnx(ort, x, attributes, scales=scales, exclude_outside=int(exclude), cubic_coeff_a=-0.5)
        np.testing.assert_allclose(check("resize", [x], **attributes)[0], expected, atol=2e-5)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_crop(mode, check, ort):
    x, roi = image(), (0.0, 0.0, 0.4, -0.3, 1.0, 1.0, 0.9, 1.2)
    extra = {"mode": mode, "coordinate_transformation": "tf_crop_and_resize", "roi": roi, "extrapolation_value": 10.0}
    attributes = by_size((5, 9), "") | extra
    inputs = [x, np.asarray(roi, np.float32), None, np.asarray((1, 2, 5, 9))]
    names = {"mode": mode, "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 10.0}
    (expected,) = ort("Resize", inputs, opset=19, **names)
    np.testing.assert_allclose(check("resize", [x], **attributes)[0], expected, atol=1e-5)


def test_other_ranks_and_layouts(check):
    wide = np.random.default_rng(3).standard_normal((2, 3, 2, 2, 4)).astype(np.float32)
    attributes = by_scale((2.0, 2.0), "half_pixel", (2, 2)) | {"mode": "linear"}
    attributes |= {"sizes": (2, 3, 4, 4, 4), "scales": (1.0, 1.0, 2.0, 2.0, 1.0)}
    (blocked,) = check("resize", [wide], **attributes)
    plain = np.ascontiguousarray(wide[:, 1, :, :, 2])[:, None]
    single = attributes | {"sizes": (2, 1, 4, 4), "scales": (1.0, 1.0, 2.0, 2.0)}
    np.testing.assert_allclose(check("resize", [plain], **single)[0][:, 0], blocked[:, 1, :, :, 2])
    cube = np.random.default_rng(4).standard_normal((3, 2, 3)).astype(np.float32)
    check("resize", [cube], **(single | {"sizes": (5, 3, 4), "scales": (5 / 3, 1.5, 4 / 3)}))


def test_nearest_of_integers(check):
    x = np.arange(6).reshape(2, 3)
    attributes = by_scale((1.0, 1.0), "asymmetric") | {"sizes": (4, 3), "scales": (2.0, 1.0), "nearest_mode": "floor"}
    np.testing.assert_array_equal(check("resize", [x], **attributes)[0], x.repeat(2, axis=0))


def test_upsampling_by_two_is_one_division():
    x = TensorType((1, 1, 4, 4))
    table = nearest_table(AxisResize("asymmetric", 2.0, 4, 8), "floor")
    assert table.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert get_operator("resize").infer_types([x], by_scale((2.0, 2.0), "asymmetric") | {"sizes": (1, 1, 8, 8)}) == (
        TensorType((1, 1, 8, 8)),
    )


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"mode": "area"}, UnsupportedOperator, "unknown mode 'area'; known: nearest, linear, cubic"),
        ({"coordinate_transformation": "middle"}, UnsupportedOperator, "unknown coordinate transformation 'middle'"),
        ({"nearest_mode": "up"}, UnsupportedOperator, "unknown nearest mode 'up'"),
        ({"sizes": (1, 2)}, ShapeError, r"resize: sizes \(1, 2\).*float32\[1, 2, 7, 11\]"),
    ],
)
def test_errors(change, error, text):
    with pytest.raises(error, match=text):
        get_operator("resize").infer_types([TensorType((1, 2, *EXTENTS))], by_scale((2.0, 2.0), "half_pixel") | change)
