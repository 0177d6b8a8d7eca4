"""Builders beside the workers of a Dask cluster, however that was started: by hand, over SSH, on Slurm, in Kubernetes.

    dask worker SCHEDULER --preload measure.remote_builds.dask_worker --tracker HOST:PORT --tls builder.tls

In: a Dask worker, and the options of `tilewright builder`. Each worker has a builder with as many build slots as it has threads, which ends
with the worker's process. Dask starts it and has no further part in it: its pickles reach neither builders nor those who tune.
"""

import subprocess
import sys

import click
from distributed import Worker

from compiler.runtime import child_environment


class PassedOn(click.Command):
    """Dask reads the options of preloads by their commands; this one leaves them to the builder."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.params["arguments"] = tuple(args)
        return []


@click.command(cls=PassedOn)
def dask_setup(worker: Worker, arguments: tuple[str, ...]) -> None:
    """Called by Dask when the worker is there; `arguments` follow `--preload` on its command line."""
    defaults = ["--name", f"dask-{worker.name}", "--workers", str(worker.state.nthreads)]
    subprocess.Popen(
        [sys.executable, "-P", "-m", "measure.remote_builds", *defaults, *arguments, "--with-parent"],
        stdin=subprocess.DEVNULL,
        env=child_environment(sys.path),
        start_new_session=True,
    )
