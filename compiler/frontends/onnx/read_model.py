"""ONNX frontend, the input side: bytes -> a `ModelProto` that is known to be one, with its external data loaded.

Every way in which a file can be wrong becomes a `ModelError` of one line. Next: `compiler/frontends/onnx/load_onnx.py`.
"""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, checker, defs, external_data_helper, helper, numpy_helper

from compiler.errors import ModelError, UnsupportedOperator
from compiler.frontends.onnx.function_body import canonical_domain
from compiler.ops import Array

OLDEST_OPSET = 7

ModelSource = str | PathLike[str] | bytes | ModelProto


def read_model(source: ModelSource) -> tuple[ModelProto, str]:
    """The model and what to call it in messages: its path, or its graph's name."""
    if isinstance(source, ModelProto):
        model, title = source, source.graph.name or "model"
    elif isinstance(source, bytes):
        title = "the given bytes"
        model = _parse(source, title)
    else:
        path = Path(source)
        title = str(path)
        model = _load_external_data(_parse(_read_file(path), title), path)
    _check_is_model(model, title)
    return model, title


def read_opsets(model: ModelProto) -> dict[str, int]:
    """The opset version of every domain that the model uses."""
    opsets = {canonical_domain(entry.domain): int(entry.version) for entry in model.opset_import}
    version, newest = opsets.get(""), defs.onnx_opset_version()
    if version is not None and not OLDEST_OPSET <= version <= newest:
        raise UnsupportedOperator(f"opset {version} is not supported; supported are opsets {OLDEST_OPSET} to {newest}")
    return opsets


def read_tensor(tensor: TensorProto) -> Array:
    """The contents of a stored tensor."""
    if tensor.data_location == TensorProto.EXTERNAL:
        raise ModelError(f"tensor {tensor.name!r} is stored in another file; give the model's path, so that it can be found")
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"tensor {tensor.name!r} is damaged: {error}") from None


def element_dtype(element_type: int, what: str) -> np.dtype[np.generic]:
    """The numpy dtype of an ONNX element type."""
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(element_type))
    except KeyError:
        raise ModelError(f"{what} has the unknown element type {element_type}") from None


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the model file {path}: {error.strerror or error}") from None


def _parse(data: bytes, title: str) -> ModelProto:
    try:
        model = ModelProto()
        model.ParseFromString(data)
    except DecodeError:
        raise ModelError(f"{title} is truncated or not an ONNX model ({len(data)} bytes)") from None
    return model


def _load_external_data(model: ModelProto, path: Path) -> ModelProto:
    try:
        external_data_helper.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, checker.ValidationError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise ModelError(f"{path}: its external data cannot be read: {first_line}") from None
    return model


def _check_is_model(model: ModelProto, title: str) -> None:
    if not model.HasField("graph") or not model.opset_import or not (model.graph.node or model.graph.output):
        raise ModelError(f"{title} is truncated or not an ONNX model (it has no graph or no opset)")
    for text in _texts(model.graph):
        if not isinstance(text, str):
            raise ModelError(f"{title} is damaged: the name {text!r} is not valid text")


def _texts(graph: GraphProto) -> Iterator[object]:
    """All names of a graph; protobuf gives bytes for those that are not UTF-8."""
    yield graph.name
    for declared in (*graph.input, *graph.output):
        yield declared.name
        yield from (dim.dim_param for dim in declared.type.tensor_type.shape.dim)
    yield from (tensor.name for tensor in graph.initializer)
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, node.overload, *node.input, *node.output)
        for attribute in node.attribute:
            yield attribute.name
            yield from _texts(attribute.g) if attribute.type == AttributeProto.GRAPH else ()
