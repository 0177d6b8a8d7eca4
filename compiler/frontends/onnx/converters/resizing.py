"""ONNX frontend: Resize and its forerunner Upsample.

Before opset 11 the output element i comes from the input at i / scale; where one neighbour is taken, that is rounded down along axes that
grow and up along axes that shrink (onnxruntime's reading of a specification that leaves it open).
"""

from math import floor

from compiler.errors import ModelError, ShapeError, UnsupportedOperator
from compiler.frontends.onnx.converters.axes import normalize_axes
from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value

POLICIES = ("stretch", "not_larger", "not_smaller")


@converts("Upsample", since=7)
def convert_upsample_by_attribute(node: OnnxNode, build: FoldingBuilder) -> Value:
    return _asymmetric(node, build, node.floats_attribute("scales", ()))


@converts("Upsample", since=9)
@converts("Resize", since=10)
def convert_upsample_by_input(node: OnnxNode, build: FoldingBuilder) -> Value:
    return _asymmetric(node, build, tuple(float(scale) for scale in node.constant_input(1, "the scales").reshape(-1)))


def _asymmetric(node: OnnxNode, build: FoldingBuilder, scales: tuple[float, ...]) -> Value:
    data, mode = node.input(0), node.string_attribute("mode", "nearest")
    if len(scales) != data.rank:
        raise ShapeError(f"{len(scales)} scales are given for {data.type}")
    growing, shrinking = tuple(max(scale, 1.0) for scale in scales), tuple(min(scale, 1.0) for scale in scales)
    if mode != "nearest":
        return _resize_by(build, data, "linear" if mode == "bilinear" else mode, scales, "floor")
    return _resize_by(build, _resize_by(build, data, mode, growing, "floor"), mode, shrinking, "ceil")


def _resize_by(build: FoldingBuilder, data: Value, mode: str, scales: tuple[float, ...], nearest_mode: str) -> Value:
    if set(scales) <= {1.0}:
        return data
    return build.emit(
        "resize",
        data,
        mode=mode,
        sizes=tuple(floor(extent * scale) for extent, scale in zip(data.shape, scales, strict=True)),
        scales=scales,
        coordinate_transformation="asymmetric",
        nearest_mode=nearest_mode,
        cubic_coeff_a=-0.75,
        exclude_outside=False,
        roi=(),
        extrapolation_value=0.0,
    )


@converts("Resize", since=11)
def convert_resize(node: OnnxNode, build: FoldingBuilder) -> Value:
    """An input of no elements counts as not given."""
    if node.int_attribute("antialias", 0):
        raise UnsupportedOperator("attribute 'antialias' 1 is not supported; supported is 0")
    data = node.input(0)
    axes = normalize_axes(node.ints_attribute("axes", range(data.rank)), data.rank)
    sizes, scales = _target(node, data, axes)
    mode = node.string_attribute("coordinate_transformation_mode", "half_pixel")
    return build.emit(
        "resize",
        data,
        mode=node.string_attribute("mode", "nearest"),
        sizes=sizes,
        scales=scales,
        coordinate_transformation=mode,
        nearest_mode=node.string_attribute("nearest_mode", "round_prefer_floor"),
        cubic_coeff_a=node.float_attribute("cubic_coeff_a", -0.75),
        exclude_outside=bool(node.int_attribute("exclude_outside", 0)),
        roi=_region(node, data, axes) if mode == "tf_crop_and_resize" else (),
        extrapolation_value=node.float_attribute("extrapolation_value", 0.0),
    )


def _floats(node: OnnxNode, position: int, what: str) -> tuple[float, ...]:
    given = node.optional_constant(position, what)
    return () if given is None else tuple(float(item) for item in given.reshape(-1))


def _target(node: OnnxNode, data: Value, axes: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Extents of the result and scale of every axis, from either of the two inputs that can say it."""
    given_scales, given_sizes = _floats(node, 2, "the scales"), _floats(node, 3, "the sizes")
    policy = node.string_attribute("keep_aspect_ratio_policy", "stretch")
    if policy not in POLICIES:
        raise UnsupportedOperator(f"keep_aspect_ratio_policy {policy!r} is not supported; supported are {', '.join(POLICIES)}")
    if bool(given_scales) == bool(given_sizes):
        raise ModelError("exactly one of the inputs 'scales' and 'sizes' must be given")
    if len(given_scales or given_sizes) != len(axes):
        raise ShapeError(f"{len(given_scales or given_sizes)} scales or sizes are given for axes {axes} of {data.type}")
    sizes, scales = list(data.shape), [1.0] * data.rank
    if given_scales:
        for axis, scale in zip(axes, given_scales, strict=True):
            sizes[axis], scales[axis] = floor(data.shape[axis] * scale), scale
        return tuple(sizes), tuple(scales)
    ratios = [size / data.shape[axis] for axis, size in zip(axes, given_sizes, strict=True)]
    common = {"stretch": None, "not_larger": min(ratios), "not_smaller": max(ratios)}[policy]
    for axis, size, ratio in zip(axes, given_sizes, ratios, strict=True):
        sizes[axis] = int(size) if common is None else int(common * data.shape[axis] + 0.5)
        scales[axis] = ratio if common is None else common
    return tuple(sizes), tuple(scales)


def _region(node: OnnxNode, data: Value, axes: tuple[int, ...]) -> tuple[float, ...]:
    """Starts of all axes, then ends; axes that are not named are taken whole."""
    given = _floats(node, 1, "the region of interest")
    if len(given) != 2 * len(axes):
        raise ShapeError(f"{len(given)} numbers are given as region of interest for axes {axes}")
    starts, ends = [0.0] * data.rank, [1.0] * data.rank
    for axis, start, end in zip(axes, given[: len(axes)], given[len(axes) :], strict=True):
        starts[axis], ends[axis] = start, end
    return (*starts, *ends)
