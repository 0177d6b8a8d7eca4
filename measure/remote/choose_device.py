"""Which of the devices with a key a session measures on: comparable ones only, for times are compared with each other.

In: what the tracker lists. Out: a `DeviceGroup`. Next: `remote_runner.py`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fleet import BUILD_KEY, Device, DeviceRow
from measure.errors import MeasureError


@dataclass(frozen=True, slots=True)
class DeviceGroup:
    """Devices with one fingerprint. target: what they are compiled for, by their daemons; empty where those do not say."""

    device: Device
    names: tuple[str, ...]
    target: str


def choose_group(rows: Sequence[DeviceRow], key: str) -> DeviceGroup:
    """The largest group with the key, of equal ones that with the most free devices; `MeasureError` lists the keys there are."""
    groups: defaultdict[str, list[DeviceRow]] = defaultdict(list)
    devices = [row for row in rows if row.key != BUILD_KEY]
    for row in devices:
        if row.key == key:
            groups[row.fingerprint].append(row)
    if not groups:
        keys = ", ".join(sorted({row.key for row in devices}))
        raise MeasureError(
            f"no device has the key {key!r}; {f'the keys there are: {keys}' if keys else 'the tracker has no device at all'}"
        )
    chosen = max(groups.values(), key=lambda group: (len(group), sum(not row.busy for row in group), group[0].fingerprint))
    targets = {row.target for row in chosen}
    if len(targets) > 1:
        raise MeasureError(f"devices with the key {key!r} were started with different targets: {', '.join(sorted(targets))}; give them one")
    return DeviceGroup(Device.from_json(chosen[0].device), tuple(sorted(row.name for row in chosen)), targets.pop())
