"""ONNX frontend: If, Loop and Scan, which leave no trace in the graph.

A branch whose condition is known is converted in place; of an unknown one both branches are computed and one is chosen per element. Loops
are unrolled, so the number of rounds must be known.
"""

from collections.abc import Sequence

import numpy as np

from compiler.errors import ModelError, ShapeError, UnsupportedOperator
from compiler.frontends.onnx.converters.axes import normalize_axis
from compiler.frontends.onnx.converters.indexing import concat, slice_axis
from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.converters.shape import reshape
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.value import Value

MOST_ROUNDS = 4096


@converts("If")
def convert_if(node: OnnxNode, build: FoldingBuilder) -> tuple[Value, ...]:
    condition = node.input(0)
    if condition.constant is not None:
        taken, other = ("then_branch", "else_branch") if condition.constant.any() else ("else_branch", "then_branch")
        node.ignore_attributes(other)
        return node.run_subgraph(taken, ())
    try:
        then_values, else_values = node.run_subgraph("then_branch", ()), node.run_subgraph("else_branch", ())
    except ModelError as error:
        raise UnsupportedOperator(
            f"the condition (input {condition.name!r}) depends on the model's inputs, and not every branch can be compiled: {error}"
        ) from None
    condition = reshape(build, condition, ())
    return tuple(_choose(build, condition, pair) for pair in zip(then_values, else_values, strict=True))


def _choose(build: FoldingBuilder, condition: Value, pair: tuple[Value, Value]) -> Value:
    then_value, else_value = pair
    if then_value.type != else_value.type:
        raise UnsupportedOperator(
            f"the branches give {then_value.type} and {else_value.type}, and which one is taken depends on the model's inputs; "
            "supported are branches of equal types, or a condition that is known at compile time"
        )
    return build.emit("where", condition, then_value, else_value)


@converts("Loop")
def convert_loop(node: OnnxNode, build: FoldingBuilder) -> tuple[Value, ...]:
    """Runs until the trip count is reached or the condition, which must stay known, turns false."""
    limit = node.optional_constant(0, "the trip count")
    rounds = MOST_ROUNDS + 1 if limit is None else int(limit.reshape(()))
    condition = node.optional_constant(1, "the condition")
    carried = tuple(node.input(position) for position in range(2, len(node.inputs)))
    body = node.subgraph("body")
    scanned: list[list[Value]] = [[] for _ in range(len(body.output) - 1 - len(carried))]
    going = condition is None or bool(condition.any())
    done = 0
    while going and done < rounds:
        if done == MOST_ROUNDS:
            raise UnsupportedOperator(f"more than {MOST_ROUNDS} rounds are not supported")
        start = (build.constant(np.int64(done)), build.constant(np.bool_(True)))
        goes_on, *results = node.run_subgraph("body", (*start, *carried))
        if goes_on.constant is None:
            raise UnsupportedOperator("the end of the loop depends on the model's inputs; supported are loops of known length")
        going = bool(goes_on.constant.any())
        carried, new = tuple(results[: len(carried)]), results[len(carried) :]
        for values, value in zip(scanned, new, strict=True):
            values.append(value)
        done += 1
    if not done and scanned:
        raise UnsupportedOperator("a loop without rounds that collects results is not supported; supported are one round and more")
    return (*carried, *(_stack(build, values, 0) for values in scanned))


def _stack(build: FoldingBuilder, values: Sequence[Value], axis: int) -> Value:
    """The values side by side along a new axis."""
    parts = [reshape(build, value, (*value.shape[:axis], 1, *value.shape[axis:])) for value in values]
    return concat(build, parts, axis)


@converts("Scan", since=9)
def convert_scan(node: OnnxNode, build: FoldingBuilder) -> tuple[Value, ...]:
    scan_count = node.int_attribute("num_scan_inputs", 1)
    inputs = node.all_inputs()
    carried, sequences = inputs[: len(inputs) - scan_count], inputs[len(inputs) - scan_count :]
    body = node.subgraph("body")
    output_count = len(body.output) - len(carried)
    input_axes = _scan_axes(node, "scan_input_axes", [value.rank for value in sequences])
    lengths = {value.shape[axis] for value, axis in zip(sequences, input_axes, strict=True)}
    if len(lengths) != 1:
        raise ShapeError(f"the scanned inputs have different lengths {sorted(lengths)}")
    (length,) = lengths
    if not 0 < length <= MOST_ROUNDS:
        raise UnsupportedOperator(f"{length} rounds are not supported; supported are 1 to {MOST_ROUNDS}")
    backward = node.ints_attribute("scan_input_directions", (0,) * scan_count)
    output_backward = node.ints_attribute("scan_output_directions", (0,) * output_count)
    rounds: list[Sequence[Value]] = []
    for step in range(length):
        elements = [
            _element(build, value, axis, length - 1 - step if reverse else step)
            for value, axis, reverse in zip(sequences, input_axes, backward, strict=True)
        ]
        results = node.run_subgraph("body", (*carried, *elements))
        carried = results[: len(carried)]
        rounds.append(results[len(carried) :])
    output_axes = _scan_axes(node, "scan_output_axes", [value.rank + 1 for value in rounds[0]])
    columns = zip(zip(*rounds, strict=True), output_axes, output_backward, strict=True)
    return (*carried, *(_stack(build, values[::-1] if reverse else values, axis) for values, axis, reverse in columns))


def _scan_axes(node: OnnxNode, attribute: str, ranks: Sequence[int]) -> tuple[int, ...]:
    axes = node.ints_attribute(attribute, (0,) * len(ranks))
    return tuple(normalize_axis(axis, rank) for axis, rank in zip(axes, ranks, strict=True))


def _element(build: FoldingBuilder, value: Value, axis: int, place: int) -> Value:
    part = slice_axis(build, value, axis, place, place + 1)
    return reshape(build, part, value.shape[:axis] + value.shape[axis + 1 :])
