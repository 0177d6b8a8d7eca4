"""Which elements of a "register" buffer are used together, so that each group becomes one SSA value. Used by `statement_emitter.py`.

In: the statement in which the buffer lives and the variables that are constants around it. Out: the lanes of each value by the offset of
its first element (0 lanes: a scalar), or None where an index is not constant once unrolled or two accesses overlap in part; the buffer
then lives on the stack.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from compiler.codegen.llvm.index_emitter import flat_index
from compiler.loop_ir import For, LoopKind, Stmt, Store, expressions, sub_statements
from compiler.te import Buffer, Expr, Load, Var, distinct_nodes, names_in

MAX_VALUES = 4096

Pieces = dict[int, int]


@dataclass(frozen=True, slots=True)
class Loops:
    """What stands around an access: constants, unrolled loops as their ranges, the vectorized loop's name, start and lanes."""

    ints: Mapping[str, int]
    unrolled: Mapping[str, range]
    vector: tuple[str, int, int] | None


def is_unrolled(loop: For) -> bool:
    """Whether the loop's variable is a constant in each copy of its body."""
    return loop.kind is LoopKind.UNROLLED or (loop.extent == 1 and loop.kind is not LoopKind.PARALLEL)


def find_pieces(buffer: Buffer, body: Stmt, loops: Loops, private_lanes: int) -> Pieces | None:
    """private_lanes: those of the vectorized loop that the buffer is allocated in, each with its own copy; else 0."""
    pieces: Pieces = {}
    for indices, around, _ in _accesses(body, buffer, loops):
        found = _access_pieces(buffer, indices, around, private_lanes)
        if found is None:
            return None
        for offset, lanes in found.items():
            if pieces.setdefault(offset, lanes) != lanes:
                return None
    end = 0
    for offset, lanes in sorted(pieces.items()):
        if offset < end:
            return None
        end = offset + max(lanes, 1)
    return pieces


def stored_offsets(buffer: Buffer, body: Stmt, loops: Loops, private_lanes: int) -> set[int]:
    """The values of a buffer with pieces that `body` may write."""
    found: set[int] = set()
    for indices, around, is_store in _accesses(body, buffer, loops):
        if is_store:
            found |= set(_access_pieces(buffer, indices, around, private_lanes) or ())
    return found


def _accesses(stmt: Stmt, buffer: Buffer, loops: Loops) -> Iterator[tuple[tuple[Expr, ...], Loops, bool]]:
    """(indices, the loops around them, whether it is a store) of every access to `buffer`."""
    if isinstance(stmt, For):
        loops = _inside(stmt, loops)
    if isinstance(stmt, Store) and stmt.buffer.name == buffer.name:
        yield stmt.indices, loops, True
    for expr in expressions(stmt):
        if buffer.name in names_in(expr).buffers:
            for node in distinct_nodes(expr):
                if isinstance(node, Load) and node.buffer.name == buffer.name:
                    yield node.indices, loops, False
    for sub in sub_statements(stmt):
        yield from _accesses(sub, buffer, loops)


def _inside(loop: For, loops: Loops) -> Loops:
    ints = {name: value for name, value in loops.ints.items() if name != loop.name}
    unrolled = {name: values for name, values in loops.unrolled.items() if name != loop.name}
    if is_unrolled(loop):
        return Loops(ints, {**unrolled, loop.name: range(loop.start, loop.start + loop.extent)}, loops.vector)
    vector = (loop.name, loop.start, loop.extent) if loop.kind is LoopKind.VECTORIZED else loops.vector
    return Loops(ints, unrolled, vector)


def _access_pieces(buffer: Buffer, indices: tuple[Expr, ...], loops: Loops, private_lanes: int) -> Pieces | None:
    form = flat_index(buffer, indices)
    constant, stride = form.constant, 0
    ranges: list[tuple[int, range]] = []
    for atom, factor in form.terms:
        if not isinstance(atom, Var):
            return None
        if atom.name in loops.ints:
            constant += factor * loops.ints[atom.name]
        elif atom.name in loops.unrolled:
            ranges.append((factor, loops.unrolled[atom.name]))
        elif loops.vector is not None and atom.name == loops.vector[0]:
            constant += factor * loops.vector[1]
            stride = factor
        else:
            return None
    if stride not in (0, 1) or (private_lanes and stride):
        return None
    count = 1
    for _, values in ranges:
        count *= len(values)
    if count > MAX_VALUES:
        return None
    lanes = private_lanes or (loops.vector[2] if stride and loops.vector else 0)
    scale = private_lanes or 1
    starts = (constant + sum(step) for step in product(*([factor * value for value in values] for factor, values in ranges)))
    return {start * scale: lanes for start in starts}
