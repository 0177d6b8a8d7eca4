"""ONNX frontend: one converter per operator and version, one file per family; importing this package fills the registry.

In: an `OnnxNode`. Out: uses of graph operators, by `FoldingBuilder.emit`. The registry is `registry.py`.
"""

from compiler.frontends.onnx.converters import (
    constants,
    control_flow,
    convolution,
    elementwise,
    indexing,
    linear,
    normalization,
    pooling,
    recurrent,
    reduction,
    resizing,
    shape,
)
from compiler.frontends.onnx.converters.registry import CONVERTERS, Converter, converts, find_converter, supported_operators, unsupported

__all__ = [
    "CONVERTERS",
    "Converter",
    "constants",
    "control_flow",
    "converts",
    "convolution",
    "elementwise",
    "find_converter",
    "indexing",
    "linear",
    "normalization",
    "pooling",
    "recurrent",
    "reduction",
    "resizing",
    "shape",
    "supported_operators",
    "unsupported",
]
