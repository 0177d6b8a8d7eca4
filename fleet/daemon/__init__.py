"""The device daemon: joins a tracker under a key and measures what it is sent, one job at a time, each in a sandboxed child.

    supervisor.py (this process) --starts, watches--> agent.py, the only one that talks to the network
    supervisor.py --forks, limits, ends--> sandboxed child, which runs the job's program

`python -m fleet.daemon`, `tilewright-device` and `tilewright device` are the same. Importing this package needs the standard library only.
"""

from fleet.daemon.options import DaemonOptions

__all__ = ["DaemonOptions"]
