"""An ONNX model layer by layer, with seeded weights: what `networks.py` writes its networks with.

Weights are drawn so that activations keep their scale from layer to layer: variance gain / fan-in, gain 2 before a ReLU and 1 otherwise
(He et al. 2015, equation 10).
"""

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


@dataclass(slots=True)
class NetworkBuilder:
    """Every layer takes the name of a value and gives the name of a new one, whose shape (N, C, H, W) is in `shapes`."""

    name: str
    seed: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def input(self, shape: tuple[int, ...], name: str = "data") -> str:
        self.shapes[name] = shape
        return name

    def conv(
        self,
        x: str,
        channels: int,
        kernel: int,
        stride: int = 1,
        *,
        groups: int = 1,
        bias: bool = False,
        gain: float = 2.0,
        padding: int | None = None,
    ) -> str:
        """Padded by kernel // 2 on every side, unless `padding` says otherwise."""
        batch, inputs, *sizes = self.shapes[x]
        shape = (channels, inputs // groups, kernel, kernel)
        weight = self._normal(shape, gain / prod(shape[1:]))
        operands = [x, weight, *([self._weight(self.rng.normal(0, 0.05, channels))] if bias else [])]
        padding = kernel // 2 if padding is None else padding
        out = tuple((size + 2 * padding - kernel) // stride + 1 for size in sizes)
        return self._node("Conv", operands, (batch, channels, *out), **_window(kernel, stride, padding), group=groups)

    def batch_norm(self, x: str, scale: float = 1.0) -> str:
        """`scale`: the mean of the learnt factors; below 1 where a block adds its result to its input."""
        channels = self.shapes[x][1]
        factor, shift, mean = (self.rng.normal(centre, 0.1, channels) for centre in (scale, 0.0, 0.0))
        variance = self.rng.uniform(0.8, 1.2, channels)
        return self._node("BatchNormalization", [x, *map(self._weight, (factor, shift, mean, variance))], self.shapes[x], epsilon=1e-5)

    def relu(self, x: str) -> str:
        return self._node("Relu", [x], self.shapes[x])

    def relu6(self, x: str) -> str:
        limits = [self._weight(np.array(limit)) for limit in (0.0, 6.0)]
        return self._node("Clip", [x, *limits], self.shapes[x])

    def add(self, a: str, b: str) -> str:
        return self._node("Add", [a, b], self.shapes[a])

    def concat(self, *values: str) -> str:
        batch, _, *sizes = self.shapes[values[0]]
        channels = sum(self.shapes[value][1] for value in values)
        return self._node("Concat", list(values), (batch, channels, *sizes), axis=1)

    def max_pool(self, x: str, kernel: int, stride: int, padding: int = 0, *, ceil: bool = False) -> str:
        batch, channels, *sizes = self.shapes[x]
        out = tuple((size + 2 * padding - kernel + (stride - 1 if ceil else 0)) // stride + 1 for size in sizes)
        return self._node("MaxPool", [x], (batch, channels, *out), **_window(kernel, stride, padding), ceil_mode=int(ceil))

    def average_pool(self, x: str, kernel: int, stride: int) -> str:
        batch, channels, *sizes = self.shapes[x]
        out = tuple((size - kernel) // stride + 1 for size in sizes)
        return self._node("AveragePool", [x], (batch, channels, *out), **_window(kernel, stride, 0))

    def local_response_norm(self, x: str, size: int = 5, alpha: float = 1e-4, beta: float = 0.75) -> str:
        return self._node("LRN", [x], self.shapes[x], size=size, alpha=alpha, beta=beta, bias=1.0)

    def global_average_pool(self, x: str) -> str:
        return self._node("GlobalAveragePool", [x], (*self.shapes[x][:2], 1, 1))

    def flatten(self, x: str) -> str:
        batch, *rest = self.shapes[x]
        return self._node("Flatten", [x], (batch, prod(rest)), axis=1)

    def dense(self, x: str, channels: int, gain: float = 1.0) -> str:
        batch, inputs = self.shapes[x]
        weight = self._normal((channels, inputs), gain / inputs)
        bias = self._weight(self.rng.normal(0, 0.05, channels))
        return self._node("Gemm", [x, weight, bias], (batch, channels), transB=1)

    def softmax(self, x: str) -> str:
        return self._node("Softmax", [x], self.shapes[x], axis=1)

    def finish(self, x: str, inputs: tuple[str, ...] = ("data",)) -> onnx.ModelProto:
        """The model whose output is `x`, renamed to "output"."""
        self.nodes.append(helper.make_node("Identity", [x], ["output"], name="output"))
        given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name]) for name in inputs]
        result = helper.make_tensor_value_info("output", TensorProto.FLOAT, self.shapes[x])
        graph = helper.make_graph(self.nodes, self.name, given, [result], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="tilewright")

    def _node(self, op: str, inputs: list[str], shape: tuple[int, ...], **attributes: Any) -> str:
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        self.shapes[name] = shape
        return name

    def _normal(self, shape: tuple[int, ...], variance: float) -> str:
        drawn = self.rng.standard_normal(shape, dtype=np.float32)
        drawn *= np.float32(variance**0.5)
        return self._weight(drawn)

    def _weight(self, values: NDArray[np.floating]) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name


def _window(kernel: int, stride: int, padding: int) -> dict[str, list[int]]:
    return {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [padding] * 4}
