"""One step of LSTM and GRU cells, and a whole unrolled sequence against onnxruntime."""

import numpy as np
import pytest

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.ops import get_operator
from compiler.tensor_type import TensorType

STEPS, BATCH, INPUTS, HIDDEN = 3, 2, 4, 5


def floats(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("peepholes", [True, False])
@pytest.mark.parametrize("activations", [("sigmoid", "tanh", "tanh"), ("tanh", "relu", "sigmoid")], ids=str)
def test_lstm(activations, peepholes, clip, check, ort):
    x, w, r, b = floats(STEPS, BATCH, INPUTS), floats(1, 4 * HIDDEN, INPUTS), floats(1, 4 * HIDDEN, HIDDEN), floats(1, 8 * HIDDEN)
    h, c, p = floats(1, BATCH, HIDDEN), floats(1, BATCH, HIDDEN) + 1, floats(1, 3 * HIDDEN)
    names = {"hidden_size": HIDDEN, "activations": [name.title() for name in activations], **({} if clip is None else {"clip": clip})}
    expected, last_h, last_c = ort("LSTM", [x, w, r, b, None, h, c, p if peepholes else None], outputs=3, **names)
    state, cell = h[0], c[0]
    for step in range(STEPS):
        projected = x[step] @ w[0].T + b[0, : 4 * HIDDEN] + b[0, 4 * HIDDEN :]
        arrays = [projected, state, cell, r[0], *([p[0]] if peepholes else [])]
        state, cell = check("lstm_cell", arrays, activations=activations, clip=clip)
        np.testing.assert_allclose(state, expected[step, 0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(state, last_h[0], atol=1e-5)
    np.testing.assert_allclose(cell, last_c[0], atol=1e-5)


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("activations", [("sigmoid", "tanh"), ("tanh", "relu")], ids=str)
def test_gru(activations, linear, clip, check, ort):
    x, w, r, b = floats(STEPS, BATCH, INPUTS), floats(1, 3 * HIDDEN, INPUTS), floats(1, 3 * HIDDEN, HIDDEN), floats(1, 6 * HIDDEN)
    h = floats(1, BATCH, HIDDEN)
    names = {"hidden_size": HIDDEN, "activations": [name.title() for name in activations], **({} if clip is None else {"clip": clip})}
    (expected,) = ort("GRU", [x, w, r, b, None, h], linear_before_reset=int(linear), **names)
    state = h[0]
    for step in range(STEPS):
        projected = x[step] @ w[0].T + b[0, : 3 * HIDDEN]
        arrays = [projected, state, r[0], b[0, 3 * HIDDEN :]]
        (state,) = check("gru_cell", arrays, activations=activations, clip=clip, linear_before_reset=linear)
        np.testing.assert_allclose(state, expected[step, 0], rtol=1e-5, atol=1e-5)


def test_errors():
    types = [TensorType((2, 20)), TensorType((2, 5)), TensorType((2, 5)), TensorType((20, 5))]
    attributes = {"activations": ("sigmoid", "tanh", "tanh"), "clip": None}
    assert get_operator("lstm_cell").infer_types(types, attributes) == (TensorType((2, 5)), TensorType((2, 5)))
    with pytest.raises(ShapeError, match=r"lstm_cell: needs shapes \[2, 20\], \[2, 5\], \[2, 5\], \[20, 5\]; found float32\[2, 21\]"):
        get_operator("lstm_cell").infer_types([TensorType((2, 21)), *types[1:]], attributes)
    with pytest.raises(
        UnsupportedOperator, match="lstm_cell: activations affine, tanh, tanh are not 3 of the known ones: sigmoid, tanh, relu"
    ):
        get_operator("lstm_cell").infer_types(types, attributes | {"activations": ("affine", "tanh", "tanh")})
