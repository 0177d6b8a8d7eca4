"""Loads and stores: from the nodes of the loop IR to registers, scalars, vectors, masks and gathers.

    stride between lanes   load                                      store
    0                      one scalar                                the last lane
    1                      one vector                                one vector
    -1, 2                  one vector reversed, two vectors shuffled per lane
    other, not linear      per lane                                  per lane

A value that was loaded is found again until its buffer is stored to; distinct buffers never overlap. A load whose address is known outside
a loop that does not write its buffer is done before the loop, up to half of the vector registers per scope (beyond that LLVM would spill
what it could as well load again).

A guard (a condition of `Select` around a load, or a vector condition of `IfThen`) keeps memory untouched where it does not hold: a scalar
guard lets the address point to zeros instead, a mask makes the access a masked one. A guarded load is zero where its guard does not hold.
"""

from dataclasses import dataclass
from math import gcd

from llvmlite import ir

from compiler.codegen.llvm.affine import Affine, Terms, combine
from compiler.codegen.llvm.frame import Frame, Storage
from compiler.codegen.llvm.index_emitter import Form, IndexEmitter, flat_index, form_of
from compiler.codegen.llvm.llvm_types import (
    I1,
    I32,
    I64,
    POINTER,
    VOID,
    constant,
    lane_numbers,
    lanes_of,
    memory_type,
    poison,
    suffix,
    value_type,
    vector_of,
    zero,
)
from compiler.codegen.llvm.scope import Scope
from compiler.errors import CodegenError
from compiler.loop_ir import Store
from compiler.te import Load

BASE_ALIGN = 64
_PREFETCH_TO_READ_INTO_L1 = (0, 3, 1)  # read, most local, data


@dataclass(frozen=True, slots=True)
class Access:
    """One load or store with everything that does not depend on unrolled variables.

    terms, stride: the part of the offset (in elements) that is not constant, and the step between lanes. align: in bytes, of the address
    without the constant part. home: where a load may be done. steps: the factors of the unrolled variables.
    """

    storage: Storage
    constant: int
    terms: Terms
    stride: int
    lanes: int
    align: int
    home: Scope
    steps: tuple[tuple[str, int], ...]


