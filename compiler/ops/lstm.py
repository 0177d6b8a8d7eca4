"""One step of an LSTM; the frontend unrolls time and multiplies the input by its weights for all steps at once.

lstm_cell(x, h, c, r[, p]) -> (h', c')
    x (batch, 4 * hidden): X W^T plus both biases; gates in ONNX's order i, o, f, c
    h, c (batch, hidden): the state; r (4 * hidden, hidden): recurrent weights; p (3 * hidden): peepholes of i, o, f
    attributes: activations (three of sigmoid, tanh, relu: of the gates, the candidate and the output),
                clip (None or a number that bounds what the gates' activations are given)
Stages: {name}.gates = h r^T, {name}.cell = c' (the second output), {name} = h'.
"""

from collections.abc import Sequence

import numpy as np

from compiler.ops.operator import Array, Attributes, FusionKind, Operator, register_operator
from compiler.ops.precision import narrow, widen
from compiler.ops.recurrent_activation import activate, activate_array, require_cell
from compiler.ops.type_rules import require, require_count
from compiler.te import Expr, Tensor, compute, reduce_axis, sum_over
from compiler.tensor_type import TensorType

INPUT, OUTPUT, FORGET, CANDIDATE = range(4)


def _infer_types(inputs: Sequence[TensorType], attributes: Attributes) -> tuple[TensorType, ...]:
    require_count("lstm_cell", inputs, 4, 5)
    require(len(inputs[1].shape) == 2, "lstm_cell", "the state must be (batch, hidden)", inputs)
    batch, hidden = inputs[1].shape
    shapes = [(batch, 4 * hidden), (batch, hidden), (batch, hidden), (4 * hidden, hidden), (3 * hidden,)][: len(inputs)]
    require_cell("lstm_cell", inputs, shapes, attributes["activations"], 3)
    return inputs[1], inputs[2]


def _stages(stage: str, inputs: Sequence[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    x, h, c, r, *peepholes = inputs
    (batch, hidden), clip = h.shape, attributes["clip"]
    of_gate, of_candidate, of_output = attributes["activations"]
    k = reduce_axis(hidden, "k")
    gates = compute((batch, 4 * hidden), lambda n, g: sum_over(h[n, k] * r[g, k], k), f"{stage}.gates", ("n", "g"))

    def gate(which: int, n: Expr, j: Expr, cell: Expr) -> Expr:
        value = x[n, j + which * hidden] + gates[n, j + which * hidden]
        if peepholes and which != CANDIDATE:
            value = value + peepholes[0][j + which * hidden] * cell
        return activate(of_candidate if which == CANDIDATE else of_gate, value, clip)

    def new_cell(n: Expr, j: Expr) -> Expr:
        old = c[n, j]
        result: Expr = gate(FORGET, n, j, old) * old + gate(INPUT, n, j, old) * gate(CANDIDATE, n, j, old)
        return result

    cell = compute((batch, hidden), new_cell, f"{stage}.cell", ("n", "j"))
    output = compute(
        (batch, hidden), lambda n, j: gate(OUTPUT, n, j, cell[n, j]) * activate(of_output, cell[n, j], None), stage, ("n", "j")
    )
    return output, cell


def _reference(arrays: Sequence[Array], attributes: Attributes) -> tuple[Array, ...]:
    x, h, c, r, *peepholes = (widen(array) for array in arrays)
    clip, (of_gate, of_candidate, of_output) = attributes["clip"], attributes["activations"]
    i, o, f, g = np.split(x + h @ r.T, 4, axis=1)
    peep_i, peep_o, peep_f = np.split(peepholes[0], 3) if peepholes else (np.zeros(1),) * 3
    candidate = activate_array(of_candidate, g, clip)
    cell = activate_array(of_gate, f + peep_f * c, clip) * c + activate_array(of_gate, i + peep_i * c, clip) * candidate
    output = activate_array(of_gate, o + peep_o * cell, clip) * activate_array(of_output, cell, None)
    return narrow(output, arrays[1].dtype), narrow(cell, arrays[2].dtype)


register_operator(Operator("lstm_cell", FusionKind.OPAQUE, _infer_types, _stages, _reference))
