"""PyTorch: the network as a traced, frozen module, optimised for inference (oneDNN)."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.peers.peer import Arrays, Prepared, time_calls
from benchmarks.plain_graph import PlainGraph, PlainNode, plain_graph

Emit = Callable[..., Any]  # (function, *arguments) -> a node of the torch.fx graph


def _symmetric(pads: Sequence[int]) -> list[int]:
    half = len(pads) // 2
    if list(pads[:half]) != list(pads[half:]):
        raise ValueError(f"padding {list(pads)} differs between the sides; this converter knows symmetric padding")
    return list(pads[:half])


def _convert(node: PlainNode, graph: PlainGraph, value: Callable[[str], Any], emit: Emit) -> Any:
    a = node.attributes
    x = [value(name) for name in node.inputs]
    match node.op:
        case "Conv":
            bias = x[2] if len(x) > 2 else None
            return emit(functional.conv2d, x[0], x[1], bias, a["strides"], _symmetric(a["pads"]), a.get("dilations", 1), a["group"])
        case "BatchNormalization":
            return emit(functional.batch_norm, x[0], x[3], x[4], x[1], x[2], False, 0.0, a["epsilon"])
        case "MaxPool":
            ceil = bool(a.get("ceil_mode", 0))
            return emit(functional.max_pool2d, x[0], a["kernel_shape"], a["strides"], _symmetric(a["pads"]), 1, ceil)
        case "GlobalAveragePool":
            return emit(functional.adaptive_avg_pool2d, x[0], 1)
        case "Clip":
            low, high = (graph.weights[name].item() for name in node.inputs[1:])
            return emit(functional.hardtanh, x[0], low, high)
        case "Relu":
            return emit(functional.relu, x[0])
        case "Add":
            return emit(torch.add, x[0], x[1])
        case "Concat":
            return emit(torch.cat, x, a["axis"])
        case "Flatten":
            return emit(torch.flatten, x[0], a["axis"])
        case "Gemm":
            return emit(functional.linear, x[0], x[1], x[2])
        case "Softmax":
            return emit(torch.softmax, x[0], a["axis"])
        case "Identity":
            return x[0]
    raise ValueError(f"no conversion of {node.op} to torch")


def torch_module(graph: PlainGraph) -> Any:
    """A `torch.fx.GraphModule` of the same network."""
    root, built = torch.nn.Module(), torch.fx.Graph()
    values: dict[str, Any] = {name: built.placeholder(name) for name in graph.inputs}

    def emit(function: Callable[..., Any], *arguments: Any) -> Any:
        return built.call_function(function, arguments)

    def value(name: str) -> Any:
        if name not in values:
            root.register_buffer(name, torch.from_numpy(np.array(graph.weights[name])))
            values[name] = built.get_attr(name)
        return values[name]

    for node in graph.nodes:
        values[node.output] = _convert(node, graph, value, emit)
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
        pass

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
            warnings.simplefilter("ignore", DeprecationWarning)
            traced = torch.jit.trace(torch_module(graph), examples)
            module = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
            for _ in range(3):
                module(*examples)
        return _Module(module, tuple(graph.inputs), threads)
