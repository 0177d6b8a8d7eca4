"""ONNX frontend, the output side: collects the nodes, types and constants of the `Graph` that a model becomes.

In: one `emit` per graph operator, from the converters. Out: a `Graph`, by `finish`. Nodes whose inputs are all known are evaluated on the
spot by the operator's numpy reference, so shape computations never reach the graph. Next: `compiler/graph`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compiler.errors import UnsupportedOperator
from compiler.frontends.onnx.value import Value
from compiler.graph import Graph, Node
from compiler.ops import Array, get_operator
from compiler.tensor_type import BOOL, FLOAT32, INT32, INT64, TensorType

RUNTIME_DTYPES = (FLOAT32, INT32, INT64, BOOL)


def require_runtime_dtype(dtype: np.dtype[Any], what: str) -> None:
    """Raises `UnsupportedOperator` for an element type that compiled code does not compute with."""
    if dtype not in RUNTIME_DTYPES:
        supported = ", ".join(known.name for known in RUNTIME_DTYPES)
        raise UnsupportedOperator(f"{what} has dtype {dtype.name}; supported are {supported}")


class FoldingBuilder:
    """Grows a graph. `begin_node` says which node of the model the next `emit`s belong to."""

    def __init__(self, reserved_names: frozenset[str] = frozenset()) -> None:
        self._reserved = reserved_names
        self._taken: set[str] = set(reserved_names)
        self._nodes: list[Node] = []
        self._inputs: list[Value] = []
        self._types: dict[str, TensorType] = {}
        self._constants: dict[str, Array] = {}
        self._model_names: dict[str, str] = {}
        self._node_name = ""
        self._stem = ""

    def begin_node(self, node_name: str, stem: str) -> None:
        """Names for messages (`node_name`) and for the values that follow (`stem`)."""
        self._node_name = node_name
        self._stem = stem

    def add_input(self, name: str, value_type: TensorType) -> Value:
        require_runtime_dtype(value_type.dtype, f"input {name!r}")
        value = Value(name, value_type, None if value_type.element_count else np.zeros(value_type.shape, value_type.dtype))
        self._types[name] = value_type
        self._inputs.append(value)
        return value

    def constant(self, array: Any, dtype: np.dtype[Any] | None = None) -> Value:
        """A value known now."""
        contents = np.asarray(array, dtype)
        name = self._new_name(f"{self._stem}:const" if self._stem else "const")
        self._constants[name] = contents
        self._types[name] = TensorType(contents.shape, contents.dtype)
        return Value(name, self._types[name], contents)

    def emit(self, op: str, *inputs: Value, **attributes: Any) -> Value:
        """Adds one use of a graph operator with a single output."""
        (output,) = self.emit_all(op, inputs, attributes)
        return output

    def emit_all(self, op: str, inputs: Sequence[Value], attributes: Mapping[str, Any]) -> tuple[Value, ...]:
        """Adds one use of a graph operator; the outputs are constants when all inputs are."""
        operator = get_operator(op)
        types = operator.infer_types([value.type for value in inputs], attributes)
        arrays = [value.constant for value in inputs if value.constant is not None]
        if len(arrays) == len(inputs):
            with np.errstate(all="ignore"):
                return tuple(self.constant(array) for array in operator.reference(arrays, attributes))
        if not any(value_type.element_count for value_type in types):
            return tuple(self.constant(np.zeros(value_type.shape, value_type.dtype)) for value_type in types)
        for value in inputs:
            require_runtime_dtype(value.dtype, f"operand {value.name!r}")
        for value_type in types:
            require_runtime_dtype(value_type.dtype, "the result")
        outputs = tuple(Value(self._new_name(f"{self._stem}:{op}"), value_type) for value_type in types)
        self._types.update((value.name, value.type) for value in outputs)
        names = tuple(value.name for value in inputs)
        self._nodes.append(Node(self._node_name, op, names, tuple(value.name for value in outputs), dict(attributes)))
        return outputs

    def name_value(self, value: Value, model_name: str) -> None:
        """Lets the finished graph call a value as the model does; the first name given wins."""
        if value not in self._inputs and value.name not in self._model_names:
            self._model_names[value.name] = model_name

    def finish(self, name: str, outputs: Mapping[str, Value]) -> Graph:
        """The graph with what its outputs need and nothing else; inputs and outputs carry the model's names."""
        final = dict(self._model_names)
        placed: dict[str, Value] = {}
        for model_name, value in outputs.items():
            if value in self._inputs and value.name == model_name:
                placed[model_name] = value
                continue
            if value in self._inputs or value.name in {other.name for other in placed.values()}:
                self.begin_node(model_name, model_name)
                value = self.emit("identity", value) if value.constant is None else self.constant(value.constant)
            final = {key: kept for key, kept in final.items() if kept != model_name}
            final[value.name] = model_name
            placed[model_name] = value
        needed = {value.name for value in placed.values()}
        nodes: list[Node] = []
        for node in reversed(self._nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                nodes.append(node)

        def rename(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(final.get(each, each) for each in names)

        kept_nodes = tuple(Node(node.name, node.op, rename(node.inputs), rename(node.outputs), node.attributes) for node in reversed(nodes))
        live = needed.union(value.name for value in self._inputs).union(*(node.outputs for node in nodes))
        return Graph(
            name=name,
            inputs=tuple(value.name for value in self._inputs),
            outputs=tuple(outputs),
            nodes=kept_nodes,
            types={final.get(key, key): kept for key, kept in self._types.items() if key in live},
            constants={final.get(key, key): kept for key, kept in self._constants.items() if key in needed},
        )

    def _new_name(self, stem: str) -> str:
        name, count = stem, 1
        while name in self._taken:
            name, count = f"{stem}.{count}", count + 1
        self._taken.add(name)
        return name
