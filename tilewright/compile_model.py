"""Compile a model from what the database knows. In: `Model`. Out: `Executable`. Below: `compiler/driver/compile_model.py`."""

from math import inf

import compiler.driver
from compiler.driver import NoSchedules, ObjectCache
from compiler.runtime import Executable
from compiler.target import Target
from records_db import Database
from schedule_space import default_schedule, short_schedule
from tilewright.choose_device import device_for
from tilewright.model import Model
from tilewright.resolve_target import resolve_target


def compile_model(
    model: Model,
    target: str | Target = "host",
    database: Database | None = None,
    threads: int | None = None,
    max_rel_error: float = inf,
    short_code: bool = False,
) -> Executable:
    """Compile with the best schedule that `database` has for each kernel on this device, and default schedules for the others.

    threads: how many run the model; all cores of the target by default. max_rel_error: algorithms whose error, relative to a kernel's
    largest output, is above it are not used. short_code: kernels without records get schedules with short
    loop bodies. `executable.kernels` tells where each schedule came from.
    """
    resolved = resolve_target(target, threads)
    return compiler.driver.compile_model(
        model.graph,
        resolved,
        NoSchedules() if database is None else database,
        device=device_for(resolved, database),
        default_schedule=short_schedule if short_code else default_schedule,
        threads=resolved.cores,
        cache=ObjectCache(),
        max_rel_error=max_rel_error,
    )
