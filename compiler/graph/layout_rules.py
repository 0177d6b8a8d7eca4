"""What each operator asks of the layouts of its operands. In: a node over plain (NCHW) values. Out: a rule for `choose_layouts.py`.

A blocked value "NCHW16c" has the shape (N, ceil(C / 16), H, W, 16). Where C is no multiple of 16, its last lanes hold some finite number
that nothing may depend on: operators that could make an infinity or NaN of any finite number keep such values plain.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from compiler.graph.graph import Graph, Node
from compiler.ops import FusionKind, blocked_layout, get_operator


class Operand(Enum):
    FOLLOW = auto()  # has the layout of the node
    SPATIAL = auto()  # (N, 1, H, W), the same for all channels: plain, seen as (N, 1, H, W, 1) by a blocked node
    AS_IS = auto()  # a number, a vector or a weight: the same for a blocked node


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutRule:
    """How a node works in the blocked layout: what it takes of each operand, and its attributes there.

    plain_bytes, blocked_bytes: what working on plain or on blocked values costs more than the other, as bytes moved. free_input: a
    convolution with fewer input channels than lanes, which may take plain data and give a blocked result.
    """

    operands: tuple[Operand, ...]
    attributes: Mapping[str, Any]
    plain_bytes: int = 0
    blocked_bytes: int = 0
    free_input: bool = False


# Time as bytes moved: a Zen 4 core makes 57 multiply-adds per nanosecond (115 GFLOP/s measured), or streams about 30 bytes from its caches.
BYTES_PER_MAC = 0.5
# A convolution over plain values against a blocked one with all lanes in use; depthwise ones are bound by memory.
PLAIN_SLOWDOWN = 3.0
# Finite numbers in the padding lanes may become infinite or NaN here.
UNSAFE_WITH_PADDING = frozenset(
    {"div", "mod", "pow", "exp", "log", "sqrt", "reciprocal", "tan", "asin", "acos", "sinh", "cosh", "acosh", "atanh"}
    | {"reduce_log_sum", "reduce_log_sum_exp", "reduce_prod"}
)
POOLS = frozenset({"max_pool", "average_pool", "global_average_pool", "global_max_pool", "lrn", "instance_norm", "batch_norm"})
Rule = Callable[[Graph, Node, int], LayoutRule | None]


def _image(graph: Graph, value: str) -> tuple[int, ...] | None:
    shape = graph.types[value].shape
    return shape if len(shape) == 4 and min(shape) > 0 else None


def _convolution(graph: Graph, node: Node, block: int) -> LayoutRule | None:
    attributes, groups = node.attributes, node.attributes["groups"]
    out_channels, per_group = graph.types[node.inputs[1]].shape[:2]
    in_channels = per_group * groups
    depthwise = groups == in_channels == out_channels
    whole_blocks = per_group % block == 0 and (out_channels // groups) % block == 0
    if attributes["layout"] != "NCHW" or attributes["out_layout"] != "NCHW" or not (groups == 1 or depthwise or whole_blocks):
        return None
    layout, operands = blocked_layout(block), (Operand.FOLLOW, Operand.AS_IS)
    blocked = {**attributes, "layout": layout, "out_layout": layout}
    result = graph.types[node.outputs[0]]
    if depthwise and groups > 1:
        return LayoutRule(operands=operands, attributes=blocked, plain_bytes=2 * result.size_bytes)
    work = result.element_count * math.prod(graph.types[node.inputs[1]].shape[1:]) * BYTES_PER_MAC
    idle_lanes = -(-out_channels // block) * block / out_channels
    gain = round(work * (PLAIN_SLOWDOWN - idle_lanes))
    return LayoutRule(
        operands=operands,
        attributes=blocked,
        plain_bytes=max(gain, 0),
        blocked_bytes=max(-gain, 0),
        free_input=groups == 1 and in_channels < block,
    )


def _with_layout(_: Graph, node: Node, block: int) -> LayoutRule | None:
    if node.attributes["layout"] != "NCHW":
        return None
    vectors = (Operand.AS_IS,) * (len(node.inputs) - 1)
    return LayoutRule(operands=(Operand.FOLLOW, *vectors), attributes={**node.attributes, "layout": blocked_layout(block)})


def _elementwise(graph: Graph, node: Node, _: int) -> LayoutRule | None:
    channels = graph.types[node.outputs[0]].shape[1]
    operands: list[Operand] = []
    for value in node.inputs:
        kind, constant = graph.types[value], value in graph.constants
        shape = (1,) * (4 - len(kind.shape)) + kind.shape
        if kind.element_count == 1 and (constant or len(kind.shape) < 4):
            operands.append(Operand.AS_IS)
        elif len(kind.shape) > 4 or (len(kind.shape) < 4 and not constant):
            return None
        elif shape[1] == channels:
            operands.append(Operand.FOLLOW)
        else:
            operands.append(Operand.SPATIAL)
    variable = any(operand is Operand.FOLLOW and value not in graph.constants for operand, value in zip(operands, node.inputs, strict=True))
    return LayoutRule(operands=tuple(operands), attributes=node.attributes) if variable else None


def _reduction(_: Graph, node: Node, __: int) -> LayoutRule | None:
    spatial = set(node.attributes["axes"]) <= {2, 3} and node.attributes["axes"] and node.attributes["keepdims"]
    return LayoutRule(operands=(Operand.FOLLOW,), attributes=node.attributes) if spatial else None


def _concat(graph: Graph, node: Node, block: int) -> LayoutRule | None:
    whole = node.attributes["axis"] != 1 or all(graph.types[value].shape[1] % block == 0 for value in node.inputs)
    return LayoutRule(operands=(Operand.FOLLOW,) * len(node.inputs), attributes=node.attributes) if whole else None


def _slice(graph: Graph, node: Node, block: int) -> LayoutRule | None:
    starts, ends, steps = (tuple(node.attributes[key]) for key in ("starts", "ends", "steps"))
    channels = graph.types[node.inputs[0]].shape[1]
    if steps[1] != 1 or starts[1] % block or (ends[1] % block and ends[1] != channels):
        return None
    attributes = {
        "starts": (starts[0], starts[1] // block, *starts[2:], 0),
        "ends": (ends[0], -(-ends[1] // block), *ends[2:], block),
        "steps": (*steps, 1),
    }
    return LayoutRule(operands=(Operand.FOLLOW,), attributes=attributes)


def _pad(graph: Graph, node: Node, block: int) -> LayoutRule | None:
    pads, value = tuple(node.attributes["pads"]), node.attributes["value"]
    padded_lanes = graph.types[node.inputs[0]].shape[1] % block
    if pads[1] or pads[5] or (padded_lanes and not math.isfinite(value)):
        return None
    return LayoutRule(operands=(Operand.FOLLOW,), attributes={**node.attributes, "pads": (*pads[:4], 0, *pads[4:], 0)})


def _resize(graph: Graph, node: Node, block: int) -> LayoutRule | None:
    sizes, scales, roi = (tuple(node.attributes[key]) for key in ("sizes", "scales", "roi"))
    channels = graph.types[node.inputs[0]].shape[1]
    if sizes[1] != channels or scales[1] != 1:
        return None
    attributes = {
        **node.attributes,
        "sizes": (sizes[0], -(-channels // block), *sizes[2:], block),
        "scales": (*scales, 1.0),
        "roi": (*roi[:4], 0.0, *roi[4:], 1.0) if roi else (),
    }
    return LayoutRule(operands=(Operand.FOLLOW,), attributes=attributes)


RULES: dict[str, Rule] = {
    "conv2d": _convolution,
    **dict.fromkeys(POOLS, _with_layout),
    **dict.fromkeys(("reduce_mean", "reduce_sum", "reduce_max", "reduce_min", "reduce_l1", "reduce_l2", "reduce_sum_square"), _reduction),
    "concat": _concat,
    "slice": _slice,
    "pad": _pad,
    "resize": _resize,
}


def layout_rule(graph: Graph, node: Node, block: int) -> LayoutRule | None:
    """How the node can work on blocked values; None if it works on plain ones only."""
    shape = _image(graph, node.outputs[0])
    if len(node.outputs) != 1 or shape is None:
        return None
    if node.op not in RULES and get_operator(node.op).fusion != FusionKind.ELEMENTWISE:
        return None
    if shape[1] % block and node.op in UNSAFE_WITH_PADDING:
        return None
    rule = RULES.get(node.op, _elementwise)
    if rule is not _elementwise and _image(graph, node.inputs[0]) is None:
        return None
    return rule(graph, node, block)
