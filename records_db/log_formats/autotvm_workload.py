"""AutoTVM's tasks -> the workloads that compute the same. By name; `counterpart` answers None for what Tilewright has no workload for.

A task's name is `operator.target`; before 2020 it was `topi_TARGET_operator` or `topi_nn_operator`, with other arguments here and there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from compiler.errors import TilewrightError
from compiler.ops import blocked_layout
from compiler.tensor_type import TensorType
from compiler.workload import Workload
from records_db.log_formats.plain_workload import plain_convolution, single_operator

WINOGRAD_TILE = (4, 4)  # of `winograd.arm_cpu` and `winograd.x86`
WINOGRAD_BLOCK = 4  # float32 lanes of NEON, for which the arm_cpu template was written

Arguments = Sequence[Any]


def counterpart(name: str, arguments: Arguments) -> Workload | None:
    """None: no such operator here, or not for these types, layouts or arguments."""
    convert = CONVERTERS.get(name)
    if convert is None:
        return None
    try:
        return convert(arguments)
    except (TilewrightError, ValueError, TypeError, IndexError, KeyError):
        return None


def tensor_type(argument: Any) -> TensorType:
    """Of `["TENSOR", [1, 3, 224, 224], "float32"]`."""
    kind, shape, dtype = argument
    if kind != "TENSOR" or any(not isinstance(extent, int) or extent < 1 for extent in shape):
        raise ValueError(f"{argument!r} is not a tensor of a known shape")
    return TensorType(tuple(shape), np.dtype(dtype))


def _four(padding: Any) -> tuple[int, int, int, int]:
    """Top, left, bottom, right; older logs have two numbers, or one."""
    sizes = (padding, padding) if isinstance(padding, int) else tuple(padding)
    top, left, bottom, right = (*sizes, *sizes) if len(sizes) == 2 else sizes
    return top, left, bottom, right


def _types(arguments: Arguments, out_dtype: Any) -> tuple[TensorType, TensorType]:
    """Of data and weight, where the sum has their type."""
    data, weight = tensor_type(arguments[0]), tensor_type(arguments[1])
    if not data.dtype == weight.dtype == np.dtype(out_dtype):
        raise ValueError(f"{data.dtype} times {weight.dtype} summed in {out_dtype} has no counterpart")
    return data, weight


def _convolution(arguments: Arguments) -> Workload:
    """data, weight, strides, padding, dilation, [layout, [out layout,]] type of the sum."""
    _, _, strides, padding, dilation, *layouts, out_dtype = arguments
    if any(layout != "NCHW" for layout in layouts):
        raise ValueError(f"layouts {layouts} have no counterpart")
    return plain_convolution(*_types(arguments, out_dtype), strides, _four(padding), dilation)


def _winograd(arguments: Arguments) -> Workload:
    """The same arguments; F(4x4) on data blocked as the template's registers are."""
    direct = _convolution(arguments)
    (anchor,), (data, weight) = direct.ops, (argument.type for argument in direct.arguments)
    layout = blocked_layout(WINOGRAD_BLOCK)
    blocks = -(-data.shape[1] // WINOGRAD_BLOCK)
    blocked = TensorType((data.shape[0], blocks, *data.shape[2:], WINOGRAD_BLOCK), data.dtype)
    attributes = {**anchor.attributes, "layout": layout, "out_layout": layout, "tile": WINOGRAD_TILE}
    return single_operator("winograd_conv2d", (blocked, weight), attributes)


def _depthwise(arguments: Arguments) -> Workload:
    """data, weight (C, multiplier, KH, KW), strides, padding, dilation, type of the sum."""
    data, weight = _types(arguments, arguments[-1])
    channels, multiplier, *kernel = weight.shape
    _, _, strides, padding, dilation, *layouts, _ = arguments
    if any(layout != "NCHW" for layout in layouts):
        raise ValueError(f"layouts {layouts} have no counterpart")
    filters = TensorType((channels * multiplier, 1, *kernel), weight.dtype)
    return plain_convolution(data, filters, strides, _four(padding), dilation, groups=channels)


def _grouped(arguments: Arguments) -> Workload:
    """data, weight, strides, padding, dilation, groups, type of the sum."""
    _, _, strides, padding, dilation, groups, out_dtype = arguments
    return plain_convolution(*_types(arguments, out_dtype), strides, _four(padding), dilation, groups)


def _transposed(arguments: Arguments) -> Workload:
    """data, weight (IC, OC, KH, KW), strides, padding, type of the sum, [output padding]."""
    _, _, strides, padding, out_dtype, *rest = arguments
    attributes = {
        "strides": tuple(strides),
        "padding": _four(padding),
        "output_padding": tuple(rest[0]) if rest else (0, 0),
        "dilations": (1, 1),
        "groups": 1,
    }
    return single_operator("conv2d_transpose", _types(arguments, out_dtype), attributes)


def _dense(arguments: Arguments) -> Workload:
    """data (M, K), weight (N, K), bias or null, type of the sum."""
    if arguments[2] is not None:
        raise ValueError("a bias within the task has no counterpart")
    return single_operator("matmul", _types(arguments, arguments[3]), {"transpose_a": False, "transpose_b": True})


def _batch_matmul(arguments: Arguments) -> Workload:
    """a (B, M, K), b (B, N, K), shape of the product, [type of the sum, transpose a, transpose b]."""
    flags = [flag for flag in arguments[2:] if isinstance(flag, bool)]
    transpose_a, transpose_b = flags if flags else (False, True)
    named = next((item for item in arguments[3:] if isinstance(item, str)), arguments[0][2])
    attributes = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    return single_operator("matmul", _types(arguments, named), attributes, constant=False)


def _names(operator: str, *targets: str) -> list[str]:
    return [f"{operator}.{target}" for target in targets]


_BY_CONVERTER: Mapping[Callable[[Arguments], Workload], Sequence[str]] = {
    _convolution: (
        *_names("conv2d_nchw_spatial_pack", "arm_cpu", "mali", "bifrost"),
        *_names("conv2d_NCHWc", "x86", "arm_cpu", "intel_graphics"),
        *_names("conv2d_nchw", "x86", "cuda", "intel_graphics"),
        *("topi_nn_conv2d", "topi_x86_conv2d_NCHWc"),
    ),
    _winograd: _names("conv2d_nchw_winograd", "arm_cpu", "mali", "bifrost"),
    _depthwise: (
        *_names("depthwise_conv2d_nchw", "arm_cpu", "cuda", "mali", "bifrost", "x86"),
        *_names("depthwise_conv2d_nchw_spatial_pack", "arm_cpu"),
        *("topi_nn_depthwise_conv2d_nchw",),
    ),
    _grouped: (*_names("group_conv2d_nchw", "arm_cpu", "cuda", "mali"), "topi_nn_group_conv2d_nchw"),
    _transposed: (*_names("conv2d_transpose_nchw", "arm_cpu", "cuda", "x86"), "topi_nn_conv2d_transpose_nchw"),
    _dense: (
        *_names("dense_nopack", "x86"),
        *_names("dense_pack", "x86"),
        *_names("dense_small_batch", "cuda", "gpu"),
        *_names("dense_large_batch", "cuda", "gpu"),
        *_names("dense", "arm_cpu", "mali", "bifrost"),
        "topi_nn_dense",
    ),
    _batch_matmul: (*_names("batch_matmul", "x86", "cuda"), "topi_nn_batch_matmul"),
}
CONVERTERS: Mapping[str, Callable[[Arguments], Workload]] = {name: convert for convert, names in _BY_CONVERTER.items() for name in names}
