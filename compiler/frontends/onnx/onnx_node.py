"""ONNX frontend: what a converter sees of one node of the model.

In: a `NodeProto` and the values of its inputs. Attributes are read by type with their default; an attribute that is there and that no
converter reads is refused by `refuse_unread_attributes`, so that nothing in a model is silently ignored.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, helper

from compiler.errors import ModelError, UnsupportedOperator
from compiler.frontends.onnx.read_model import read_tensor
from compiler.frontends.onnx.value import Value
from compiler.ops import Array

AttributeType = AttributeProto.AttributeType
RunSubgraph = Callable[[GraphProto, Sequence[Value]], tuple[Value, ...]]


class OnnxNode:
    """One use of an ONNX operator. `inputs` ends with the last input that is given; an omitted one before that is None."""

    def __init__(self, proto: NodeProto, inputs: Sequence[Value | None], opset: int, run_subgraph: RunSubgraph) -> None:
        self.proto = proto
        self.inputs = tuple(inputs)
        self.opset = opset
        self._run_subgraph = run_subgraph
        self._attributes: dict[str, AttributeProto] = {attribute.name: attribute for attribute in proto.attribute}
        self._unread = set(self._attributes)

    @property
    def op_type(self) -> str:
        return self.proto.op_type

    @property
    def name(self) -> str:
        """The model's name for the node, or else the name of its first output."""
        return self.proto.name or next((output for output in self.proto.output if output), "?")

    @property
    def wanted_outputs(self) -> int:
        """How many outputs the model uses, counted up to the last named one."""
        return max((position + 1 for position, output in enumerate(self.proto.output) if output), default=0)

    def wants_output(self, position: int) -> bool:
        return position < len(self.proto.output) and bool(self.proto.output[position])

    def describe(self) -> str:
        """`node 'conv1' (Conv, opset 11)`, the beginning of every message about this node."""
        domain = f"{self.proto.domain}." if self.proto.domain not in ("", "ai.onnx") else ""
        return f"node {self.name!r} ({domain}{self.op_type}, opset {self.opset})"

    def has_input(self, position: int) -> bool:
        return position < len(self.inputs) and self.inputs[position] is not None

    def input(self, position: int) -> Value:
        """A required input."""
        value = self.inputs[position] if position < len(self.inputs) else None
        if value is None:
            raise ModelError(f"input {position} is missing")
        return value

    def optional_input(self, position: int) -> Value | None:
        return self.inputs[position] if position < len(self.inputs) else None

    def all_inputs(self) -> tuple[Value, ...]:
        """The inputs of an operator that takes any number of them."""
        return tuple(self.input(position) for position in range(len(self.inputs)))

    def constant_input(self, position: int, what: str) -> Array:
        """The contents of a required input that must be known at compile time; `what` names it in the message."""
        value = self.input(position)
        if value.constant is None:
            raise UnsupportedOperator(
                f"{what} (input {value.name!r}) depends on the model's inputs; supported are values that are known at compile time"
            )
        return value.constant

    def optional_constant(self, position: int, what: str) -> Array | None:
        return self.constant_input(position, what) if self.has_input(position) else None

    def constant_ints(self, position: int, what: str) -> tuple[int, ...]:
        return tuple(int(item) for item in np.asarray(self.constant_input(position, what)).reshape(-1))

    def optional_ints(self, position: int, what: str) -> tuple[int, ...] | None:
        return self.constant_ints(position, what) if self.has_input(position) else None

    def has_attribute(self, name: str) -> bool:
        return name in self._attributes

    def int_attribute(self, name: str, default: int) -> int:
        return int(self._read(name, AttributeProto.INT, default))

    def float_attribute(self, name: str, default: float) -> float:
        return float(self._read(name, AttributeProto.FLOAT, default))

    def string_attribute(self, name: str, default: str) -> str:
        return _text(self._read(name, AttributeProto.STRING, default))

    def ints_attribute(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        return tuple(int(item) for item in self._read(name, AttributeProto.INTS, default))

    def optional_ints_attribute(self, name: str) -> tuple[int, ...] | None:
        return self.ints_attribute(name, ()) if self.has_attribute(name) else None

    def floats_attribute(self, name: str, default: Sequence[float]) -> tuple[float, ...]:
        return tuple(float(item) for item in self._read(name, AttributeProto.FLOATS, default))

    def strings_attribute(self, name: str, default: Sequence[str]) -> tuple[str, ...]:
        return tuple(_text(value) for value in self._read(name, AttributeProto.STRINGS, default))

    def tensor_attribute(self, name: str) -> Array:
        return read_tensor(self._required(name, AttributeProto.TENSOR))

    def run_subgraph(self, name: str, inputs: Sequence[Value]) -> tuple[Value, ...]:
        """Converts the graph in attribute `name` in place, with `inputs` for its inputs; gives its outputs."""
        return self._run_subgraph(self.subgraph(name), inputs)

    def subgraph(self, name: str) -> GraphProto:
        graph: GraphProto = self._required(name, AttributeProto.GRAPH)
        return graph

    def ignore_attributes(self, *names: str) -> None:
        """Marks attributes as read that do not change the result."""
        self._unread.difference_update(names)

    def refuse_unread_attributes(self) -> None:
        if self._unread:
            names = ", ".join(repr(name) for name in sorted(self._unread))
            supported = ", ".join(sorted(set(self._attributes) - self._unread)) or "none of those given"
            raise UnsupportedOperator(f"attribute {names} is not supported here; supported: {supported}")

    def _required(self, name: str, attribute_type: AttributeType) -> Any:
        if name not in self._attributes:
            raise ModelError(f"attribute {name!r} is missing")
        return self._read(name, attribute_type, None)

    def _read(self, name: str, attribute_type: AttributeType, default: Any) -> Any:
        self._unread.discard(name)
        if name not in self._attributes:
            return default
        attribute = self._attributes[name]
        if attribute.type != attribute_type:
            found, wanted = (AttributeProto.AttributeType.Name(each) for each in (attribute.type, attribute_type))
            raise ModelError(f"attribute {name!r} is of type {found}; it must be {wanted}")
        return helper.get_attribute_value(attribute)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
