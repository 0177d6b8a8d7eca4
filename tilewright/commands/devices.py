"""`tilewright devices`: what a tracker has, by key."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from fleet import Device, DeviceRow
from tilewright.commands.options import format_option, insecure_option, tls_option, tracker_option
from tilewright.commands.print_rows import print_json, print_rows
from tilewright.fleet_errors import shown_as_errors
from tilewright.tracker_client import tracker_client

KEY_COLUMNS = ("key", "total", "free", "queued")
DEVICE_COLUMNS = ("key", "device", "model", "cores", "who", "seen_secs_ago", "temperature_c", "clock_mhz", "throttled", "sandbox", "target")


@click.command()
@tracker_option(required=True)
@tls_option
@insecure_option
@format_option
def devices(tracker: str, bundle: Path | None, insecure: bool, form: str) -> None:
    """List the devices of a fleet: how many a key has, how many are free, who uses the others."""
    with shown_as_errors(), tracker_client(tracker, bundle, insecure) as client:
        rows = sorted(client.devices(), key=lambda row: (row.key, row.name))
    if form == "json":
        print_json({"keys": _key_rows(rows), "devices": [asdict(row) for row in rows]})
    elif rows:
        print_rows("keys", _key_rows(rows), KEY_COLUMNS)
        print_rows("devices", [_device_row(row) for row in rows], DEVICE_COLUMNS)
    else:
        click.echo(f"No device is here. Start one with: tilewright device --tracker {tracker} --key NAME")


def _key_rows(rows: Sequence[DeviceRow]) -> list[dict[str, Any]]:
    """queued: jobs that wait for a device with the key."""
    return [
        {
            "key": key,
            "total": sum(row.key == key for row in rows),
            "free": sum(row.key == key and not row.busy for row in rows),
            "queued": next(row.queued for row in rows if row.key == key),
        }
        for key in sorted({row.key for row in rows})
    ]


def _device_row(row: DeviceRow) -> dict[str, Any]:
    facts = {name: row.health.get(name) for name in ("temperature_c", "clock_mhz", "throttled", "sandbox")}
    device = Device.from_json(row.device)
    known = {"key": row.key, "device": row.name, "model": device.model, "cores": device.cores, "who": row.busy or None}
    return known | {"seen_secs_ago": row.seen_secs_ago, "target": row.target or None} | facts
