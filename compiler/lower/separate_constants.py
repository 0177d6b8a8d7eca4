"""Split a function in two: what depends on constant arguments only runs once, when the model is compiled."""

from collections.abc import Collection, Sequence

from compiler.loop_ir import Allocate, LoopFunc, Seq, Stmt, Store, expressions, seq, walk_statements
from compiler.lower.lowered import LoweredKernel, Param, ParamRole
from compiler.te import Buffer, names_in


def separate_constants(func: LoopFunc, arguments: int, constants: Collection[str]) -> LoweredKernel:
    """`func`'s first `arguments` params are arguments, the others outputs; `constants` names the constant arguments.

    Allocations at the root become parameters: packed constants, or workspace.
    """
    inputs, outputs = func.params[:arguments], func.params[arguments:]
    buffers: dict[str, Buffer] = {}
    body = func.body
    while isinstance(body, Allocate) and body.buffer.scope == "global":
        buffers[body.buffer.name] = body.buffer
        body = body.body
    stages = body.stmts if isinstance(body, Seq) else (body,)
    fixed = _constant_buffers(stages, set(buffers), set(constants))
    packing: list[Stmt] = []
    running: list[Stmt] = []
    for stage in stages:
        (packing if _stored(stage) <= fixed else running).append(stage)
    made = {name for stage in packing for name in _stored(stage)}
    read = {name for stage in running for name in _loaded(stage)}
    packed = [buffers[name] for name in buffers if name in made & read]
    used = read | {name for stage in running for name in _stored(stage)}
    workspace = [buffer for name, buffer in buffers.items() if name in used and name not in made]
    params = (
        *(Param(buffer, ParamRole.ARGUMENT, position) for position, buffer in enumerate(inputs) if buffer.name in used),
        *(Param(buffer, ParamRole.PACKED, position) for position, buffer in enumerate(packed)),
        *(Param(buffer, ParamRole.OUTPUT, position) for position, buffer in enumerate(outputs)),
        *(Param(buffer, ParamRole.WORKSPACE, position) for position, buffer in enumerate(workspace)),
    )
    main = LoopFunc(func.name, tuple(param.buffer for param in params), seq(*running))
    if not packed:
        return LoweredKernel(main, params)
    sources = {name for stage in packing for name in _loaded(stage)}
    scratch = [buffers[name] for name in buffers if name in made and name not in read]
    pack_params = (
        *(Param(buffer, ParamRole.ARGUMENT, position) for position, buffer in enumerate(inputs) if buffer.name in sources),
        *(Param(buffer, ParamRole.PACKED, position) for position, buffer in enumerate(packed)),
        *(Param(buffer, ParamRole.WORKSPACE, position) for position, buffer in enumerate(scratch)),
    )
    pack = LoopFunc(f"{func.name}_pack", tuple(param.buffer for param in pack_params), seq(*packing))
    return LoweredKernel(main, params, pack, pack_params)


def _constant_buffers(stages: Sequence[Stmt], made: set[str], constants: set[str]) -> set[str]:
    """Of the buffers `made`: those of which every stage that writes them reads nothing but constants and such buffers.

    The zeros that a reduction starts from are not constant: another stage adds what changes.
    """
    flows = [(_loaded(stage), _stored(stage)) for stage in stages]
    fixed: set[str] = made if constants else set()
    while True:
        changing = [written for read, written in flows if not read <= fixed | constants or not written <= fixed]
        kept = fixed.difference(*changing)
        if kept == fixed:
            return fixed
        fixed = kept


def _local(stmt: Stmt) -> set[str]:
    return {sub.buffer.name for sub in walk_statements(stmt) if isinstance(sub, Allocate)}


def _stored(stmt: Stmt) -> set[str]:
    return {sub.buffer.name for sub in walk_statements(stmt) if isinstance(sub, Store)} - _local(stmt)


def _loaded(stmt: Stmt) -> set[str]:
    found = {name for sub in walk_statements(stmt) for expr in expressions(sub) for name in names_in(expr).buffers}
    return found - _local(stmt)
