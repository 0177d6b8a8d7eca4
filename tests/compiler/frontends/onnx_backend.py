"""ONNX's own backend tests over a `Graph`: whoever can run a graph gets the whole suite by one call of `make_backend`.

The node tests give shapes, paddings and the like as inputs; a compiler needs them when it compiles, so the backend prepared here waits for
the inputs of a test and hands those to `load_onnx` as constants. `node_cases` selects the tests that the project answers for; the ones
among them that do not pass are listed, each with its reason, in `onnx_node_exclusions.csv`.
"""

import csv
import unittest
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper
from onnx.backend.base import Backend, BackendRep
from onnx.backend.test import BackendTest
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

from compiler.frontends.onnx import load_onnx
from compiler.graph import Graph

Array = NDArray[Any]
RunGraph = Callable[[Graph, Mapping[str, Array]], Sequence[Array]]

EXCLUSIONS = Path(__file__).with_name("onnx_node_exclusions.csv")

ACTIVATIONS = "Clip Elu Erf Gelu HardSigmoid HardSwish LeakyRelu PRelu Relu Sigmoid Swish Tanh"
ARITHMETIC = "Abs Add Ceil Div Exp Floor Log Max Mean Min Mod Mul Neg Pow Reciprocal Round Sign Sqrt Sub Sum"
COMPARISONS = "And Equal Greater GreaterOrEqual Less LessOrEqual Not Or Where Xor"
LINEAR = "Conv ConvTranspose Gemm LSTM MatMul"
NORMALIZATIONS = "BatchNormalization LRN LogSoftmax Softmax"
POOLS = "AveragePool GlobalAveragePool GlobalMaxPool MaxPool"
REDUCTIONS = (
    "ArgMax ArgMin ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"
)
SHAPES = (
    "Cast CastLike Concat Constant ConstantOfShape Dropout Expand Flatten Gather Identity Pad Range Reshape Resize Shape Size Slice Split"
    " Squeeze Tile Transpose Unsqueeze Upsample"
)
OPERATORS = frozenset(
    name for text in (ACTIVATIONS, ARITHMETIC, COMPARISONS, LINEAR, NORMALIZATIONS, POOLS, REDUCTIONS, SHAPES) for name in text.split()
)
ELEMENT_TYPES = frozenset({TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL})

KNOWN_INPUTS: dict[str, tuple[int, ...]] = {
    "CenterCropPad": (1,),
    "ConstantOfShape": (0,),
    "CumSum": (1,),
    "Dropout": (1, 2),
    "Expand": (1,),
    "GRU": (4,),
    "LSTM": (4,),
    "Loop": (0, 1),
    "OneHot": (1,),
    "Pad": (1, 2, 3),
    "RNN": (4,),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "Trilu": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
    **{name: (1,) for name in REDUCTIONS.split() if name.startswith("Reduce")},
}


def load_case(model: ModelProto, inputs: Sequence[Array]) -> tuple[Graph, dict[str, Array]]:
    """The graph of a test for these inputs, and those of them that are its inputs."""
    stored = {tensor.name for tensor in model.graph.initializer}
    given = dict(zip((declared.name for declared in model.graph.input if declared.name not in stored), inputs, strict=True))
    known = _known_values(model.graph)
    constants = {name: array for name, array in given.items() if name in known}
    shapes = {name: array.shape for name, array in given.items() if name not in known}
    graph = load_onnx(model, shapes=shapes, constants=constants)
    return graph, {name: given[name] for name in graph.inputs}


def _known_values(graph: GraphProto) -> set[str]:
    """Values that must be known when a graph is compiled, and all that they are computed from."""
    producers = {output: node for node in graph.node for output in node.output}
    pending = [node.input[at] for node in graph.node for at in KNOWN_INPUTS.get(node.op_type, ()) if at < len(node.input)]
    known: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in known:
            known.add(name)
            producer = producers.get(name)
            pending += [] if producer is None or producer.op_type in ("Shape", "Size") else producer.input
    return known


def make_backend(run_graph: RunGraph) -> type[Backend]:
    """A backend for `onnx.backend.test.BackendTest` that runs graphs by `run_graph`."""

    class Prepared(BackendRep):  # type: ignore[misc]
        def __init__(self, model: ModelProto) -> None:
            self._model = model

        def run(self, inputs: Sequence[Array], **_: Any) -> tuple[Array, ...]:
            graph, values = load_case(self._model, inputs)
            return tuple(run_graph(graph, values))

    class GraphBackend(Backend):  # type: ignore[misc]
        @classmethod
        def prepare(cls, model: ModelProto, device: str = "CPU", **_: Any) -> BackendRep:
            assert cls.supports_device(device)
            return Prepared(model)

        @classmethod
        def supports_device(cls, device: str) -> bool:
            return device == "CPU"

    return GraphBackend


def backend_tests(run_graph: RunGraph, module: str) -> type[unittest.TestCase]:
    """The selected node tests as a test case class for `module`, made and run by ONNX's own runner; exclusions are skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        suite = BackendTest(make_backend(run_graph), module)
    for name, reason in exclusions().items():
        item = suite._test_items["NodeModel"][f"{name}_cpu"]
        item.func = unittest.skip(reason)(item.func)
    tests = suite.test_cases["OnnxBackendNodeModelTest"]
    wanted = {f"{name}_cpu" for name in node_cases()}
    for name in [name for name in vars(tests) if name.startswith("test_") and name not in wanted]:
        delattr(tests, name)
    return tests


@cache
def node_cases() -> dict[str, TestCase]:
    """The node tests whose operators and element types are all among those above, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = load_model_tests(kind="node")
    return {case.name: case for case in cases if case.model is not None and _is_selected(case.model)}


def case_data(case: TestCase) -> Iterator[tuple[list[Array], list[Array]]]:
    """Inputs and expected outputs of a test, as arrays."""
    for inputs, outputs in case.data_sets or []:
        yield [_as_array(item) for item in inputs], [_as_array(item) for item in outputs]


def exclusions() -> dict[str, str]:
    """Why a test does not pass, by name."""
    with EXCLUSIONS.open(newline="") as file:
        return {row["test"]: row["reason"] for row in csv.DictReader(file)}


def _as_array(item: Any) -> Array:
    return np.asarray(numpy_helper.to_array(item) if isinstance(item, TensorProto) else item)


def _is_selected(model: ModelProto) -> bool:
    return all(node.op_type in OPERATORS and node.domain in ("", "ai.onnx") for node in model.graph.node) and all(
        element_type in ELEMENT_TYPES for element_type in _element_types(model.graph)
    )


def _element_types(graph: GraphProto) -> Iterator[int]:
    for declared in (*graph.input, *graph.output):
        yield declared.type.tensor_type.elem_type
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                yield helper.get_attribute_value(attribute)
