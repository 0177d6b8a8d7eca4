"""`tilewright builder`, the command line of a builder. In: options. Next: `builder_member.py`."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from compiler.errors import TilewrightError
from fleet import Address, FleetError, TlsBundle, TrackerPlace
from fleet.race import run_until_first_ends
from fleet.sizes import parse_size
from measure.builder import JOBS_PER_WORKER
from measure.child_server import ServerSettings
from measure.placement import available_cores
from measure.remote_builds.build_bench import BuildBench
from measure.remote_builds.builder_member import SlotOptions, keep_slot

BUILD_MODULE = "measure.build_job"
ORPHAN_SECS = 1.0


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tilewright builder", description="Build candidates on this machine for a tracker's clients.")
    parser.add_argument("--tracker", required=True, metavar="HOST:PORT")
    parser.add_argument("--tls", type=Path, metavar="FILE", help="bundle made by `tilewright farm issue --role builder`")
    parser.add_argument("--insecure", action="store_true", help="talk to a tracker on another machine without TLS")
    parser.add_argument("--name", default=socket.gethostname(), help="for people; the host's name by default")
    parser.add_argument("--workers", type=parse_count, metavar="N", help="builds at the same time; as many as there are cores by default")
    parser.add_argument("--memory", type=parse_size, default=4 << 30, metavar="SIZE", help="of one build; 4G by default")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one does")
    return parser


def main(arguments: list[str] | None = None, module: str = BUILD_MODULE) -> int:
    """module: what the build workers run."""
    given = make_parser().parse_args(arguments)
    workers = given.workers or len(available_cores())
    try:
        bundle = None if given.tls is None else TlsBundle.read(given.tls)
        place = TrackerPlace(address=Address.parse(given.tracker), bundle=bundle, insecure=given.insecure)
        slots = [SlotOptions(place=place, name=given.name[:60], number=number) for number in range(workers)]
        settings = ServerSettings(module=module, workers=workers, jobs_per_child=JOBS_PER_WORKER, memory_bytes=given.memory)
        with BuildBench(settings) as bench:
            asyncio.run(_serve_until_stopped(slots, bench, given.with_parent))
    except (FleetError, TilewrightError) as error:
        sys.stderr.write(f"tilewright builder: {error}\n")
        return 2
    return 0


async def _serve_until_stopped(slots: list[SlotOptions], bench: BuildBench, with_parent: bool) -> None:
    """Until SIGTERM or SIGINT; with the parent, until that has ended."""
    work = [keep_slot(slot, bench) for slot in slots]
    task = asyncio.ensure_future(run_until_first_ends(*work, *([_until_orphaned()] if with_parent else [])))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


async def _until_orphaned() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(ORPHAN_SECS)


def parse_count(text: str) -> int:
    """At least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers")
    return int(text)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
