"""Compile a model from what the database knows. In: `Model`. Out: `Executable`."""

from compiler.driver import NoSchedules, ObjectCache, compile_model
from compiler.runtime import Executable
from compiler.target import Target
from measure import describe_host
from records_db import Database
from schedule_space import default_schedule
from tilewright.model import Model
from tilewright.resolve import resolve_target


def compile_(
    model: Model,
    target: str | Target = "host",
    database: Database | None = None,
    threads: int | None = None,
    *,
    cache: bool = True,
) -> Executable:
    """Compile with the best schedule that `database` has for each kernel on this device, and default schedules for the others.

    threads: how many run the model; all cores of the target by default. cache: keep compiled kernels on disk for the next time.
    """
    resolved = resolve_target(target, threads)
    return compile_model(
        model.graph,
        resolved,
        NoSchedules() if database is None else database,
        device=describe_host(),
        default_schedule=default_schedule,
        threads=resolved.cores,
        cache=ObjectCache() if cache else None,
    )