class MemoryEmitter:
    """Emits into the frame's scope, or into an outer one what is invariant there."""

    def __init__(self, frame: Frame, indices: IndexEmitter) -> None:
        self._frame = frame
        self._indices = indices
        self._forms: dict[int, tuple[Load | Store, Form]] = {}

    def load(self, node: Load) -> ir.Value:
        access, offset = self._access(node)
        if access is None:
            return self._gather(node)
        storage = access.storage
        if storage.pointer is None:
            return self._register(storage, access, offset)
        if self._frame.guards:
            return self._guarded_load(access, offset)
        home = access.home
        loads = home.loads.get(storage.buffer.name)
        if loads is None:
            loads = home.loads[storage.buffer.name] = {}
        key = (access.terms, offset, access.stride, access.lanes)
        found = loads.get(key)
        if found is None:
            if home is not self._frame.scope:
                if home.hoisted_loads * 2 >= self._frame.module.target.vector_registers:
                    return self._load_at(self._frame.scope, access, offset)
                home.hoisted_loads += 1
            found = loads[key] = self._load_at(home, access, offset)
        return found

    def store(self, node: Store, value: ir.Value) -> None:
        access, offset = self._access(node)
        if access is None:
            self._scatter(node, value)
            return
        storage = access.storage
        if storage.pointer is None:
            self._set_register(access, offset, value)
            return
        self._forget_loads(storage.buffer.name)
        scope = self._frame.scope
        if self._frame.guards or access.stride not in (0, 1):
            self._store_lanes(access, offset, value)
            return
        value = scope.broadcast(value, access.lanes) if access.stride else scope.lane(value, lanes_of(value.type) - 1)
        pointer, align = self._address(scope, access, offset)
        scope.store_value(self._to_memory(storage, value), pointer, align)

    def _forget_loads(self, name: str) -> None:
        for scope in self._frame.scopes:
            scope.loads.pop(name, None)

    def _access(self, node: Load | Store) -> tuple[Access | None, int]:
        """The access, and its offset here; None where lanes differ in a way that is not linear."""
        frame = self._frame
        accesses = frame.scope.accesses
        key = (id(node), frame.vector.key if frame.vector else 0)
        access = accesses.get(key)
        if access is None:
            form = self._form(node)
            access = self._resolve(node, form)
            if access is None:
                return None, 0
            if not form.buffers and not any(name in frame.ints for name in form.names):
                accesses[key] = access
        offset: int = access.constant
        ints = frame.ints
        for name, factor in access.steps:
            offset += factor * ints[name]
        return access, offset

    def _form(self, node: Load | Store) -> Form:
        """Of the flat index."""
        found = self._forms.get(id(node))
        if found is None:
            found = self._forms[id(node)] = (node, form_of(flat_index(node.buffer, node.indices)))
        return found[1]

    def _resolve(self, node: Load | Store, form: Form) -> Access | None:
        frame = self._frame
        storage = frame.storages[node.buffer.name]
        steps = tuple((name, factor) for name, factor in form.variables if name in frame.ints)
        others = tuple((name, factor) for name, factor in form.variables if name not in frame.ints)
        where = self._indices.evaluate(Form(form.constant, others, form.nonlinear, form.names, form.buffers))
        if where is None:
            return None
        if storage.private_lanes:
            self._check_lanes(storage)
            copies = storage.private_lanes
            steps = tuple((name, factor * copies) for name, factor in steps)
            where = combine([(where, copies), (Affine(lane=1), 1)])
        size = node.buffer.dtype.itemsize
        align = gcd(BASE_ALIGN, *(factor * size for _, factor in where.terms))
        stride = where.lane
        lanes = frame.lanes if stride else 0
        return Access(storage, where.constant, where.terms, stride, lanes, align, self._home(storage, where.terms), steps)

    def _home(self, storage: Storage, terms: Terms) -> Scope:
        """The outermost scope where a load from here may be done as well."""
        scopes = self._frame.scopes
        depth = len(scopes) - 1
        outermost = terms[-1][0].depth if terms else 0
        while depth > outermost:
            loop = scopes[depth].loop
            if loop is None or storage.buffer.name in loop.stored:
                break
            depth -= 1
        return scopes[depth]

    def _address(self, scope: Scope, access: Access, offset: int) -> tuple[ir.Value, int]:
        size = access.storage.buffer.dtype.itemsize
        pointer = scope.offset(self._frame.pointer(access.storage, access.terms), offset * size)
        return pointer, gcd(access.align, offset * size)

    def _to_memory(self, storage: Storage, value: ir.Value) -> ir.Value:
        if storage.buffer.dtype.kind != "b":
            return value
        return self._frame.scope.convert("zext", value, vector_of(memory_type(storage.buffer.dtype), lanes_of(value.type)))

    def _from_memory(self, storage: Storage, value: ir.Value, scope: Scope) -> ir.Value:
        if storage.buffer.dtype.kind != "b":
            return value
        return scope.convert("trunc", value, vector_of(I1, lanes_of(value.type)))

    def _load_at(self, scope: Scope, access: Access, offset: int) -> ir.Value:
        kind = memory_type(access.storage.buffer.dtype)
        pointer, align = self._address(scope, access, offset)
        ahead = access.storage.buffer.prefetch
        inside_line = align < access.align == BASE_ALIGN  # of which another vector of the body is the first
        if ahead and access.stride == 1 and not inside_line:
            function = self._frame.module.declare("llvm.prefetch.p0", VOID, [POINTER, I32, I32, I32])
            scope.call(function, [scope.offset(pointer, ahead), *(constant(I32, each) for each in _PREFETCH_TO_READ_INTO_L1)])
        return self._from_memory(access.storage, self._load_lanes(scope, pointer, align, kind, access), scope)

    def _load_lanes(self, scope: Scope, pointer: ir.Value, align: int, kind: ir.Type, access: Access) -> ir.Value:
        size, lanes = access.storage.buffer.dtype.itemsize, access.lanes
        vector = vector_of(kind, lanes)
        loose = gcd(align, size)
        match access.stride:
            case 0:
                return scope.load_value(kind, pointer, align)
            case 1:
                return scope.load_value(vector, pointer, align)
            case -1:
                forward = scope.load_value(vector, scope.offset(pointer, -(lanes - 1) * size), loose)
                return scope.shuffle(forward, forward, list(range(lanes - 1, -1, -1)))
            case 2 if lanes > 2:
                first = scope.load_value(vector, pointer, align)
                second = scope.load_value(vector, scope.offset(pointer, (lanes - 1) * size), loose)
                even = [2 * lane if 2 * lane < lanes else lane * 2 + 1 for lane in range(lanes)]
                return scope.shuffle(first, second, even)
        step = access.stride * size
        return scope.assemble(
            [scope.load_value(kind, scope.offset(pointer, lane * step), gcd(align, lane * step)) for lane in range(lanes)]
        )

    def _guard(self) -> tuple[ir.Value | None, ir.Value | None]:
        """(scalar guard, mask): all guards here together."""
        scope, guards = self._frame.scope, self._frame.guards
        scalar: ir.Value | None = None
        mask: ir.Value | None = None
        for guard in guards:
            if lanes_of(guard.type):
                mask = guard if mask is None else self._both(scope, mask, guard)
            else:
                scalar = guard if scalar is None else self._both(scope, scalar, guard)
        return scalar, mask

    def _both(self, scope: Scope, a: ir.Value, b: ir.Value) -> ir.Value:
        return scope.once(("and", a.get_reference(), b.get_reference()), lambda: scope.arithmetic("and", a, b))

    def _full_mask(self, lanes: int) -> ir.Value:
        scope = self._frame.scope
        scalar, mask = self._guard()
        if mask is None:
            return scope.broadcast(scalar, lanes) if scalar is not None else constant(vector_of(I1, lanes), True)
        return mask if scalar is None else self._both(scope, mask, scope.broadcast(scalar, lanes))

    def _guarded_load(self, access: Access, offset: int) -> ir.Value:
        scope, storage = self._frame.scope, access.storage
        kind, size = memory_type(storage.buffer.dtype), storage.buffer.dtype.itemsize
        scalar, mask = self._guard()
        guards = tuple(guard.get_reference() for guard in (scalar, mask) if guard is not None)
        key = (access.terms, offset, access.stride, access.lanes, guards)

        def emit() -> ir.Value:
            if access.stride not in (0, 1) or (access.stride == 1 and mask is not None):
                return self._masked_load(access, offset)
            pointer, align = self._address(scope, access, offset)
            zeros = self._frame.module.zeros(size * max(access.lanes, 1))
            some = scalar
            if mask is not None:
                bits = scope.convert("bitcast", mask, ir.IntType(mask.type.count))
                some = scope.compare("icmp ne", bits, constant(bits.type, 0))
                some = some if scalar is None else scope.arithmetic("and", some, scalar)
            value = self._load_lanes(scope, scope.choose(some, pointer, zeros), align, kind, access)
            if mask is None:
                return value
            copies = scope.broadcast(value, mask.type.count)
            return scope.choose(mask, copies, zero(copies.type))

        loads = scope.loads.setdefault(storage.buffer.name, {})
        if key not in loads:
            loads[key] = self._from_memory(storage, emit(), scope)
        return loads[key]

    def _masked_load(self, access: Access, offset: int) -> ir.Value:
        scope = self._frame.scope
        vector = vector_of(memory_type(access.storage.buffer.dtype), access.lanes)
        pointer, align = self._address(scope, access, offset)
        if access.stride == 1:
            function = self._frame.module.declare(f"llvm.masked.load.{suffix(vector)}.p0", vector, [POINTER, I32, _mask(vector), vector])
            return scope.intrinsic(function, vector, pointer, constant(I32, align), self._full_mask(access.lanes), zero(vector))
        return self._gather_from(self._lane_pointers(pointer, access), vector, access.storage)

    def _lane_pointers(self, pointer: ir.Value, access: Access) -> ir.Value:
        return self._pointers(pointer, lane_numbers(I64, access.lanes, access.stride), access.storage)

    def _pointers(self, base: ir.Value, numbers: ir.Value, storage: Storage) -> ir.Value:
        """A vector of addresses: base + numbers * element size."""
        kind = vector_of(POINTER, numbers.type.count)
        element = f"i{8 * storage.buffer.dtype.itemsize}"
        text = f"getelementptr {element}, ptr {base.get_reference()}, {numbers.type} {numbers.get_reference()}"
        return self._frame.scope.instruction(kind, text)

    def _gather_from(self, pointers: ir.Value, vector: ir.Type, storage: Storage) -> ir.Value:
        function = self._frame.module.declare(
            f"llvm.masked.gather.{suffix(vector)}.{suffix(pointers.type)}", vector, [pointers.type, I32, _mask(vector), vector]
        )
        align = constant(I32, storage.buffer.dtype.itemsize)
        return self._frame.scope.intrinsic(function, vector, pointers, align, self._full_mask(vector.count), zero(vector))

    def _store_lanes(self, access: Access, offset: int, value: ir.Value) -> None:
        """A store under a mask, or with a stride."""
        scope, lanes = self._frame.scope, self._frame.lanes
        pointer, align = self._address(scope, access, offset)
        vector = self._to_memory(access.storage, scope.broadcast(value, lanes))
        if access.stride == 1:
            function = self._frame.module.declare(
                f"llvm.masked.store.{suffix(vector.type)}.p0", VOID, [vector.type, POINTER, I32, _mask(vector.type)]
            )
            scope.call(function, [vector, pointer, constant(I32, align), self._full_mask(lanes)])
        elif self._frame.guards:
            self._scatter_to(self._pointers(pointer, lane_numbers(I64, lanes, access.stride), access.storage), vector, access.storage)
        else:
            step = access.stride * access.storage.buffer.dtype.itemsize
            for lane in range(lanes):
                scope.store_value(scope.lane(vector, lane), scope.offset(pointer, lane * step), gcd(align, lane * step))

    def _scatter_to(self, pointers: ir.Value, vector: ir.Value, storage: Storage) -> None:
        """Lanes in order: where addresses are the same, the last lane whose guard holds wins."""
        function = self._frame.module.declare(
            f"llvm.masked.scatter.{suffix(vector.type)}.{suffix(pointers.type)}",
            VOID,
            [vector.type, pointers.type, I32, _mask(vector.type)],
        )
        align = constant(I32, storage.buffer.dtype.itemsize)
        self._frame.scope.call(function, [vector, pointers, align, self._full_mask(vector.type.count)])

    def _gather(self, node: Load) -> ir.Value:
        """A load whose lanes are not evenly spaced."""
        storage = self._memory_of(node)
        scope, vector = self._frame.scope, vector_of(memory_type(node.buffer.dtype), self._frame.lanes)
        if self._frame.guards:
            numbers = self._indices.lane_values(flat_index(node.buffer, node.indices).expr())
            loaded = self._gather_from(self._pointers(storage.pointer, numbers, storage), vector, storage)
        else:
            size = node.buffer.dtype.itemsize
            pointers = self._each_lane(node, storage)
            loaded = scope.assemble([scope.load_value(vector.element, pointer, size) for pointer in pointers])
        return self._from_memory(storage, loaded, scope)

    def _scatter(self, node: Store, value: ir.Value) -> None:
        storage = self._memory_of(node)
        scope = self._frame.scope
        vector = self._to_memory(storage, scope.broadcast(value, self._frame.lanes))
        self._forget_loads(node.buffer.name)
        if self._frame.guards:
            numbers = self._indices.lane_values(flat_index(node.buffer, node.indices).expr())
            self._scatter_to(self._pointers(storage.pointer, numbers, storage), vector, storage)
            return
        for lane, pointer in enumerate(self._each_lane(node, storage)):
            scope.store_value(scope.lane(vector, lane), pointer, node.buffer.dtype.itemsize)

    def _check_lanes(self, storage: Storage) -> None:
        if self._frame.vector is None:
            raise CodegenError(f"{storage.buffer.name}, allocated in a vectorized loop, decides over an index that differs between lanes")

    def _memory_of(self, node: Load | Store) -> Storage:
        storage = self._frame.storages[node.buffer.name]
        if storage.private_lanes or storage.pointer is None:
            raise CodegenError(f"{node.buffer.name}: the index of a register or of a lane's own memory is not linear in the lanes")
        return storage

    def _each_lane(self, node: Load | Store, storage: Storage) -> list[ir.Value]:
        """The address of every lane, with the lane's number as a constant of the index."""
        size = node.buffer.dtype.itemsize
        offsets = self._indices.by_lane(self._form(node))
        scope = self._frame.scope
        return [scope.offset(self._frame.pointer(storage, offset.terms), offset.constant * size) for offset in offsets]

    def _register(self, storage: Storage, access: Access, offset: int) -> ir.Value:
        found = self._frame.registers.get((storage.buffer.name, offset))
        if found is None:
            lanes = storage.pieces.get(offset)
            if lanes is None or access.terms:
                raise CodegenError(f"register buffer {storage.buffer.name!r} is read at an offset that is not one of its registers")
            return poison(vector_of(value_type(storage.buffer.dtype), lanes))
        return found

    def _set_register(self, access: Access, offset: int, value: ir.Value) -> None:
        frame, storage = self._frame, access.storage
        key, scope = (storage.buffer.name, offset), frame.scope
        if access.lanes:
            value = scope.broadcast(value, access.lanes)
        _, mask = self._guard()
        if mask is not None:
            old = self._register(storage, access, offset)
            if access.lanes:
                value = scope.choose(mask, value, old)
            else:
                raise CodegenError(f"register buffer {storage.buffer.name!r}: a lane's guard decides over a scalar")
        elif not access.lanes:
            value = scope.lane(value, lanes_of(value.type) - 1)
        frame.registers[key] = value


def _mask(vector: ir.Type) -> ir.Type:
    return vector_of(I1, vector.count)
