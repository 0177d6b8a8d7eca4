"""Whose records a model is compiled from: this machine's, or for another machine's code those of a device that measured it.

In: the target, the database. Out: the `Device` to ask the database for.
"""

from compiler.target import Target
from measure import Device, describe_host
from records_db import Database


def device_for(target: Target, database: Database | None) -> Device:
    """For code that is made for this machine's processor, this machine. Else the device with the most times for the target, one of this
    machine's model before all others; a model is compiled from the times of one device, since those of two are not comparable."""
    here, host = describe_host(), Target.parse("host")
    if database is None or (target.arch, target.cpu) == (host.arch, host.cpu):
        return here
    devices = database.devices(target)
    akin = [device for device in devices if device.model == here.model]
    return next(iter([*akin, *devices]), here)
