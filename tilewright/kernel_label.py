"""What people call a kernel: its variant, its layouts, a short form of its workload. In: Workload. Next: `profile_model.py`."""

from compiler.ops import FusionKind, get_operator
from compiler.tensor_type import TensorType
from compiler.workload import GroupOp, Workload

DIRECT, WINOGRAD, TRANSPOSED = "conv2d", "winograd_conv2d", "conv2d_transpose"
CONVOLUTIONS = (DIRECT, WINOGRAD, TRANSPOSED)
VARIANTS = {
    DIRECT: "direct",
    TRANSPOSED: "transposed",
    "matmul": "matmul",
    "layout_transform": "layout change",
    "max_pool": "pool",
    "average_pool": "pool",
    "global_max_pool": "pool",
    "global_average_pool": "pool",
}
FAMILIES = {FusionKind.ELEMENTWISE: "elementwise", FusionKind.INJECTIVE: "copy", FusionKind.REDUCTION: "reduction"}


def variant(workload: Workload) -> str:
    """How the anchor is computed: `direct`, `winograd F(4x4)`, `depthwise`, `matmul`, `pool`, `elementwise`; else the operator's name.

    `, 3 bytes` or `, 2 bytes` follows where that is how each weight is kept.
    """
    anchor = workload.ops[workload.anchor]
    name = _algorithm(workload, anchor)
    return f"{name}, {anchor.attributes['weight_bytes']} bytes" if "weight_bytes" in anchor.attributes else name


def _algorithm(workload: Workload, anchor: GroupOp) -> str:
    match anchor.op:
        case "winograd_conv2d":
            return f"winograd F({'x'.join(map(str, anchor.attributes['tile']))})"
        case "conv2d" if (groups := int(anchor.attributes["groups"])) > 1:
            return "depthwise" if _weight(workload, anchor).shape[0] == groups else "grouped"
        case name:
            return VARIANTS.get(name) or FAMILIES.get(get_operator(name).fusion, name)


def layouts(workload: Workload) -> tuple[str, str] | None:
    """Of the activations that come in and go out, where an operator of the group names them."""
    pairs = [pair for op in workload.ops if (pair := _op_layouts(op))]
    return (pairs[0][0], pairs[-1][1]) if pairs else None


def short_form(workload: Workload) -> str:
    """`64->64 3x3 56x56 +add+relu` for a convolution (channels, kernel, output), names and shapes for the rest."""
    anchor = workload.ops[workload.anchor]
    if anchor.op not in CONVOLUTIONS:
        data = "" if not workload.arguments else f" {_extents(workload.arguments[0].type)}"
        return f"{'+'.join(workload.op_names)}{data} -> {_extents(workload.output_types[0])}"
    weight, output = _weight(workload, anchor), workload.stages()[workload.op_names[workload.anchor]].type
    groups, stride = int(anchor.attributes["groups"]), anchor.attributes["strides"]
    into, out = (weight.shape[1] * groups, weight.shape[0]) if anchor.op != TRANSPOSED else (weight.shape[0], weight.shape[1] * groups)
    steps = "" if tuple(stride) == (1, 1) else f"/{stride[0]}" if stride[0] == stride[1] else f"/{stride[0]},{stride[1]}"
    batch = "" if output.shape[0] == 1 else f" batch {output.shape[0]}"
    fused = "".join(f"+{op.op}" for position, op in enumerate(workload.ops) if position != workload.anchor)
    text = f"{into}->{out} {weight.shape[2]}x{weight.shape[3]}{steps} {output.shape[2]}x{output.shape[3]}{batch}"
    return f"{text} {fused}".rstrip()


def _weight(workload: Workload, convolution: GroupOp) -> TensorType:
    source, index = convolution.inputs[1]
    return workload.arguments[index].type if source == "arg" else workload.stages()[workload.op_names[index]].type


def _op_layouts(op: GroupOp) -> tuple[str, str] | None:
    match op.attributes:
        case {"source": into, "destination": out} | {"layout": into, "out_layout": out}:
            return str(into), str(out)
        case {"layout": both}:
            return str(both), str(both)
    return None


def _extents(kind: TensorType) -> str:
    return "x".join(map(str, kind.shape)) or "scalar"
