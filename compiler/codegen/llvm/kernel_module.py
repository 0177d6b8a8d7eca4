"""The LLVM module under construction: declarations on demand, the block of zeros, function attributes. Filled by `emit_function.py`."""

from collections.abc import Sequence

from llvmlite import ir

from compiler.codegen.llvm.llvm_types import I8, POINTER, Literal, suffix
from compiler.target import Target


class _StringAttributes(ir.FunctionAttributes):  # type: ignore[misc]
    """llvmlite accepts a fixed list of attributes; string attributes are outside it."""

    def add(self, name: str) -> None:
        set.add(self, name)


class KernelModule:
    """One module for one target; what is declared or defined in it is found again by name."""

    def __init__(self, name: str, target: Target) -> None:
        self.module = ir.Module(name=name)
        self.target = target
        self.has_fma = target.has("fma")
        self._fmas: dict[ir.Type, str] = {}
        self._zeros: ir.GlobalVariable | None = None
        self._zero_bytes = 0

    def declare(self, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> ir.Function:
        """An external function or intrinsic."""
        found = self.module.globals.get(name)
        return ir.Function(self.module, ir.FunctionType(result, arguments), name) if found is None else found

    def fma(self, kind: ir.Type) -> str:
        """A call of the fused multiply-add on values of type `kind`, up to the arguments."""
        found = self._fmas.get(kind)
        if found is None:
            function = self.declare(f"llvm.fma.{suffix(kind)}", kind, [kind] * 3)
            found = self._fmas[kind] = f"call {kind} {function.get_reference()}"
        return found

    def define_forward(self, name: str, result: ir.Type, arguments: Sequence[ir.Type], internal: bool = True) -> ir.Function:
        """A function that does nothing but call others, which LLVM is to compile quickly: 0.2 ms instead of 0.5 ms each (Zen 5)."""
        function = self.define(name, result, arguments, internal)
        function.attributes.add("noinline")
        function.attributes.add("optnone")
        return function

    def define(self, name: str, result: ir.Type, arguments: Sequence[ir.Type], internal: bool = True) -> ir.Function:
        """A function without blocks yet, with the target's attributes; internal ones do not leave the object."""
        function = ir.Function(self.module, ir.FunctionType(result, arguments), name)
        function.linkage = "internal" if internal else ""
        function.section = own_section(self.target, name)
        function.attributes = _StringAttributes()
        function.attributes.add("nounwind")
        if self.target.vector_bits >= 512:
            width = self.target.vector_bits
            function.attributes.add(f'"prefer-vector-width"="{width}"')
            function.attributes.add(f'"min-legal-vector-width"="{width}"')
        return function

    def zeros(self, size_bytes: int) -> ir.Value:
        """Pointer to at least `size_bytes` zeros, 64-byte aligned: what a load reads whose guard does not hold."""
        self._zero_bytes = max(self._zero_bytes, size_bytes)
        kind = ir.ArrayType(I8, self._zero_bytes)
        if self._zeros is None:
            self._zeros = ir.GlobalVariable(self.module, kind, f"{self.module.name}.zeros")
            self._zeros.linkage = "internal"
            self._zeros.global_constant = True
            self._zeros.align = 64
        self._zeros.value_type = kind
        self._zeros.initializer = Literal(kind, "zeroinitializer")
        return address_of(self._zeros)


def own_section(target: Target, name: str) -> str:
    """A section for one function, so that linkers leave out what a program never calls, packing first of all; "" where sections differ."""
    return f".text.{name}" if "linux" in target.triple else ""


def address_of(value: ir.GlobalValue) -> ir.Value:
    """A function or global variable as an operand of type `ptr`."""
    return Literal(POINTER, value.get_reference())
