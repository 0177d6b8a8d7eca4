"""Workload + schedule -> machine code, by the cache where it can. Next: `loaded_kernel.py`, `compile_model.py`."""

from compiler.codegen import Artifact
from compiler.codegen.llvm import generate_object
from compiler.driver.object_cache import ObjectCache, kernel_key
from compiler.lower import lower
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload

SYMBOL_DIGITS = 20


def compile_kernel(workload: Workload, schedule: Schedule, target: Target, cache: ObjectCache | None = None) -> Artifact:
    """Raises `ScheduleError` or `CodegenError` where the schedule does not fit. The symbol is the same for the same kernel, everywhere."""
    key = kernel_key(workload, schedule, target)
    found = cache.get(key) if cache else None
    if found is not None:
        return found
    artifact = generate_object(lower(workload, schedule, target), target, f"tw_{key[:SYMBOL_DIGITS]}")
    if cache:
        cache.put(key, artifact)
    return artifact
