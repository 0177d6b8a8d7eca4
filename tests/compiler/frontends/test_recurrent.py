"""LSTM, GRU and RNN against onnxruntime."""

from typing import Any

import numpy as np
import pytest

from compiler.errors import UnsupportedOperator
from compiler.frontends.onnx import load_onnx
from tests.compiler.frontends.node_models import Array, assert_equals_onnxruntime, node_model, random

STEPS, BATCH, FEATURES, HIDDEN = 5, 2, 3, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
ACTIVATIONS = {"LSTM": 3, "GRU": 2, "RNN": 1}


def operands(op_type: str, directions: int = 1, *, initial: bool = True, lengths: Array | None = None) -> list[Array | None]:
    """W, R, B, the lengths, the initial states and, for an LSTM, the peepholes."""
    width = GATES[op_type] * HIDDEN
    weights: list[Array | None] = [
        random(directions, width, FEATURES, seed=1),
        random(directions, width, HIDDEN, seed=2),
        random(directions, 2 * width, seed=3),
        lengths,
    ]
    states = [random(directions, BATCH, HIDDEN, seed=4), random(directions, BATCH, HIDDEN, seed=5)]
    return weights + (states[: 2 if op_type == "LSTM" else 1] if initial else [])


def check(op_type: str, given: list[Array | None], **attributes: Any) -> None:
    x = random(STEPS, BATCH, FEATURES)
    outputs = 3 if op_type == "LSTM" else 2
    assert_equals_onnxruntime(node_model(op_type, 14, {"x": x}, given, outputs, hidden_size=HIDDEN, **attributes), {"x": x})


@pytest.mark.parametrize("op_type", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("lengths", [None, (5, 5), (2, 5)], ids=str)
def test_directions_and_lengths(op_type: str, direction: str, lengths: tuple[int, ...] | None) -> None:
    given = operands(op_type, 2 if direction == "bidirectional" else 1, lengths=np.asarray(lengths, np.int32) if lengths else None)
    check(op_type, given, direction=direction)


@pytest.mark.parametrize("op_type", GATES)
def test_no_bias_and_no_state(op_type: str) -> None:
    check(op_type, operands(op_type, initial=False)[:2])


def test_peepholes() -> None:
    check("LSTM", [*operands("LSTM"), random(1, 3 * HIDDEN, seed=6)])


@pytest.mark.parametrize("op_type", GATES)
def test_clip_and_activations(op_type: str) -> None:
    names = ["Relu", "Sigmoid", "Tanh"][: ACTIVATIONS[op_type]]
    check(op_type, operands(op_type), clip=0.7, activations=names)


def test_reset_after_the_product() -> None:
    check("GRU", operands("GRU"), linear_before_reset=1)


def test_batch_first_is_the_same_with_axes_exchanged() -> None:
    x = random(STEPS, BATCH, FEATURES)
    weights = operands("LSTM", 2, initial=False)
    graphs = [
        load_onnx(node_model("LSTM", 14, {"x": data}, weights, 3, hidden_size=HIDDEN, direction="bidirectional", layout=layout))
        for layout, data in enumerate((x, x.transpose(1, 0, 2)))
    ]
    assert [graphs[1].types[name].shape for name in graphs[1].outputs] == [
        (BATCH, STEPS, 2, HIDDEN),
        (BATCH, 2, HIDDEN),
        (BATCH, 2, HIDDEN),
    ]
    assert graphs[0].types["y0"].shape == (STEPS, 2, BATCH, HIDDEN)


def test_input_product_is_made_once_for_all_steps() -> None:
    graph = load_onnx(node_model("LSTM", 14, {"x": random(STEPS, BATCH, FEATURES)}, operands("LSTM"), 3, hidden_size=HIDDEN))
    ops = [node.op for node in graph.nodes]
    assert ops.count("matmul") == 1
    assert ops.count("lstm_cell") == STEPS


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"activations": ["Sigmoid", "Softsign", "Tanh"]}, "activation 'Softsign' is not supported; supported are Sigmoid, Tanh, Relu"),
        ({"activations": ["Tanh"]}, "1 activations are given"),
        ({"input_forget": 1}, "'input_forget' 1 is not supported"),
        ({"direction": "sideways"}, "direction 'sideways' is not supported"),
    ],
)
def test_what_is_not_supported(attributes: dict[str, Any], words: str) -> None:
    model = node_model("LSTM", 14, {"x": random(STEPS, BATCH, FEATURES)}, operands("LSTM"), hidden_size=HIDDEN, **attributes)
    with pytest.raises(UnsupportedOperator, match=words):
        load_onnx(model)
