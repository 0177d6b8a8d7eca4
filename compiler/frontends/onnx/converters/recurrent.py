"""ONNX frontend: LSTM, GRU and RNN, unrolled over time.

The input is multiplied by its weights once for all steps; each step is then one cell on a slice of the product and the state. Lengths of
single sequences must be known; beyond its length a sequence keeps its state and puts out zeros.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.frontends.onnx.converters.indexing import concat, slice_axis
from compiler.frontends.onnx.converters.linear import matmul
from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.converters.shape import reshape, transpose
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value
from compiler.ops import Array

ACTIVATIONS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu"}
DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}

State = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """Of one direction. input_bias is added to all steps' products at once; the cell takes the others."""

    input: Value
    recurrent: Value
    input_bias: Value
    recurrent_bias: Value
    peepholes: Value | None
    activations: tuple[str, ...]
    clip: float | None


Step = Callable[[FoldingBuilder, Value, State, Weights], State]


@dataclass(frozen=True, slots=True)
class Layer:
    """A kind of recurrent layer: `step` gives the next state, whose first part is the output."""

    gates: int
    activations: tuple[str, ...]
    states: int
    step: Step
    sums_biases: bool


def _lstm_step(build: FoldingBuilder, x: Value, state: State, weights: Weights) -> State:
    operands = [x, *state, weights.recurrent, *([] if weights.peepholes is None else [weights.peepholes])]
    return build.emit_all("lstm_cell", operands, {"activations": weights.activations, "clip": weights.clip})


@converts("LSTM", since=7)
def convert_lstm(node: OnnxNode, build: FoldingBuilder) -> tuple[Value, ...]:
    if node.int_attribute("input_forget", 0):
        raise UnsupportedOperator("attribute 'input_forget' 1 is not supported; supported is 0")
    return _unroll(node, build, Layer(4, ("Sigmoid", "Tanh", "Tanh"), 2, _lstm_step, sums_biases=True))


@converts("GRU", since=7)
def convert_gru(node: OnnxNode, build: FoldingBuilder) -> tuple[Value, ...]:
    linear = bool(node.int_attribute("linear_before_reset", 0))

    def step(build: FoldingBuilder, x: Value, state: State, weights: Weights) -> State:
        attributes = {"activations": weights.activations, "clip": weights.clip, "linear_before_reset": linear}
        return build.emit_all("gru_cell", [x, *state, weights.recurrent, weights.recurrent_bias], attributes)

    return _unroll(node, build, Layer(3, ("Sigmoid", "Tanh"), 1, step, sums_biases=False))


def _rnn_step(build: FoldingBuilder, x: Value, state: State, weights: Weights) -> State:
    total = build.emit("add", x, matmul(build, state[0], weights.recurrent, transpose_b=True))
    if weights.clip is not None:
        total = build.emit("clip", total, min=-weights.clip, max=weights.clip)
    return (build.emit(weights.activations[0], total),)


@converts("RNN", since=7)
def convert_rnn(node: OnnxNode, build: FoldingBuilder) -> tuple[Value, ...]:
    return _unroll(node, build, Layer(1, ("Tanh",), 1, _rnn_step, sums_biases=True))


def _unroll(node: OnnxNode, build: FoldingBuilder, layer: Layer) -> tuple[Value, ...]:
    node.ignore_attributes("hidden_size", "activation_alpha", "activation_beta", "output_sequence")
    x, batch_first = node.input(0), bool(node.int_attribute("layout", 0))
    if x.rank != 3 or node.input(1).rank != 3 or node.input(2).rank != 3:
        raise ShapeError(f"data {x.type} and weights {node.input(1).type}, {node.input(2).type} must have 3 axes each")
    if batch_first:
        x = transpose(build, x, (1, 0, 2))
    steps, batch, features = x.shape
    hidden = node.input(2).shape[-1]
    directions = _directions(node)
    if node.input(1).shape != (len(directions), layer.gates * hidden, features):
        raise ShapeError(f"the weights {node.input(1).type} do not fit the data {node.input(0).type}")
    lengths = node.optional_constant(4, "the sequence lengths")
    initial = [_initial_state(node, build, 5 + which, (len(directions), batch, hidden), batch_first) for which in range(layer.states)]
    rows = reshape(build, x, (steps * batch, features))
    outputs: list[Value] = []
    finals: list[State] = []
    for direction, backward in enumerate(directions):
        weights = _weights(node, build, layer, direction, len(directions), hidden)
        products = build.emit("add", matmul(build, rows, weights.input, transpose_b=True), weights.input_bias)
        state = tuple(reshape(build, slice_axis(build, each, 0, direction, direction + 1), (batch, hidden)) for each in initial)
        results: list[Value] = [state[0]] * steps
        for step in reversed(range(steps)) if backward else range(steps):
            part = slice_axis(build, products, 0, step * batch, (step + 1) * batch)
            new = layer.step(build, part, state, weights)
            state, results[step] = _within_length(build, new, state, lengths, step)
        outputs.append(reshape(build, concat(build, results, 0), (steps, 1, batch, hidden)))
        finals.append(state)
    return _layer_outputs(build, outputs, finals, batch_first)


