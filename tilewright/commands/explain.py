"""`tilewright explain`: where each kernel's schedule comes from, and what it should cost."""

from pathlib import Path
from typing import Any

import click

from compiler.driver import ScheduleChoice, choose_variant
from compiler.graph import predicted_cycles, workload_flops, workload_variants
from compiler.schedule import Schedule
from compiler.target import Target
from compiler.workload import Workload
from measure import Device
from records_db import Database
from tilewright.choose_device import device_for
from tilewright.commands.options import (
    Shapes,
    database_option,
    format_option,
    load_model,
    max_rel_error_option,
    model_argument,
    open_existing,
    shape_option,
    target_option,
    threads_option,
)
from tilewright.commands.print_rows import print_json, print_rows
from tilewright.kernel_label import variant
from tilewright.resolve_target import resolve_target

COLUMNS = ("kernel", "variant", "calls", "ms_each", "ms_in_all", "gflops", "schedule_from")
UNKNOWN = "default: no verified record for this target and device"


@click.command()
@model_argument
@database_option()
@target_option
@threads_option
@max_rel_error_option
@shape_option
@format_option
def explain(model_path: Path, url: str | None, target: str, threads: int | None, max_rel_error: float, shapes: Shapes, form: str) -> None:
    """Show for each kernel of MODEL which record or default it would be compiled from, and what it should cost."""
    resolved = resolve_target(target, threads)
    model = load_model(model_path, shapes)
    with open_existing(url) as database:
        device = device_for(resolved, database)
        rows = [_row(workload, calls, database, resolved, device, max_rel_error) for workload, calls in model.workloads(resolved).items()]
    expected = sum(row["ms_in_all"] for row in rows if row["ms_in_all"] is not None)
    missing = sum(row["ms_in_all"] is None for row in rows)
    if form == "json":
        print_json({"model": model.name, "target": str(resolved), "device": str(device), "expected_ms": expected, "kernels": rows})
        return
    shown_threads = f"{resolved.cores} thread{'s' if resolved.cores != 1 else ''}"
    title = f"{model.name}: {len(rows)} kernels for {resolved.cpu}, {shown_threads}, on {device}"
    print_rows(title, rows, COLUMNS)
    click.echo(f"expected: {expected:.3f} ms in the kernels with records; {missing} of {len(rows)} kernels have none")


def _row(workload: Workload, calls: int, database: Database | None, target: Target, device: Device, max_rel_error: float) -> dict[str, Any]:
    """Of the form of the workload that compiling would choose."""

    def recorded(form: Workload) -> ScheduleChoice | None:
        return None if database is None else database.best_schedule(form, target, device)

    unknown = ScheduleChoice(Schedule(), UNKNOWN)
    forms = workload_variants(workload, target, max_rel_error)
    chosen = choose_variant(forms, recorded, lambda _: unknown, lambda form: predicted_cycles(form, target), max_rel_error)
    secs = chosen.choice.expected_secs
    return {
        "kernel": str(chosen.workload),
        "key": chosen.workload.key,
        "variant": variant(chosen.workload),
        "calls": calls,
        "ms_each": None if secs is None else secs * 1e3,
        "ms_in_all": None if secs is None else secs * 1e3 * calls,
        "gflops": None if secs is None else workload_flops(chosen.workload) / secs / 1e9,
        "schedule_from": chosen.choice.source,
    }
