"""ONNX frontend: the same elements under another shape or order: Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Expand and Tile."""

from math import prod

import numpy as np

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.frontends.onnx.converters.axes import normalize_axes
from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value


def reshape(build: FoldingBuilder, data: Value, shape: tuple[int, ...]) -> Value:
    """`data` under another shape; `data` itself when it has that shape already."""
    return data if shape == data.shape else build.emit("reshape", data, shape=shape)


@converts("Reshape", since=5)
def convert_reshape(node: OnnxNode, build: FoldingBuilder) -> Value:
    """In the target, 0 copies an extent (unless `allowzero`) and one -1 takes what is left."""
    data, target = node.input(0), node.constant_ints(1, "the shape")
    if not node.int_attribute("allowzero", 0):
        if any(extent == 0 and axis >= data.rank for axis, extent in enumerate(target)):
            raise ShapeError(f"the target shape {target} copies an extent that {data.type} does not have")
        target = tuple(data.shape[axis] if extent == 0 else extent for axis, extent in enumerate(target))
    if target.count(-1) == 1:
        known = prod(extent for extent in target if extent != -1)
        rest = data.type.element_count // known if known else 0
        target = tuple(rest if extent == -1 else extent for extent in target)
    if min(target, default=0) < 0 or prod(target) != data.type.element_count:
        raise ShapeError(f"{data.type} cannot be reshaped to {target}")
    return reshape(build, data, target)


@converts("Flatten")
def convert_flatten(node: OnnxNode, build: FoldingBuilder) -> Value:
    data, axis = node.input(0), node.int_attribute("axis", 1)
    if not -data.rank <= axis <= data.rank:
        raise ShapeError(f"axis {axis} is not in [{-data.rank}, {data.rank}]")
    axis = axis + data.rank if axis < 0 else axis
    return reshape(build, data, (prod(data.shape[:axis]), prod(data.shape[axis:])))


@converts("Squeeze")
def convert_squeeze(node: OnnxNode, build: FoldingBuilder) -> Value:
    """The axes are an attribute before opset 13, an input since; none given: all of extent 1."""
    data = node.input(0)
    axes = node.optional_ints(1, "the axes") if node.has_input(1) else node.optional_ints_attribute("axes")
    if axes is None:
        axes = tuple(axis for axis, extent in enumerate(data.shape) if extent == 1)
    axes = normalize_axes(axes, data.rank)
    if any(data.shape[axis] != 1 for axis in axes):
        raise ShapeError(f"axes {axes} of {data.type} are not all of extent 1")
    return reshape(build, data, tuple(extent for axis, extent in enumerate(data.shape) if axis not in axes))


@converts("Unsqueeze")
def convert_unsqueeze(node: OnnxNode, build: FoldingBuilder) -> Value:
    data = node.input(0)
    axes = node.constant_ints(1, "the axes") if node.has_input(1) else node.ints_attribute("axes", ())
    rank = data.rank + len(axes)
    axes = normalize_axes(axes, rank)
    extents = iter(data.shape)
    return reshape(build, data, tuple(1 if axis in axes else next(extents) for axis in range(rank)))


@converts("Transpose")
def convert_transpose(node: OnnxNode, build: FoldingBuilder) -> Value:
    data = node.input(0)
    perm = node.ints_attribute("perm", tuple(reversed(range(data.rank))))
    if sorted(perm) != list(range(data.rank)):
        raise ShapeError(f"perm {perm} is no order of the axes of {data.type}")
    return transpose(build, data, perm)


def transpose(build: FoldingBuilder, data: Value, perm: tuple[int, ...]) -> Value:
    """Axes in another order; a plain reshape where only axes of extent 1 move."""
    moved = [axis for axis in perm if data.shape[axis] != 1]
    if moved == sorted(moved):
        return reshape(build, data, tuple(data.shape[axis] for axis in perm))
    return build.emit("transpose", data, perm=perm)


@converts("Expand", since=8)
def convert_expand(node: OnnxNode, build: FoldingBuilder) -> Value:
    data, target = node.input(0), node.constant_ints(1, "the shape")
    try:
        shape = np.broadcast_shapes(data.shape, target)
    except ValueError:
        raise ShapeError(f"{data.type} does not broadcast to {target}") from None
    return expand(build, data, tuple(shape))


def expand(build: FoldingBuilder, data: Value, shape: tuple[int, ...]) -> Value:
    return data if shape == data.shape else build.emit("expand", data, shape=shape)


@converts("Tile", since=6)
def convert_tile(node: OnnxNode, build: FoldingBuilder) -> Value:
    data, repeats = node.input(0), node.constant_ints(1, "the repeats")
    if len(repeats) != data.rank:
        raise ShapeError(f"{len(repeats)} repeats are given for {data.type}")
    return data if set(repeats) <= {1} else build.emit("tile", data, repeats=repeats)


@converts("DepthToSpace")
def convert_depth_to_space(node: OnnxNode, build: FoldingBuilder) -> Value:
    mode = node.string_attribute("mode", "DCR")
    return build.emit("depth_to_space", node.input(0), blocksize=node.int_attribute("blocksize", 1), mode=mode)


@converts("SpaceToDepth")
def convert_space_to_depth(node: OnnxNode, build: FoldingBuilder) -> Value:
    """`mode` came with opset 28; CRD puts the block behind the channel."""
    data, mode = node.input(0), node.string_attribute("mode", "DCR")
    blocksize = node.int_attribute("blocksize", 1)
    result = build.emit("space_to_depth", data, blocksize=blocksize)
    if mode == "DCR":
        return result
    if mode != "CRD":
        raise UnsupportedOperator(f"mode {mode!r} is not supported; supported are DCR, CRD")
    n, channels, h, w = result.shape
    split = build.emit("reshape", result, shape=(n, blocksize**2, channels // blocksize**2, h, w))
    return build.emit("reshape", build.emit("transpose", split, perm=(0, 2, 1, 3, 4)), shape=result.shape)
