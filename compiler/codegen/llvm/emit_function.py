"""One lowered function -> the LLVM functions of its native calling convention. Used by `generate_object.py`.

    void symbol(ptr params, ptr pool)                         loads the pointers, calls
    internal void symbol.main(params, pool, ptr noalias...)   the code (in `symbol` itself if it takes no pointers); a parallel loop in it
        tw_parallel_for(pool, symbol.parallel0, params, extent)   becomes this call
    internal void symbol.parallel0(params, lo, hi)            loads the pointers, calls
    internal void symbol.parallel0.body(lo, hi, ptr noalias...)

Pointers are arguments of their own so that `noalias` can say that buffers do not overlap; each function takes those that it uses. An output
may stand in an argument's place all the same if the argument's element at each position is read for the output's element there and for
nothing else: every value stored then depends on the loads that it replaces.
"""

from collections.abc import Sequence

from llvmlite import ir

from compiler.codegen.llvm.frame import Frame, Storage
from compiler.codegen.llvm.kernel_module import KernelModule, address_of
from compiler.codegen.llvm.llvm_types import I64, POINTER, VOID, constant
from compiler.codegen.llvm.statement_emitter import StatementEmitter
from compiler.errors import CodegenError
from compiler.loop_ir import For, LoopFunc, LoopKind, Stmt, Store, expressions, sub_statements
from compiler.te import Buffer, names_in

PARALLEL_FOR = "tw_parallel_for"


def emit_function(module: KernelModule, func: LoopFunc, symbol: str) -> None:
    """Adds `symbol` and what it calls to the module."""
    _FunctionEmitter(module, func, symbol).emit()


class _FunctionEmitter:
    def __init__(self, module: KernelModule, func: LoopFunc, symbol: str) -> None:
        self._module = module
        self._func = func
        self._symbol = symbol
        self._loops = 0

    def emit(self) -> None:
        func = self._func
        used = self._used_params(func.body, inside_parallel=False)
        entry = self._module.define_forward(self._symbol, VOID, [POINTER, POINTER], internal=False)
        main = entry
        if used:
            main = self._module.define(f"{self._symbol}.main", VOID, [POINTER, POINTER] + [POINTER] * len(used))
            self._forward(entry, main, list(entry.args), used)
        frame = self._frame(main, used, first=2)
        StatementEmitter(frame, self._outline).emit(func.body)
        frame.finish()

    def _used_params(self, stmt: Stmt, inside_parallel: bool) -> list[Buffer]:
        """The parameters that `stmt` accesses, parallel loops left out unless `inside_parallel`."""
        names = _accessed(stmt, inside_parallel)
        return [buffer for buffer in self._func.params if buffer.name in names]

    def _frame(self, function: ir.Function, buffers: Sequence[Buffer], first: int) -> Frame:
        """buffers: the function's arguments from number `first` on."""
        frame = Frame(self._module, function)
        for argument, buffer in zip(function.args[first:], buffers, strict=True):
            argument.add_attribute("noalias")
            frame.storages[buffer.name] = Storage(buffer, argument)
        return frame

    def _forward(self, caller: ir.Function, callee: ir.Function, leading: list[ir.Value], used: Sequence[Buffer]) -> None:
        """The body of `caller`: load the pointers of `used` from its first argument and pass them on."""
        builder = ir.IRBuilder(caller.append_basic_block("entry"))
        names = [buffer.name for buffer in self._func.params]
        pointers: list[ir.Value] = []
        for buffer in used:
            slot = builder.gep(caller.args[0], [constant(I64, names.index(buffer.name))], source_etype=POINTER)
            pointers.append(builder.load(slot, typ=POINTER))
        builder.call(callee, [*leading, *pointers])
        builder.ret_void()

    def _outline(self, frame: Frame, loop: For) -> None:
        """The parallel loop as a function of an index range, and its call where the loop stands."""
        if len(frame.scopes) > 1 or frame.ints or frame.vector is not None:
            raise CodegenError(f"parallel loop {loop.name} stands inside another loop")
        name = f"{self._symbol}.parallel{self._loops}"
        self._loops += 1
        used = self._used_params(loop.body, inside_parallel=True)
        body = self._module.define(f"{name}.body", VOID, [I64, I64] + [POINTER] * len(used))
        inner = self._frame(body, used, first=2)
        statements = StatementEmitter(inner, self._nested)
        low, high = (inner.scope.arithmetic("add", bound, constant(I64, loop.start)) for bound in body.args[:2])
        statements.share(loop, low, high)
        inner.finish()
        share = self._module.define_forward(name, VOID, [POINTER, I64, I64])
        self._forward(share, body, list(share.args[1:]), used)
        parallel_for = self._module.declare(PARALLEL_FOR, VOID, [POINTER, POINTER, POINTER, I64])
        params, pool = frame.function.args[:2]
        frame.scope.call(parallel_for, [pool, address_of(share), params, constant(I64, loop.extent)])
        for scope in frame.scopes:
            scope.loads.clear()

    def _nested(self, _: Frame, loop: For) -> None:
        raise CodegenError(f"parallel loop {loop.name} stands inside another parallel loop")


def _accessed(stmt: Stmt, inside_parallel: bool) -> set[str]:
    if isinstance(stmt, For) and stmt.kind is LoopKind.PARALLEL and not inside_parallel:
        return set()
    names = {stmt.buffer.name} if isinstance(stmt, Store) else set()
    for expr in expressions(stmt):
        names |= names_in(expr).buffers
    for sub in sub_statements(stmt):
        names |= _accessed(sub, inside_parallel)
    return names
