"""One step of a GRU; the frontend unrolls time and multiplies the input by its weights for all steps at once.

gru_cell(x, h, r, b) -> h'
    x (batch, 3 * hidden): X W^T plus the input biases; gates in ONNX's order z, r, h; h (batch, hidden): the state
    r (3 * hidden, hidden): recurrent weights; b (3 * hidden): recurrent biases
    attributes: activations (two of sigmoid, tanh, relu: of the gates and the candidate), clip (None or a number that bounds their
                arguments), linear_before_reset (bool: the reset gate scales the candidate's product with its bias, and not the state)
Stages: {name}.gates = h r^T and {name}; unless linear_before_reset, {name}.reset (the scaled state) and {name}.candidate between them.
"""

from collections.abc import Sequence

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import narrow, widen
from compiler.ops.recurrent_activation import activate, activate_array, require_cell
from compiler.ops.type_rules import require, require_count
from compiler.te import Expr, Tensor, compute, reduce_axis, sum_over
from compiler.tensor_type import TensorType


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("gru_cell", inputs, 4)
    require(len(inputs[1].shape) == 2, "gru_cell", "the state must be (batch, hidden)", inputs)
    batch, hidden = inputs[1].shape
    shapes = [(batch, 3 * hidden), (batch, hidden), (3 * hidden, hidden), (3 * hidden,)]
    require_cell("gru_cell", inputs, shapes, attributes["activations"], 2)
    return (inputs[1],)


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    x, h, r, b = inputs
    (batch, hidden), clip = h.shape, attributes["clip"]
    of_gate, of_candidate = attributes["activations"]
    linear = attributes["linear_before_reset"]

    def product(name: str, state: Tensor, first: int, width: int) -> Tensor:
        k = reduce_axis(hidden, "k")
        return compute((batch, width), lambda n, g: sum_over(state[n, k] * r[g + first, k], k), name, ("n", "g"))

    gates = product(f"{stage}.gates", h, 0, (3 if linear else 2) * hidden)

    def gate(which: int, n: Expr, j: Expr) -> Expr:
        place = j + which * hidden
        return activate(of_gate, x[n, place] + gates[n, place] + b[place], clip)

    if linear:

        def recurrent(n: Expr, j: Expr) -> Expr:
            result: Expr = gate(1, n, j) * (gates[n, j + 2 * hidden] + b[j + 2 * hidden])
            return result
    else:
        reset = compute((batch, hidden), lambda n, j: gate(1, n, j) * h[n, j], f"{stage}.reset", ("n", "j"))
        candidate = product(f"{stage}.candidate", reset, 2 * hidden, hidden)

        def recurrent(n: Expr, j: Expr) -> Expr:
            result: Expr = candidate[n, j] + b[j + 2 * hidden]
            return result

    def output(n: Expr, j: Expr) -> Expr:
        update = gate(0, n, j)
        fresh = activate(of_candidate, x[n, j + 2 * hidden] + recurrent(n, j), clip)
        result: Expr = (1.0 - update) * fresh + update * h[n, j]
        return result

    return (compute((batch, hidden), output, stage, ("n", "j")),)


def _reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    x, h, r, b = (widen(array) for array in arrays)
    clip, (of_gate, of_candidate) = attributes["clip"], attributes["activations"]
    (x_z, x_r, x_h), (r_z, r_r, r_h), (b_z, b_r, b_h) = np.split(x, 3, axis=1), np.split(r, 3), np.split(b, 3)
    update = activate_array(of_gate, x_z + h @ r_z.T + b_z, clip)
    reset = activate_array(of_gate, x_r + h @ r_r.T + b_r, clip)
    recurrent = reset * (h @ r_h.T + b_h) if attributes["linear_before_reset"] else (reset * h) @ r_h.T + b_h
    fresh = activate_array(of_candidate, x_h + recurrent, clip)
    return (narrow((1 - update) * fresh + update * h, arrays[1].dtype),)


register_operator(Operator("gru_cell", FusionKind.OPAQUE, _infer_types, _stages, _reference))
