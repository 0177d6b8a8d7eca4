"""Statements of the loop IR -> blocks of LLVM IR. Used by `emit_function.py`; expressions go to `expression_emitter.py`.

    serial loop, extent known          condition that is one scalar
        ...                                ...
        br loop                            br condition, then, join
    loop:                              then:
        i = phi [start], [next]            body
        body                               br join
        next = i + 1                   join:
        br next < end, loop, done          register values written in `then` are phis
    done:

Unrolled loops repeat their body with the variable as a constant; a vectorized loop emits its body once, with the variable as a lane.
Register values that a loop's body writes are phis at its head.
"""

from collections.abc import Callable
from functools import partial

from llvmlite import ir

from compiler.codegen.llvm.affine import Affine
from compiler.codegen.llvm.expression_emitter import ExpressionEmitter
from compiler.codegen.llvm.frame import Frame, Storage, Vector
from compiler.codegen.llvm.llvm_types import I64, constant, lanes_of, memory_type, poison, value_type, vector_of
from compiler.codegen.llvm.register_buffers import Loops, find_pieces, is_unrolled, stored_offsets
from compiler.codegen.llvm.scope import Loop
from compiler.errors import CodegenError
from compiler.loop_ir import Allocate, For, IfThen, LoopKind, Seq, Stmt, Store, walk_statements
from compiler.te import Binary, Buffer, Expr

# LLVM splits wide vectors into registers; far beyond the machine's width that takes seconds and all registers.
MAX_LANES = 256

EmitParallel = Callable[[Frame, For], None]
Plan = Callable[[], None]


