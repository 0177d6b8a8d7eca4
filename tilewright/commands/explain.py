"""`tilewright explain`: where each kernel's schedule comes from."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from compiler.graph import workload_flops
from measure import describe_host
from records_db import Database
from tilewright.commands.options import (
    database_option,
    database_url,
    load_model,
    model_argument,
    shape_option,
    target_option,
    threads_option,
)
from tilewright.resolve import resolve_target


@click.command()
@model_argument
@database_option(required=True)
@target_option
@threads_option
@shape_option
@click.option("-f", "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def explain(
    model_path: Path, url: str, target: str, threads: int | None, shapes: tuple[tuple[str, tuple[int, ...]], ...], form: str
) -> None:
    """Show for each kernel of MODEL which record or default it would be compiled from, and what it should cost."""
    resolved = resolve_target(target, threads)
    model = load_model(model_path, shapes)
    device = describe_host()
    rows = []
    with Database(database_url(url), create=False) as database:
        for workload, calls in model.workloads(resolved).items():
            choice = database.best_schedule(workload, resolved, device)
            rows.append(
                {
                    "workload": str(workload),
                    "key": workload.key,
                    "calls": calls,
                    "gflop": workload_flops(workload) / 1e9,
                    "source": choice.source if choice else "default schedule: no verified record for this target and device",
                    "expected_ms": choice.expected_secs * 1e3 if choice and choice.expected_secs is not None else None,
                }
            )
    if form == "json":
        click.echo(json.dumps({"target": str(resolved), "device": device.model, "kernels": rows}, indent=2))
        return
    table = Table(title=f"{model.name}: {len(rows)} kernels for {resolved.cpu}, {resolved.cores} threads, on {device.model}")
    for heading, justify in (("kernel", "left"), ("calls", "right"), ("ms each", "right"), ("GFLOP/s", "right"), ("schedule from", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    for row in rows:
        ms = row["expected_ms"]
        known = isinstance(ms, float)
        rate = f"{float(str(row['gflop'])) / (ms / 1e3):.1f}" if isinstance(ms, float) else "-"
        table.add_row(str(row["workload"]), str(row["calls"]), f"{ms:.4f}" if known else "-", rate, str(row["source"]))
    console = Console()
    console.print(table)
    total = sum(float(str(row["expected_ms"])) * int(str(row["calls"])) for row in rows if row["expected_ms"] is not None)
    missing = sum(row["expected_ms"] is None for row in rows)
    console.print(f"Expected: {total:.3f} ms over the kernels with records; {missing} of {len(rows)} kernels have none.")
