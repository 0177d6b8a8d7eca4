"""Small networks with seeded weights, and the comparison of a graph with what a pass made of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from compiler.graph import Graph, GraphBuilder, Group, MemoryPlan, Storage, evaluate, verify_graph
from compiler.ops import get_operator
from compiler.tensor_type import FLOAT32, TensorType


class Net:
    """A network under construction; every method appends and returns the name of a value."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = GraphBuilder("net")

    def input(self, *shape: int, name: str = "x") -> str:
        return self.builder.input(name, TensorType(shape, FLOAT32))

    def constant(self, *shape: int, scale: float = 1.0, positive: bool = False) -> str:
        array = self.rng.standard_normal(shape) * scale
        return self.builder.constant((np.abs(array) + 0.5 if positive else array).astype(np.float32), "c")

    def number(self, value: float) -> str:
        return self.builder.constant(np.asarray(value, np.float32), "number")

    def op(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self.builder.apply(op, inputs, attributes)

    def shape(self, value: str) -> tuple[int, ...]:
        return self.builder.types[value].shape

    def conv(self, x: str, channels: int, kernel: int = 1, stride: int = 1, groups: int = 1, pad: int | None = None) -> str:
        per_group = self.shape(x)[1] // groups
        weight = self.constant(channels, per_group, kernel, kernel, scale=(per_group * kernel * kernel) ** -0.5)
        border = kernel // 2 if pad is None else pad
        plain = {"layout": "NCHW", "out_layout": "NCHW"}
        return self.op("conv2d", x, weight, strides=(stride, stride), padding=(border,) * 4, dilations=(1, 1), groups=groups, **plain)

    def depthwise(self, x: str, kernel: int = 3, stride: int = 1) -> str:
        channels = self.shape(x)[1]
        return self.conv(x, channels, kernel, stride, groups=channels)

    def batch_norm(self, x: str) -> str:
        channels = self.shape(x)[1]
        vectors = [self.constant(channels, positive=position in (0, 3)) for position in range(4)]
        return self.op("batch_norm", x, *vectors, epsilon=1e-5, layout="NCHW")

    def bias(self, x: str) -> str:
        return self.op("add", x, self.constant(self.shape(x)[1], 1, 1))

    def max_pool(self, x: str, kernel: int, stride: int, pad: int = 0) -> str:
        size = tuple((extent + 2 * pad - kernel) // stride + 1 for extent in self.shape(x)[2:])
        window = {"kernel": (kernel, kernel), "strides": (stride, stride), "dilations": (1, 1)}
        return self.op("max_pool", x, padding=(pad,) * 4, output_size=size, layout="NCHW", **window)

    def global_pool(self, x: str) -> str:
        return self.op("global_average_pool", x, layout="NCHW")

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("reshape", x, shape=shape)

    def dense(self, x: str, units: int) -> str:
        weight = self.constant(units, self.shape(x)[-1], scale=self.shape(x)[-1] ** -0.5)
        return self.op("add", self.op("matmul", x, weight, transpose_a=False, transpose_b=True), self.constant(units))

    def graph(self, *outputs: str) -> Graph:
        graph = self.builder.graph(outputs)
        verify_graph(graph)
        return graph


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def new_net() -> Callable[[int], Net]:
    return Net


@pytest.fixture
def assert_same() -> Callable[[Graph, Graph], None]:
    """Both graphs verify, have the same inputs and outputs, and compute the same from random inputs."""

    def check(before: Graph, after: Graph, tolerance: float = 2e-5) -> None:
        verify_graph(after)
        assert after.inputs == before.inputs
        assert after.outputs == before.outputs
        rng = np.random.default_rng(7)
        inputs = {name: rng.standard_normal(before.types[name].shape).astype(np.float32) for name in before.inputs}
        for old, new in zip(evaluate(before, inputs), evaluate(after, inputs), strict=True):
            assert old.dtype == new.dtype
            np.testing.assert_allclose(new, old, rtol=tolerance, atol=tolerance * max(1.0, float(np.abs(old).max(initial=0))))

    return check


@pytest.fixture
def ops_of() -> Callable[[Graph], list[str]]:
    """The operators of a graph, in order."""

    def names(graph: Graph) -> list[str]:
        return [node.op for node in graph.nodes]

    return names


@pytest.fixture
def residual_net(new_net: Callable[[int], Net]) -> Callable[..., Graph]:
    """A ResNet with basic blocks: stem, stages of two blocks each, classifier."""

    def make(widths: Sequence[int] = (64, 128), size: int = 32, batch: int = 1) -> Graph:
        net = new_net(1)
        x = net.input(batch, 3, size, size)
        x = net.op("relu", net.batch_norm(net.conv(x, widths[0], 7, 2)))
        x = net.max_pool(x, 3, 2, 1)
        for stage, width in enumerate(widths):
            for block in range(2):
                stride = 2 if stage and not block else 1
                y = net.op("relu", net.batch_norm(net.conv(x, width, 3, stride)))
                y = net.batch_norm(net.conv(y, width, 3))
                shortcut = net.batch_norm(net.conv(x, width, 1, stride)) if stride == 2 or net.shape(x)[1] != width else x
                x = net.op("relu", net.op("add", y, shortcut))
        x = net.global_pool(x)
        return net.graph(net.dense(net.reshape(x, batch, net.shape(x)[1]), 10))

    return make


@pytest.fixture
def mobile_net_v3(new_net: Callable[[int], Net]) -> Callable[..., Graph]:
    """MobileNetV3 in small: hard-swish spelt out, squeeze-excite blocks, inverted residuals."""

    def make(channels: Sequence[int] = (16, 24, 24), expansion: int = 3, size: int = 32) -> Graph:
        net = new_net(2)

        def hard_swish(x: str) -> str:
            gate = net.op("clip", net.op("add", x, net.number(3)), min=0.0, max=6.0)
            return net.op("div", net.op("mul", x, gate), net.number(6))

        def squeeze_excite(x: str) -> str:
            width = net.shape(x)[1]
            y = net.op("reduce_mean", x, axes=(2, 3), keepdims=True)
            y = net.op("relu", net.bias(net.conv(y, max(8, width // 4))))
            y = net.op("hard_sigmoid", net.bias(net.conv(y, width)), alpha=1 / 6, beta=0.5)
            return net.op("mul", x, y)

        x = net.input(1, 3, size, size)
        x = hard_swish(net.batch_norm(net.conv(x, channels[0], 3, 2)))
        for position, width in enumerate(channels):
            stride = 2 if position == 1 else 1
            wide = net.shape(x)[1] * expansion
            y = hard_swish(net.batch_norm(net.conv(x, wide)))
            y = squeeze_excite(hard_swish(net.batch_norm(net.depthwise(y, 5, stride))))
            y = net.batch_norm(net.conv(y, width))
            x = net.op("add", x, y) if stride == 1 and net.shape(x) == net.shape(y) else y
        x = hard_swish(net.batch_norm(net.conv(x, 96)))
        x = net.global_pool(x)
        return net.graph(net.dense(net.reshape(x, 1, 96), 10))

    return make


class RandomNet(Net):
    """Random networks over images: convolutions of all kinds, residuals, gates, concatenations, slices, pools, odd channel counts."""

    CHANNELS = (1, 3, 5, 8, 16, 20, 32, 48)
    STEPS = (
        *("conv", "conv", "depthwise", "grouped", "bn", "act", "act", "residual", "gate", "concat", "slice", "pool", "pad", "resize"),
        *("number", "divide", "global", "spatial", "views", "softmax", "exp", "cast"),
    )

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.images: list[str] = []

    def pick(self, items: Sequence[Any]) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def image(self) -> str:
        """An earlier value, recent ones more often."""
        recent = self.images[-4:] if self.rng.random() < 0.7 else self.images
        return str(self.pick(recent))

    def step(self) -> str | None:
        x = self.image()
        _, channels, height, width = self.shape(x)
        partners = [value for value in self.images if self.shape(value) == self.shape(x)]
        beside = [value for value in self.images if self.shape(value)[2:] == (height, width)]
        match self.pick(self.STEPS):
            case "conv":
                kernel = int(self.pick([1, 3])) if min(height, width) > 2 else 1
                y = self.conv(x, int(self.pick(self.CHANNELS)), kernel, int(self.pick([1, 1, 2])))
                return self.bias(y) if self.rng.random() < 0.5 else y
            case "depthwise" if channels > 1 and min(height, width) > 2:
                return self.depthwise(x, 3, int(self.pick([1, 2])))
            case "grouped" if channels in (32, 48, 20):
                return self.conv(x, channels, 1, groups=int(self.pick([2, 4])))
            case "bn":
                return self.batch_norm(x)
            case "act":
                return self.op(str(self.pick(["relu", "sigmoid", "hard_swish", "tanh", "swish", "abs", "neg"])), x)
            case "residual":
                return self.op("add", x, str(self.pick(partners)))
            case "gate":
                gate = self.op("sigmoid", self.conv(self.global_pool(x), channels))
                return self.op("mul", gate, x)
            case "concat" if channels < 64:
                return self.op("concat", x, str(self.pick(beside)), axis=1)
            case "slice" if channels > 1:
                start = int(self.pick([0, channels // 2]))
                ends = (1, start + channels // 2, height, width)
                return self.op("slice", x, starts=(0, start, 0, 0), ends=ends, steps=(1, 1, 1, 1))
            case "pool" if min(height, width) > 2:
                return self.max_pool(x, 3, 2, 1)
            case "pad" if height < 12:
                return self.op("pad", x, mode="constant", pads=(0, 0, 1, 0, 0, 0, 0, 2), value=float(self.pick([0, 0, 1])))
            case "resize" if height < 8 and width < 8:
                grow = {"sizes": (1, channels, 2 * height, 2 * width), "scales": (1.0, 1.0, 2.0, 2.0), "roi": (), "cubic_coeff_a": -0.75}
                rest = {"coordinate_transformation": "asymmetric", "nearest_mode": "floor", "exclude_outside": False}
                return self.op("resize", x, mode="nearest", extrapolation_value=0.0, **grow, **rest)
            case "number":
                return self.op(str(self.pick(["add", "mul", "sub", "div"])), x, self.number(float(self.pick([1, 0.5, 3]))))
            case "divide":
                return self.op("div", x, self.op("add", self.op("abs", str(self.pick(partners))), self.number(1)))
            case "global":
                return self.global_pool(x)
            case "spatial":
                return self.op("mul", x, self.op("sigmoid", self.op("reduce_mean", x, axes=(1,), keepdims=True)))
            case "views":
                flat = self.op("relu", self.reshape(x, 1, channels, height * width))
                turned = self.op("transpose", flat, perm=(0, 2, 1))
                return self.reshape(self.op("transpose", turned, perm=(0, 2, 1)), 1, channels, height, width)
            case "softmax":
                return self.op("softmax", x, axis=int(self.pick([1, 3])))
            case "exp":
                return self.op("exp", self.op("neg", self.op("abs", x)))
            case "cast":
                return self.op("cast", self.op("cast", x, to="float32"), to="float32")
            case _:
                return None

    def build(self, steps: int) -> Graph:
        self.images.append(self.input(1, int(self.pick([3, 16, 20])), 9, 8))
        for _ in range(steps):
            value = self.step()
            if value is not None:
                self.images.append(value)
        tail = self.images[-1]
        pooled = self.reshape(self.global_pool(tail), 1, self.shape(tail)[1])
        computed = self.images[1:]
        others = [str(self.pick(computed))] if computed and self.rng.random() < 0.4 else []
        return self.graph(pooled, *others)


@pytest.fixture
def random_graph() -> Callable[[int, int], Graph]:
    """(seed, steps) -> Graph."""

    def make(seed: int, steps: int) -> Graph:
        return RandomNet(seed).build(steps)

    return make


@pytest.fixture
def run_planned() -> Callable[..., list[Any]]:
    """Runs kernel calls with numpy references on the bytes that a memory plan gives them."""

    def run(
        graph: Graph, groups: Sequence[Group], workspace_bytes: Sequence[int], plan: MemoryPlan, inputs: Mapping[str, Any]
    ) -> list[Any]:
        memory = {(Storage.ARENA, 0): np.full(plan.arena_bytes, 0x5A, np.uint8)}
        for index, name in enumerate(graph.inputs):
            memory[Storage.INPUT, index] = np.ascontiguousarray(inputs[name]).reshape(-1).view(np.uint8)
        for index, array in enumerate(graph.constants.values()):
            memory[Storage.CONSTANT, index] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        for index, name in enumerate(graph.outputs):
            memory[Storage.OUTPUT, index] = np.zeros(graph.types[name].size_bytes, np.uint8)

        def at(value: str, kind: TensorType) -> Any:
            place = plan.locations[value]
            bytes_of = memory[place.storage, place.index][place.offset_bytes :][: kind.size_bytes]
            return bytes_of.view(kind.dtype).reshape(kind.shape)

        for time, group in enumerate(groups):
            workload = group.workload
            arguments = [at(value, argument.type).copy() for value, argument in zip(group.arguments, workload.arguments, strict=True)]
            results: list[Any] = []
            for op in workload.ops:
                operands = [arguments[index] if source == "arg" else results[index][0] for source, index in op.inputs]
                results.append(get_operator(op.op).reference(operands, op.attributes))
            start = plan.workspace_offsets[time]
            memory[Storage.ARENA, 0][start : start + workspace_bytes[time]] ^= 0xFF
            for value, kind, array in zip(group.outputs, workload.output_types, results[-1], strict=True):
                at(value, kind)[...] = array
        return [at(name, graph.types[name]).copy() for name in graph.outputs]

    return run
