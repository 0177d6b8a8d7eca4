"""Code generation through llvmlite for x86-64, AArch64 and ARMv7. `generate_object.py` is the way in."""

from compiler.codegen.llvm.generate_object import generate_assembly, generate_object
from compiler.codegen.llvm.load import LoadedObjects, load_objects
from compiler.codegen.llvm.model_entry import Area, KernelCall, ModelEntry, Place, generate_model_entry

__all__ = [
    "Area",
    "KernelCall",
    "LoadedObjects",
    "ModelEntry",
    "Place",
    "generate_assembly",
    "generate_model_entry",
    "generate_object",
    "load_objects",
]
