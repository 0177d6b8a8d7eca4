"""Measuring on the devices of a fleet: the same `Runner` as on this machine, with a tracker in between.

    Built --link--> library, inputs, reference, job text --`fleet.client`--> tracker --> device, sandboxed child --> lines --> Measurement

Needs the extra packages of the fleet (`pip install 'tilewright[fleet]'`), so it is imported only where a tracker is given.
"""

from measure.remote.choose_device import DeviceGroup, choose_group
from measure.remote.job_window import JobWindow
from measure.remote.measure_ahead import MeasureAhead
from measure.remote.remote_runner import RemoteOptions, RemoteRunner, find_group

__all__ = ["DeviceGroup", "JobWindow", "MeasureAhead", "RemoteOptions", "RemoteRunner", "choose_group", "find_group"]
