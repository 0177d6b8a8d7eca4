"""`tilewright cost-model`: train a cost model from records, for workloads and devices that have none; look into a stored one."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click

from records_db import Database, Record
from tilewright.commands.options import database_url, format_option
from tilewright.commands.print_rows import cell, print_json
from tuner import Prior, PriorHeader, shipped_prior, task_times, train_prior


@click.group("cost-model")
def cost_model() -> None:
    """Cost models that carry over from workload to workload."""


@cost_model.command()
@click.option("--db", "urls", multiple=True, required=True, metavar="URL", help="Database of records; may be given several times.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write.")
@click.option("--source", default="", help="Where the records come from, for people; the databases' names by default.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the training's random choices.")
def train(urls: tuple[str, ...], output: Path, source: str, seed: int) -> None:
    """Train a cost model from all records of the databases.

    `tilewright tune --prior FILE` starts from it in place of the one that comes with Tilewright.
    """
    with ExitStack() as stack:
        databases = [stack.enter_context(Database(database_url(url), create=False)) for url in urls]
        records: list[Record] = [record for database in databases for record in database.records()]
        names = ", ".join(database.url for database in databases)
    prior = train_prior(task_times(records), source or f"records of {names}", seed)
    size = prior.save(output)
    click.echo(f"{output}: {size / 1024:.0f} KiB, from {_summary(prior.header)}")


@cost_model.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@format_option
def show(file: Path | None, form: str) -> None:
    """What a stored cost model was trained on; without FILE, the one that comes with Tilewright."""
    header = asdict((shipped_prior() if file is None else Prior.load(file)).header)
    if form == "json":
        print_json(header)
        return
    for name, value in header.items():
        click.echo(f"{name.replace('_', ' ')}: {', '.join(value) if isinstance(value, tuple | list) else cell(value)}")


def _summary(header: PriorHeader) -> str:
    devices = ", ".join(header.devices)
    return (
        f"{header.records} candidates of {header.workloads} workloads on {devices}; "
        f"on workloads that it has not seen, log(time) is {header.deviation:.2f} off"
    )
