"""The two checks of every operator: its expression, interpreted, equals its reference; its reference equals onnxruntime."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from compiler.loop_ir import interpret, verify
from compiler.ops import Array, get_operator
from compiler.te import placeholder
from compiler.tensor_type import TensorType
from compiler.workload import Argument, GroupOp, Workload, canonical_json

Check = Callable[..., tuple[Array, ...]]


@pytest.fixture(scope="session")
def check() -> Check:
    """`check(op, arrays, key=value, ...)` compares expression and reference, and returns the reference's outputs."""

    def run(op: str, arrays: Sequence[Array], tolerance: float = 2e-5, **attributes: Any) -> tuple[Array, ...]:
        types = [TensorType(array.shape, array.dtype) for array in arrays]
        group = GroupOp(op, tuple(("arg", position) for position in range(len(arrays))), attributes)
        workload = Workload(tuple(Argument(each) for each in types), (group,))
        again = Workload.from_json(workload.to_json())
        assert canonical_json(again.to_json()) == workload.canonical
        operator = get_operator(op)
        before = [array.copy() for array in arrays]
        expected = operator.reference(arrays, again.ops[0].attributes)
        for array, copy in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, copy)
        assert again.output_types == operator.infer_types(types, again.ops[0].attributes)
        assert tuple(TensorType(array.shape, array.dtype) for array in expected) == again.output_types
        _check_names(op, types, attributes)
        if not all(each.element_count for each in (*types, *again.output_types)):
            return expected  # loop nests have no empty buffers: the graph folds what is computed from nothing
        function = again.naive
        verify(function)
        outputs = [np.empty(each.shape, each.dtype) for each in again.output_types]
        interpret(function, [*(np.ascontiguousarray(array).reshape(array.shape) for array in arrays), *outputs])
        for output, reference in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(output, reference, rtol=tolerance, atol=tolerance)
        return expected

    return run


def _check_names(op: str, types: Sequence[TensorType], attributes: dict[str, Any]) -> None:
    """The first output carries the stage's name, everything else a name below it."""
    inputs = [placeholder(each.shape, f"in{position}", each.dtype) for position, each in enumerate(types)]
    outputs = get_operator(op).compute("stage", inputs, attributes)
    assert outputs[0].name == "stage"
    assert all(output.name.startswith("stage.") for output in outputs[1:])


@pytest.fixture(scope="session")
def ort() -> Callable[..., list[Array]]:
    """`ort("Relu", [x], opset=18, outputs=1, **attributes)` runs one ONNX node; None stands for an input that is left out."""

    def run(op_type: str, arrays: Sequence[Array | None], opset: int = 18, outputs: int = 1, **attributes: Any) -> list[Array]:
        names = ["" if array is None else f"in{position}" for position, array in enumerate(arrays)]
        results = [f"out{position}" for position in range(outputs)]
        node = onnx.helper.make_node(op_type, names, results, **attributes)
        values = [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in zip(names, arrays, strict=True)
            if array is not None
        ]
        graph = onnx.helper.make_graph([node], "one_node", values, [onnx.ValueInfoProto(name=result) for result in results])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        feeds = {name: array for name, array in zip(names, arrays, strict=True) if array is not None}
        return list(session.run(None, feeds))

    return run