class StatementEmitter:
    """emit_parallel: what to do with a parallel loop, which becomes a function of its own."""

    def __init__(self, frame: Frame, emit_parallel: EmitParallel) -> None:
        self._frame = frame
        self._expressions = ExpressionEmitter(frame)
        self._emit_parallel = emit_parallel
        self._stored: dict[int, tuple[Stmt, frozenset[str]]] = {}
        self._plans: dict[int, tuple[Stmt, Plan]] = {}

    def emit(self, stmt: Stmt) -> None:
        self._plan(stmt)()

    def _plan(self, stmt: Stmt) -> Plan:
        """What emits `stmt`, each time that it is called: decided once for all copies of an unrolled loop's body."""
        found = self._plans.get(id(stmt))
        if found is None:
            found = self._plans[id(stmt)] = (stmt, self._make_plan(stmt))
        return found[1]

    def _make_plan(self, stmt: Stmt) -> Plan:
        match stmt:
            case Store():
                store, value = self._expressions.memory.store, self._expressions.plan(stmt.value)
                return lambda: store(stmt, value())
            case For():
                return self._plan_loop(stmt)
            case Seq(stmts):
                return partial(self._sequence, stmts)
            case IfThen(condition, body):
                return partial(self._if_then, conjuncts(condition), body)
            case Allocate():
                return partial(self._allocate, stmt)
        raise CodegenError(f"{type(stmt).__name__} cannot stand in a lowered function")

    def _sequence(self, stmts: tuple[Stmt, ...]) -> None:
        for stmt in stmts:
            self.emit(stmt)

    def _plan_loop(self, loop: For) -> Plan:
        if is_unrolled(loop):
            return partial(self._unrolled, loop)
        if loop.kind is LoopKind.SERIAL:
            return partial(self.serial, loop, constant(I64, loop.start), constant(I64, loop.start + loop.extent))
        if loop.kind is LoopKind.VECTORIZED:
            if loop.extent > MAX_LANES:
                raise CodegenError(f"vectorized loop {loop.name} has {loop.extent} lanes; at most {MAX_LANES} are allowed")
            return partial(self._vectorized, loop, Vector(loop.name, loop.start, loop.extent, id(loop)), Affine(loop.start, lane=1))
        if loop.kind is LoopKind.PARALLEL:
            return partial(self._emit_parallel, self._frame, loop)
        raise CodegenError(f"loop {loop.name} is {loop.kind}: a CPU has none of that kind")

    def _unrolled(self, loop: For) -> None:
        name, ints, check_size = loop.name, self._frame.ints, self._frame.check_size
        hidden = ints.get(name)
        body = self._plan(loop.body)
        for value in range(loop.start, loop.start + loop.extent):
            ints[name] = value
            body()
            check_size()
        del ints[name]
        if hidden is not None:
            ints[name] = hidden

    def _vectorized(self, loop: For, vector: Vector, variable: Affine) -> None:
        frame = self._frame
        if frame.vector is not None:
            raise CodegenError(f"vectorized loop {loop.name} stands inside vectorized loop {frame.vector.name}")
        frame.vector = vector
        frame.variables[loop.name] = variable
        self.emit(loop.body)
        del frame.variables[loop.name]
        frame.vector = None

    def serial(self, loop: For, start: ir.Value, end: ir.Value) -> None:
        """A loop from `start` to `end`, which is beyond it."""
        if loop.extent == 0:
            return
        frame, outer = self._frame, self._frame.scope
        carried = self._carried(loop)
        head = frame.function.append_basic_block("loop")
        before = outer.block
        state = Loop(before, start, self._stored_buffers(loop.body))
        inner = frame.push_scope(head, state)
        index = state.index = inner.phi(I64)
        index.add_incoming(start, before)
        phis = [(key, self._carry(key, inner.phi, before)) for key in carried]
        atom = frame.atom(index, inner.depth, loop.start, loop.start + loop.extent - 1)
        frame.variables[loop.name] = atom
        self.emit(loop.body)
        del frame.variables[loop.name]
        following = inner.arithmetic("add nsw", index, constant(I64, 1))
        again = inner.compare("icmp slt", following, end)
        index.add_incoming(following, inner.block)
        for key, phi in phis:
            phi.add_incoming(frame.registers[key], inner.block)
        for pointer, step_bytes in state.pointers:
            pointer.add_incoming(inner.offset(pointer, step_bytes), inner.block)
        done = frame.function.append_basic_block("done")
        inner.cbranch(again, head, done)
        frame.pop_scope()
        outer.branch(head)
        outer.position_at_end(done)

    def _carry(self, key: tuple[str, int], make_phi: Callable[[ir.Type], ir.Value], before: ir.Block) -> ir.Value:
        """A phi for a register value, which becomes the current one."""
        frame = self._frame
        storage = frame.storages[key[0]]
        kind = vector_of(value_type(storage.buffer.dtype), storage.pieces[key[1]])
        phi = make_phi(kind)
        phi.add_incoming(frame.registers.get(key, poison(kind)), before)
        frame.registers[key] = phi
        return phi

    def _carried(self, loop: For) -> list[tuple[str, int]]:
        """The register values from outside that the loop's body writes."""
        frame = self._frame
        found: list[tuple[str, int]] = []
        for storage in frame.storages.values():
            if storage.pointer is None and storage.buffer.name in self._stored_buffers(loop.body):
                offsets = stored_offsets(storage.buffer, loop.body, self._loops(), storage.private_lanes)
                found += [(storage.buffer.name, offset) for offset in sorted(offsets)]
        return found

    def _loops(self) -> Loops:
        vector = self._frame.vector
        return Loops(self._frame.ints, {}, (vector.name, vector.start, vector.lanes) if vector else None)

    def _stored_buffers(self, stmt: Stmt) -> frozenset[str]:
        found = self._stored.get(id(stmt))
        if found is None:
            names = frozenset(sub.buffer.name for sub in walk_statements(stmt) if isinstance(sub, Store))
            found = self._stored[id(stmt)] = (stmt, names)
        return found[1]

    def _if_then(self, conditions: tuple[Expr, ...], body: Stmt) -> None:
        if not conditions:
            self.emit(body)
            return
        first, rest = conditions[0], conditions[1:]
        condition = self._expressions.condition(first)
        if isinstance(condition, bool):
            if condition:
                self._if_then(rest, body)
        elif lanes_of(condition.type):
            frame = self._frame
            saved = frame.guards
            frame.guards = (*saved, condition)
            self._if_then(rest, body)
            frame.guards = saved
        else:
            self._branch(condition, lambda: self._if_then(rest, body))

    def share(self, loop: For, start: ir.Value, end: ir.Value) -> None:
        """The iterations of a parallel loop from `start` to `end`, possibly none."""
        some = self._frame.scope.compare("icmp slt", start, end)
        self._branch(some, lambda: self.serial(loop, start, end))

    def _branch(self, condition: ir.Value, emit: Callable[[], None]) -> None:
        frame, outer = self._frame, self._frame.scope
        then = frame.function.append_basic_block("then")
        before, registers = outer.block, dict(frame.registers)
        inner = frame.push_scope(then)
        emit()
        join = frame.function.append_basic_block("join")
        inner.branch(join)
        frame.pop_scope()
        outer.cbranch(condition, then, join)
        outer.position_at_end(join)
        for key, value in frame.registers.items():
            old = registers.get(key)
            if old is not value:
                phi = outer.phi(value.type)
                phi.add_incoming(value, inner.block)
                phi.add_incoming(old if old is not None else poison(value.type), before)
                frame.registers[key] = phi

    def _allocate(self, stmt: Allocate) -> None:
        frame, buffer = self._frame, stmt.buffer
        hidden = frame.storages.get(buffer.name)
        private_lanes = frame.lanes
        pieces = find_pieces(buffer, stmt.body, self._loops(), private_lanes) if buffer.scope == "register" else None
        if pieces is None:
            frame.storages[buffer.name] = self._on_stack(buffer, private_lanes)
        else:
            frame.storages[buffer.name] = Storage(buffer, None, private_lanes, pieces)
        self.emit(stmt.body)
        for key in [key for key in frame.registers if key[0] == buffer.name]:
            del frame.registers[key]
        for scope in frame.scopes:
            scope.loads.pop(buffer.name, None)
        if hidden is not None:
            frame.storages[buffer.name] = hidden
        else:
            del frame.storages[buffer.name]

    def _on_stack(self, buffer: Buffer, private_lanes: int) -> Storage:
        """Its memory is that of the same buffer allocated before, if any: the two do not live at once."""
        frame = self._frame
        count = Storage(buffer, None, private_lanes).element_count
        kind = memory_type(buffer.dtype)
        pointer = frame.entry.once((buffer.name, count, str(kind)), lambda: frame.allocate(kind, count))
        return Storage(buffer, pointer, private_lanes)


def conjuncts(condition: Expr) -> tuple[Expr, ...]:
    """The conditions of a conjunction, in the order of evaluation."""
    if isinstance(condition, Binary) and condition.op == "and":
        return (*conjuncts(condition.a), *conjuncts(condition.b))
    return (condition,)