def _layer_outputs(build: FoldingBuilder, outputs: Sequence[Value], finals: Sequence[State], batch_first: bool) -> tuple[Value, ...]:
    """Y (steps, directions, batch, hidden), then the last states (directions, batch, hidden); with `batch_first` the batch leads."""
    everything = concat(build, outputs, 1)
    if batch_first:
        everything = transpose(build, everything, (2, 0, 1, 3))
    last: list[Value] = []
    for parts in zip(*finals, strict=True):
        joined = concat(build, [reshape(build, part, (1, *part.shape)) for part in parts], 0)
        last.append(transpose(build, joined, (1, 0, 2)) if batch_first else joined)
    return (everything, *last)


def _directions(node: OnnxNode) -> tuple[bool, ...]:
    """For each direction whether it runs from the end."""
    direction = node.string_attribute("direction", "forward")
    if direction not in DIRECTIONS:
        raise UnsupportedOperator(f"direction {direction!r} is not supported; supported are {', '.join(DIRECTIONS)}")
    return DIRECTIONS[direction]


def _weights(node: OnnxNode, build: FoldingBuilder, layer: Layer, direction: int, directions: int, hidden: int) -> Weights:
    def of_direction(value: Value) -> Value:
        return reshape(build, slice_axis(build, value, 0, direction, direction + 1), value.shape[1:])

    width = layer.gates * hidden
    dtype = node.input(0).dtype
    bias = node.optional_input(3)
    both = of_direction(bias) if bias is not None else build.constant(np.zeros(2 * width), dtype)
    input_bias, recurrent_bias = slice_axis(build, both, 0, 0, width), slice_axis(build, both, 0, width, 2 * width)
    peepholes = node.optional_input(7)
    return Weights(
        of_direction(node.input(1)),
        of_direction(node.input(2)),
        build.emit("add", input_bias, recurrent_bias) if layer.sums_biases else input_bias,
        recurrent_bias,
        None if peepholes is None else of_direction(peepholes),
        _activations(node, layer, direction, directions),
        node.float_attribute("clip", 0.0) or None,
    )


def _activations(node: OnnxNode, layer: Layer, direction: int, directions: int) -> tuple[str, ...]:
    names = node.strings_attribute("activations", layer.activations * directions)
    count = len(layer.activations)
    if len(names) != count * directions:
        raise UnsupportedOperator(f"{len(names)} activations are given; supported are {count} for each direction")
    unknown = [name for name in names if name.capitalize() not in ACTIVATIONS]
    if unknown:
        raise UnsupportedOperator(f"activation {unknown[0]!r} is not supported; supported are {', '.join(ACTIVATIONS)}")
    return tuple(ACTIVATIONS[name.capitalize()] for name in names[direction * count : (direction + 1) * count])


def _initial_state(node: OnnxNode, build: FoldingBuilder, position: int, shape: tuple[int, ...], batch_first: bool) -> Value:
    given = node.optional_input(position)
    if given is None:
        return build.constant(np.zeros(shape), node.input(0).dtype)
    state = transpose(build, given, (1, 0, 2)) if batch_first else given
    if state.shape != shape:
        raise ShapeError(f"the initial state is {given.type}, it must hold {shape}")
    return state


def _within_length(build: FoldingBuilder, new: State, old: State, lengths: Array | None, step: int) -> tuple[State, Value]:
    """State and output after a step of which sequences that have ended take no part."""
    if lengths is None or (lengths > step).all():
        return new, new[0]
    runs = build.constant((lengths > step).reshape(-1, 1))
    state = tuple(build.emit("where", runs, after, before) for after, before in zip(new, old, strict=True))
    return state, build.emit("where", runs, new[0], build.constant(0, new[0].dtype))
