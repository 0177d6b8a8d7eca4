"""ONNX frontend: operators whose result is known when the model is read: Constant, Shape, Size, ConstantOfShape, Range, EyeLike."""

from math import prod

import numpy as np
from onnx import AttributeProto, helper

from compiler.errors import ShapeError, UnsupportedOperator
from compiler.frontends.onnx.converters.registry import converts
from compiler.frontends.onnx.folding_builder import FoldingBuilder
from compiler.frontends.onnx.onnx_node import OnnxNode
from compiler.frontends.onnx.read_model import element_dtype, read_tensor
from compiler.frontends.onnx.value import Value

MOST_BYTES = 1 << 33
CONSTANT_DTYPES = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}


@converts("Constant")
def convert_constant(node: OnnxNode, build: FoldingBuilder) -> Value:
    (attribute,) = node.proto.attribute
    node.ignore_attributes(attribute.name)
    if attribute.name == "value" and attribute.type == AttributeProto.TENSOR:
        return build.constant(read_tensor(attribute.t))
    if attribute.name in CONSTANT_DTYPES:
        return build.constant(helper.get_attribute_value(attribute), np.dtype(CONSTANT_DTYPES[attribute.name]))
    supported = ", ".join(["value", *CONSTANT_DTYPES])
    raise UnsupportedOperator(f"attribute {attribute.name!r} is not supported; supported are {supported}")


@converts("Shape")
def convert_shape(node: OnnxNode, build: FoldingBuilder) -> Value:
    shape = node.input(0).shape
    start, end = node.int_attribute("start", 0), node.int_attribute("end", len(shape))
    return build.constant(np.asarray(shape[slice(start, end)], np.int64))


@converts("Size")
def convert_size(node: OnnxNode, build: FoldingBuilder) -> Value:
    return build.constant(np.int64(node.input(0).type.element_count))


@converts("ConstantOfShape", since=9)
def convert_constant_of_shape(node: OnnxNode, build: FoldingBuilder) -> Value:
    shape = node.constant_ints(0, "the shape")
    value = node.tensor_attribute("value").reshape(-1) if node.has_attribute("value") else np.zeros(1, np.float32)
    if min(shape, default=0) < 0 or prod(shape) * value.itemsize > MOST_BYTES:
        raise ShapeError(f"a constant of shape {shape} is not supported; supported are at most {MOST_BYTES} bytes")
    return build.constant(np.full(shape, value[0], value.dtype))


@converts("Range", since=11)
def convert_range(node: OnnxNode, build: FoldingBuilder) -> Value:
    node.ignore_attributes("stash_type")
    start, limit, delta = (node.constant_input(position, name).reshape(()) for position, name in enumerate(("start", "limit", "delta")))
    count = max(int(np.ceil((limit - start) / delta)), 0)
    return build.constant((start + np.arange(count) * delta).astype(start.dtype))


@converts("EyeLike", since=9)
def convert_eye_like(node: OnnxNode, build: FoldingBuilder) -> Value:
    like = node.input(0)
    if like.rank != 2:
        raise UnsupportedOperator(f"an input of {like.rank} dimensions is not supported; supported are 2")
    dtype = element_dtype(node.int_attribute("dtype", 0), "the result") if node.has_attribute("dtype") else like.dtype
    rows, columns = like.shape
    return build.constant(np.eye(rows, columns, k=node.int_attribute("k", 0)), dtype)


@converts("Dropout", since=7)
def convert_dropout(node: OnnxNode, build: FoldingBuilder) -> tuple[Value, ...]:
    """Inference: the data unchanged. The mask keeps everything; before opset 10 it has the data's type."""
    node.ignore_attributes("ratio", "seed", "is_test")
    data = node.input(0)
    training = node.optional_constant(2, "the training mode")
    ratio = node.optional_constant(1, "the ratio") if training is not None and training.any() else None
    if training is not None and training.any() and (ratio is None or ratio.any()):
        raise UnsupportedOperator("training mode is not supported; supported is inference")
    if not node.wants_output(1):
        return (data,)
    return data, build.constant(np.ones(data.shape, data.dtype if node.opset < 10 else np.bool_))
