"""PyTorch: the network as a traced, frozen module, optimised for inference (oneDNN)."""

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch.nn import functional

from tilewright.peers.peer import Arrays, PeerError, Prepared, time_calls
from tilewright.peers.plain_graph import PlainGraph, PlainNode, plain_graph

Emit = Callable[..., Any]  # (function, *arguments) -> a node of the torch.fx graph


@dataclass(frozen=True, slots=True)
class _Operation:
    """One node on its way: `x` are its inputs in the torch.fx graph."""

    node: PlainNode
    graph: PlainGraph
    x: Sequence[Any]
    emit: Emit

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.node.attributes.get(name, default)

    def constant(self, position: int) -> list[Any]:
        """An input that the model knows, as numbers."""
        name = self.node.inputs[position]
        if name not in self.graph.weights:
            raise PeerError(f"torch: {self.node.op} that writes {self.node.output!r} needs a constant input {position}")
        values: list[Any] = self.graph.weights[name].reshape(-1).tolist()
        return values

    def settings(self, name: str, position: int) -> list[Any]:
        """An attribute of older opsets that newer ones pass as an input."""
        if name in self.node.attributes:
            return list(self.node.attributes[name])
        return self.constant(position)

    def padding(self, spatial: int) -> list[int]:
        """The same on both sides of every axis."""
        if self.attribute("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            raise PeerError(f"torch: {self.node.op} that writes {self.node.output!r} has automatic padding; explicit padding is known")
        pads = list(self.attribute("pads", [0] * 2 * spatial))
        if pads[:spatial] != pads[spatial:]:
            raise PeerError(f"torch: padding {pads} differs between the sides; symmetric padding is known")
        return pads[:spatial]


def _conv(op: _Operation) -> Any:
    spatial = op.graph.weights[op.node.inputs[1]].ndim - 2
    function = functional.conv1d if spatial == 1 else functional.conv2d
    ones, bias = [1] * spatial, op.x[2] if len(op.x) > 2 else None
    strides, dilations = op.attribute("strides", ones), op.attribute("dilations", ones)
    return op.emit(function, op.x[0], op.x[1], bias, strides, op.padding(spatial), dilations, op.attribute("group", 1))


def _batch_norm(op: _Operation) -> Any:
    return op.emit(functional.batch_norm, op.x[0], op.x[3], op.x[4], op.x[1], op.x[2], False, 0.0, op.attribute("epsilon", 1e-5))


def _max_pool(op: _Operation) -> Any:
    kernel, ceil = op.attribute("kernel_shape"), bool(op.attribute("ceil_mode", 0))
    strides = op.attribute("strides", [1] * len(kernel))
    return op.emit(functional.max_pool2d, op.x[0], kernel, strides, op.padding(len(kernel)), 1, ceil)


def _average_pool(op: _Operation) -> Any:
    kernel, ceil = op.attribute("kernel_shape"), bool(op.attribute("ceil_mode", 0))
    strides, counted = op.attribute("strides", [1] * len(kernel)), bool(op.attribute("count_include_pad", 0))
    return op.emit(functional.avg_pool2d, op.x[0], kernel, strides, op.padding(len(kernel)), ceil, counted)


def _local_response_norm(op: _Operation) -> Any:
    alpha, beta, bias = op.attribute("alpha", 1e-4), op.attribute("beta", 0.75), op.attribute("bias", 1.0)
    return op.emit(functional.local_response_norm, op.x[0], op.attribute("size"), alpha, beta, bias)


def _clip(op: _Operation) -> Any:
    if "min" in op.node.attributes or "max" in op.node.attributes:
        return op.emit(torch.clamp, op.x[0], op.attribute("min"), op.attribute("max"))
    limits = [op.constant(position)[0] if len(op.node.inputs) > position and op.node.inputs[position] else None for position in (1, 2)]
    return op.emit(torch.clamp, op.x[0], *limits)


def _hard_sigmoid(op: _Operation) -> Any:
    scaled = op.emit(torch.mul, op.x[0], op.attribute("alpha", 0.2))
    return op.emit(torch.clamp, op.emit(torch.add, scaled, op.attribute("beta", 0.5)), 0.0, 1.0)


def _gemm(op: _Operation) -> Any:
    if op.attribute("transA", 0) or op.attribute("alpha", 1.0) != 1.0 or op.attribute("beta", 1.0) != 1.0:
        raise PeerError(f"torch: Gemm that writes {op.node.output!r} has transA, alpha or beta; the plain one is known")
    weight = op.x[1] if op.attribute("transB", 0) else op.emit(torch.t, op.x[1])
    return op.emit(functional.linear, op.x[0], weight, op.x[2] if len(op.x) > 2 else None)


def _flatten(op: _Operation) -> Any:
    if op.attribute("axis", 1) != 1:
        raise PeerError(f"torch: Flatten that writes {op.node.output!r} has axis {op.attribute('axis')}; axis 1 is known")
    return op.emit(torch.flatten, op.x[0], 1)


def _plain(function: Callable[..., Any]) -> Callable[[_Operation], Any]:
    """All inputs in order, no attributes."""
    return lambda op: op.emit(function, *op.x)


def _squeeze(op: _Operation) -> Any:
    if len(op.node.inputs) < 2 and "axes" not in op.node.attributes:
        return op.emit(torch.squeeze, op.x[0])
    return op.emit(torch.squeeze, op.x[0], tuple(op.settings("axes", 1)))


CONVERSIONS: Mapping[str, Callable[[_Operation], Any]] = MappingProxyType(
    {
        "Add": _plain(torch.add),
        "AveragePool": _average_pool,
        "BatchNormalization": _batch_norm,
        "Clip": _clip,
        "Concat": lambda op: op.emit(torch.cat, list(op.x), op.attribute("axis")),
        "Conv": _conv,
        "Div": _plain(torch.div),
        "Dropout": lambda op: op.x[0],
        "Flatten": _flatten,
        "Gemm": _gemm,
        "GlobalAveragePool": lambda op: op.emit(functional.adaptive_avg_pool2d, op.x[0], 1),
        "HardSigmoid": _hard_sigmoid,
        "HardSwish": lambda op: op.emit(functional.hardswish, op.x[0]),
        "Identity": lambda op: op.x[0],
        "LRN": _local_response_norm,
        "LeakyRelu": lambda op: op.emit(functional.leaky_relu, op.x[0], op.attribute("alpha", 0.01)),
        "MatMul": _plain(torch.matmul),
        "MaxPool": _max_pool,
        "Mul": _plain(torch.mul),
        "Relu": lambda op: op.emit(functional.relu, op.x[0]),
        "Reshape": lambda op: op.emit(torch.reshape, op.x[0], [int(size) for size in op.constant(1)]),
        "Sigmoid": lambda op: op.emit(torch.sigmoid, op.x[0]),
        "Softmax": lambda op: op.emit(torch.softmax, op.x[0], op.attribute("axis", -1)),
        "Squeeze": _squeeze,
        "Sub": _plain(operator.sub),
        "Tanh": lambda op: op.emit(torch.tanh, op.x[0]),
        "Transpose": lambda op: op.emit(torch.permute, op.x[0], op.attribute("perm")),
    }
)


def torch_module(graph: PlainGraph) -> Any:
    """A `torch.fx.GraphModule` of the same network."""
    root, built = torch.nn.Module(), torch.fx.Graph()
    values: dict[str, Any] = {name: built.placeholder(f"input_{position}") for position, name in enumerate(graph.inputs)}

    def emit(function: Callable[..., Any], *arguments: Any) -> Any:
        return built.call_function(function, arguments)

    def value(name: str) -> Any:
        if name not in values:
            buffer = f"weight_{len(values)}"
            root.register_buffer(buffer, torch.from_numpy(np.array(graph.weights[name])))
            values[name] = built.get_attr(buffer)
        return values[name]

    for node in graph.nodes:
        if node.op not in CONVERSIONS:
            raise PeerError(f"torch: no conversion of {node.op}; known: {', '.join(CONVERSIONS)}")
        inputs = [value(name) if name else None for name in node.inputs]
        values[node.output] = CONVERSIONS[node.op](_Operation(node, graph, inputs, emit))
    built.output(tuple(values[name] for name in graph.outputs))
    return torch.fx.GraphModule(root, built).eval()


@dataclass(frozen=True, slots=True)
class _Module:
    module: Any
    input_names: tuple[str, ...]
    threads: int

    def run(self, inputs: Arrays) -> list[NDArray[Any]]:
        return [output.numpy() for output in self._call(inputs)]

    def time(self, inputs: Arrays, calls: int) -> list[float]:
        return time_calls(lambda: self._call(inputs), calls)

    def close(self) -> None:
        """Its threads are the process's."""

    def _call(self, inputs: Arrays) -> Any:
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        with torch.inference_mode():
            return self.module(*(torch.from_numpy(inputs[name]) for name in self.input_names))


class LibraryPeer:
    name = "torch"

    def version(self) -> str:
        return str(torch.__version__)

    def prepare(self, model: onnx.ModelProto, threads: int) -> Prepared:
        graph = plain_graph(model)
        torch.set_num_threads(threads)
        examples = tuple(torch.zeros(shape) for shape in graph.inputs.values())
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says of its own tracing that it is old
            traced = torch.jit.trace(torch_module(graph), examples)
            module = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
            for _ in range(3):
                module(*examples)
        return _Module(module, tuple(graph.inputs), threads)
