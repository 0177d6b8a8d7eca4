"""What users write, a target's text and a number of threads, as the `Target` that the layers below take."""

from dataclasses import replace

from compiler.errors import TargetError
from compiler.target import Target


def resolve_target(target: str | Target, threads: int | None) -> Target:
    """The target with as many cores as threads are wanted; all of its cores by default."""
    resolved = Target.parse(target) if isinstance(target, str) else target
    if threads is None:
        return resolved
    if threads < 1:
        raise TargetError(f"threads={threads}: at least 1 is needed")
    return replace(resolved, cores=threads)
