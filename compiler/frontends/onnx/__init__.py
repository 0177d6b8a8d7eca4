"""ONNX models -> `Graph`: opsets 7 to the newest that the installed onnx package knows. Start at `load_onnx.py`. Next: `compiler/graph`."""

from compiler.frontends.onnx.converters import supported_operators
from compiler.frontends.onnx.load_onnx import load_onnx

__all__ = ["load_onnx", "supported_operators"]
