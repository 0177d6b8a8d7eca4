"""Lowering: scheduled loop nests -> what code generation takes. Next: `compiler/codegen`."""

from compiler.lower.lower import lower, lower_func
from compiler.lower.lowered import LoweredKernel, Param, ParamRole

__all__ = ["LoweredKernel", "Param", "ParamRole", "lower", "lower_func"]
