"""Random networks over sequences (batch, time, features), for what the images of `tests/compiler/graph` do not have: matrix products and
attention, normalisations, axes that move and merge, comparisons, look-ups, integers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.graph import Graph, GraphBuilder
from compiler.tensor_type import TensorType

Shape = tuple[int, ...]

STEPS = (
    *("dense", "dense", "attention", "attention", "layer_norm", "softmax", "function", "function", "combine", "combine", "broadcast"),
    *("transpose", "merge", "slice", "concat", "reduce", "look up", "where", "cumsum", "pad", "tile", "divide"),
)
FEATURES = (1, 3, 8, 16, 20, 33, 64)
LARGEST = 20_000  # elements of one value


class SequenceNet:
    """`values` all have three axes."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = GraphBuilder(f"sequence {seed}")
        self.values: list[str] = []

    def pick(self, items: Sequence[Any]) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def shape(self, value: str) -> Shape:
        return self.builder.types[value].shape

    def op(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self.builder.apply(op, inputs, attributes)

    def constant(self, *shape: int, scale: float = 1.0) -> str:
        return self.builder.constant((self.rng.standard_normal(shape) * scale).astype(np.float32))

    def product(self, a: str, b: str, transpose_a: bool = False, transpose_b: bool = False) -> str:
        return self.op("matmul", a, b, transpose_a=transpose_a, transpose_b=transpose_b)

    def step(self) -> str | None:
        x = str(self.pick(self.values[-4:]))
        batch, time, features = self.shape(x)
        alike = [value for value in self.values if self.shape(value) == (batch, time, features)]
        match self.pick(STEPS):
            case "dense":
                units = int(self.pick(FEATURES))
                turned = bool(self.rng.integers(2))
                weight = self.constant(*((units, features) if turned else (features, units)), scale=features**-0.5)
                y = self.product(x, weight, transpose_b=turned)
                return self.op("add", y, self.constant(units)) if self.rng.random() < 0.7 else y
            case "attention":
                scores = self.product(x, str(self.pick(alike)), transpose_b=True)
                scaled = self.op("mul", scores, self.builder.constant(np.float32(features**-0.5)))
                return self.product(self.op("softmax", scaled, axis=2), x)
            case "layer_norm":
                return self.op("layer_norm", x, self.constant(features), self.constant(features), axis=2, epsilon=1e-3)
            case "softmax":
                return self.op(str(self.pick(["softmax", "log_softmax"])), x, axis=int(self.pick([1, 2])))
            case "function":
                name = str(self.pick(["relu", "sigmoid", "tanh", "erf", "abs", "neg", "softsign", "gelu", "clip"]))
                attributes = {"gelu": {"approximate": "none"}, "clip": {"min": -0.5, "max": 0.75}}.get(name, {})
                return self.op(name, x, **attributes)
            case "combine":
                return self.op(str(self.pick(["add", "sub", "mul", "maximum"])), x, str(self.pick(alike)))
            case "broadcast":
                return self.op(
                    str(self.pick(["add", "mul"])), x, self.constant(*self.pick([(features,), (time, 1), (1, time, features), ()]))
                )
            case "transpose" if time * features < LARGEST:
                return self.op("transpose", x, perm=(0, 2, 1))
            case "merge":
                flat = self.op("reshape", x, shape=(batch * time, features))
                return self.op("reshape", self.op("tanh", flat), shape=(batch, time, features))
            case "slice" if time > 1:
                start, step = int(self.rng.integers(time - 1)), int(self.pick([1, 1, 2]))
                return self.op("slice", x, starts=(0, start, 0), ends=(batch, time, features), steps=(1, step, 1))
            case "concat":
                axis = int(self.pick([1, 2]))
                beside = [v for v in self.values if all(self.shape(v)[a] == self.shape(x)[a] for a in range(3) if a != axis)]
                return self.op("concat", x, str(self.pick(beside)), axis=axis)
            case "reduce":
                name, axis = str(self.pick(["reduce_mean", "reduce_sum", "reduce_max", "reduce_l2"])), int(self.pick([1, 2]))
                return self.op("sub", x, self.op(name, x, axes=(axis,), keepdims=True))
            case "look up":  # of the exact input, since a rounding error may make another element the largest
                best = self.op("argmax", self.values[0], axis=2, keepdims=False, select_last_index=False)
                table = self.constant(self.shape(self.values[0])[2], int(self.pick(FEATURES)))
                return self.op("gather", table, best, axis=0)
            case "where" if (batch, time, features) == self.shape(self.values[0]):
                return self.op("where", self.op("less", self.values[0], self.constant(features)), x, self.op("neg", x))
            case "cumsum":
                mean = self.op("mul", x, self.builder.constant(np.float32(0.1)))
                return self.op("cumsum", mean, axis=int(self.pick([1, 2])), exclusive=False, reverse=bool(self.rng.integers(2)))
            case "pad":
                return self.op("pad", x, mode=str(self.pick(["constant", "edge"])), pads=(0, 1, 0, 0, 0, int(self.pick([0, 3]))), value=0.5)
            case "tile" if 2 * batch * time * features < LARGEST:
                return self.op("tile", x, repeats=self.pick([(1, 2, 1), (1, 1, 2)]))
            case "divide":
                return self.op("div", x, self.op("add", self.op("abs", str(self.pick(alike))), self.builder.constant(np.float32(1))))
            case _:
                return None

    def build(self, steps: int) -> Graph:
        shape = (int(self.pick([1, 2, 3])), int(self.pick([1, 7, 16, 37])), int(self.pick(FEATURES)))
        self.values.append(self.builder.input("x", TensorType(shape)))
        for _ in range(steps):
            value = self.step()
            if value is not None and np.prod(self.shape(value)) <= LARGEST:
                self.values.append(value)
        others = [str(self.pick(self.values))] if self.rng.random() < 0.5 else []
        return self.builder.graph([self.values[-1], *others])
