"""What a workload costs at least: arithmetic and memory traffic, from its types alone.

In: Workload. Out: numbers for rooflines, budgets and reports.
"""

from math import prod

from compiler.tensor_type import TensorType
from compiler.workload import GroupOp, Workload


def _types(workload: Workload) -> tuple[list[list[TensorType]], list[TensorType]]:
    """The input types of every operator, and its (first) output type."""
    stages = workload.stages()
    arguments = [argument.type for argument in workload.arguments]
    outputs = [stages[name].type for name in workload.op_names[:-1]] + [workload.output_types[0]]
    inputs = [[arguments[index] if source == "arg" else outputs[index] for source, index in op.inputs] for op in workload.ops]
    return inputs, outputs


def _op_flops(op: GroupOp, inputs: list[TensorType], output: TensorType) -> int:
    """Twice the multiplications of a linear operator, without padding lanes; else one operation per element read or written."""
    match op.op:
        case "conv2d" | "winograd_conv2d":
            return 2 * output.shape[0] * output.shape[2] * output.shape[3] * inputs[1].element_count
        case "conv2d_transpose":
            data, weight = inputs
            return 2 * data.element_count * prod(weight.shape[1:])
        case "matmul":
            a = inputs[0]
            inner = a.shape[-2] if op.attributes["transpose_a"] and len(a.shape) > 1 else a.shape[-1]
            return 2 * output.element_count * int(inner)
        case "max_pool" | "average_pool":
            return output.element_count * prod(map(int, op.attributes["kernel"]))
        case _:
            return max(output.element_count, *(kind.element_count for kind in inputs), 0)


def workload_flops(workload: Workload) -> int:
    """Arithmetic operations: 2 per multiply-add of convolutions and matmuls, 1 per element of everything else.

    Those of the definition: a Winograd convolution counts as the direct one, though it multiplies less.
    """
    inputs, outputs = _types(workload)
    return sum(_op_flops(op, given, result) for op, given, result in zip(workload.ops, inputs, outputs, strict=True))


def performed_flops(workload: Workload) -> int:
    """Like `workload_flops`, but of a Winograd convolution the operations of its matrix products, which are fewer than the definition's."""
    inputs, outputs = _types(workload)
    total = 0
    for op, given, result in zip(workload.ops, inputs, outputs, strict=True):
        flops = _op_flops(op, given, result)
        if op.op == "winograd_conv2d":
            (my, mx), (height, width), (r, s) = op.attributes["tile"], result.shape[2:4], given[1].shape[2:4]
            sy, sx = op.attributes["strides"]
            tiles, taps = -(-height // my) * -(-width // mx), (-(-r // sy), -(-s // sx))
            flops = flops * tiles * sy * sx * (my + taps[0] - 1) * (mx + taps[1] - 1) // (height * width * r * s)
        total += flops
    return total


def workload_bytes(workload: Workload) -> int:
    """Bytes read and written if each argument and output moves once."""
    return sum(argument.type.size_bytes for argument in workload.arguments) + sum(kind.size_bytes for kind in workload.output_types)


def weight_growth(workload: Workload) -> float:
    """Bytes of the weights as the kernel reads them over those of the argument: more than 1 for transformed ones, less for narrow ones."""
    anchor = workload.ops[workload.anchor]
    if anchor.op not in ("conv2d", "winograd_conv2d", "matmul") or anchor.inputs[1][0] != "arg":
        return 1.0
    share = float(anchor.attributes.get("weight_bytes", 4)) / 4
    if anchor.op != "winograd_conv2d":
        return share
    kernel = workload.arguments[anchor.inputs[1][1]].type.shape[2:]
    axes = zip(anchor.attributes["tile"], kernel, anchor.attributes["strides"], strict=True)
    return share * prod(int(stride) * (int(outputs) + -(-taps // int(stride)) - 1) for outputs, taps, stride in axes) / prod(kernel)
