"""Elements moved by a fixed rule of their index: axes permuted, repeated, or folded into each other.

transpose(x)         attributes: perm                       y's axis i is x's axis perm[i]
expand(x)            attributes: shape                      broadcast by numpy's rules to the common shape of x and `shape`
tile(x)              attributes: repeats (one per axis)
depth_to_space(x)    attributes: blocksize, mode ("DCR": blocks are the outer part of the channels, "CRD": the inner)    NCHW
space_to_depth(x)    attributes: blocksize                  NCHW
trilu(x)             attributes: upper (bool), k            keeps the upper or lower triangle of the last two axes, from diagonal k
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.type_rules import load_broadcast, require, require_count
from compiler.te import Expr, Tensor, compute, select
from compiler.tensor_type import TensorType

ShapeRule = Callable[[TensorType, Attributes], tuple[int, ...]]
Element = Callable[[Tensor, tuple[Expr, ...], Attributes], Expr]


def _register(name: str, shape_rule: ShapeRule, element: Element, function: Callable[[Array, Attributes], Any]) -> None:
    """y[index] = element(x, index); the shape rule raises where the attributes do not fit."""

    def infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
        require_count(name, inputs, 1)
        return (TensorType(shape_rule(inputs[0], attributes), inputs[0].dtype),)

    def stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
        (x,) = inputs
        return (compute(shape_rule(x.type, attributes), lambda *index: element(x, index, attributes), stage),)

    def reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
        return (np.ascontiguousarray(function(arrays[0], attributes)).reshape(shape_rule(_type_of(arrays[0]), attributes)),)

    register_operator(Operator(name, FusionKind.INJECTIVE, infer_types, stages, reference))


def _type_of(array: Array) -> TensorType:
    return TensorType(array.shape, array.dtype)


def _transpose_shape(x: TensorType, attributes: Attributes) -> tuple[int, ...]:
    perm = tuple(attributes["perm"])
    require(sorted(perm) == list(range(len(x.shape))), "transpose", f"perm {perm} is no permutation of the axes", [x])
    return tuple(x.shape[axis] for axis in perm)


def _transpose(x: Tensor, index: tuple[Expr, ...], attributes: Attributes) -> Expr:
    places = dict(zip(attributes["perm"], index, strict=True))
    return x[tuple(places[axis] for axis in range(len(x.shape)))]


def _expand_shape(x: TensorType, attributes: Attributes) -> tuple[int, ...]:
    try:
        return tuple(np.broadcast_shapes(x.shape, tuple(attributes["shape"])))
    except ValueError:
        raise ShapeError(f"expand: {x} does not broadcast to {list(attributes['shape'])}") from None


def _tile_shape(x: TensorType, attributes: Attributes) -> tuple[int, ...]:
    repeats = tuple(attributes["repeats"])
    fits = len(repeats) == len(x.shape) and min(repeats, default=0) >= 0
    require(fits, "tile", f"repeats {repeats} must hold one number per axis", [x])
    return tuple(extent * count for extent, count in zip(x.shape, repeats, strict=True))


def _tile(x: Tensor, index: tuple[Expr, ...], _: Attributes) -> Expr:
    return x[tuple(place % extent if extent else 0 for place, extent in zip(index, x.shape, strict=True))]


def _depth_to_space_shape(x: TensorType, attributes: Attributes) -> tuple[int, ...]:
    block = attributes["blocksize"]
    if attributes["mode"] not in ("DCR", "CRD"):
        raise UnsupportedOperator(f"depth_to_space: unknown mode {attributes['mode']!r}; known: DCR, CRD")
    fits = block > 0 and len(x.shape) == 4 and x.shape[1] % (block * block) == 0
    require(fits, "depth_to_space", f"needs NCHW with channels that are a multiple of {block} squared", [x])
    n, c, h, w = x.shape
    return n, c // (block * block), h * block, w * block


def _depth_to_space(x: Tensor, index: tuple[Expr, ...], attributes: Attributes) -> Expr:
    n, c, h, w = index
    block = attributes["blocksize"]
    inner = h % block * block + w % block
    channel = inner * (x.shape[1] // (block * block)) + c if attributes["mode"] == "DCR" else c * (block * block) + inner
    return x[n, channel, h // block, w // block]


def _depth_to_space_array(x: Array, attributes: Attributes) -> Any:
    (n, c, h, w), block = x.shape, attributes["blocksize"]
    if attributes["mode"] == "DCR":
        return x.reshape(n, block, block, c // block**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    return x.reshape(n, c // block**2, block, block, h, w).transpose(0, 1, 4, 2, 5, 3)


def _space_to_depth_shape(x: TensorType, attributes: Attributes) -> tuple[int, ...]:
    block = attributes["blocksize"]
    fits = block > 0 and len(x.shape) == 4 and x.shape[2] % block == 0 and x.shape[3] % block == 0
    require(fits, "space_to_depth", f"needs NCHW with height and width that are multiples of {block}", [x])
    n, c, h, w = x.shape
    return n, c * block * block, h // block, w // block


def _space_to_depth(x: Tensor, index: tuple[Expr, ...], attributes: Attributes) -> Expr:
    n, channel, h, w = index
    block, channels = attributes["blocksize"], x.shape[1]
    inner = channel // channels
    return x[n, channel % channels, h * block + inner // block, w * block + inner % block]


def _space_to_depth_array(x: Array, attributes: Attributes) -> Any:
    (n, c, h, w), block = x.shape, attributes["blocksize"]
    return x.reshape(n, c, h // block, block, w // block, block).transpose(0, 3, 5, 1, 2, 4)


def _trilu_shape(x: TensorType, _: Attributes) -> tuple[int, ...]:
    require(len(x.shape) >= 2, "trilu", "needs at least two axes", [x])
    return x.shape


def _trilu(x: Tensor, index: tuple[Expr, ...], attributes: Attributes) -> Expr:
    row, column = index[-2] + attributes["k"], index[-1]
    return select(row <= column if attributes["upper"] else column <= row, x[index], x.dtype.type(0).item())


def _trilu_array(x: Array, attributes: Attributes) -> Any:
    return np.triu(x, attributes["k"]) if attributes["upper"] else np.tril(x, attributes["k"])


_register("transpose", _transpose_shape, _transpose, lambda x, attributes: x.transpose(attributes["perm"]))
_register(
    "expand",
    _expand_shape,
    lambda x, index, _: load_broadcast(x, index),
    lambda x, attributes: np.broadcast_to(x, _expand_shape(_type_of(x), attributes)),
)
_register("tile", _tile_shape, _tile, lambda x, attributes: np.tile(x, attributes["repeats"]))
_register("depth_to_space", _depth_to_space_shape, _depth_to_space, _depth_to_space_array)
_register("space_to_depth", _space_to_depth_shape, _space_to_depth, _space_to_depth_array)
_register("trilu", _trilu_shape, _trilu, _trilu_array)
