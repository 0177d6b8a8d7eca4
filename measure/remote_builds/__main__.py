"""`tilewright builder`, the command line of a builder. In: options. Next: `builder_member.py`."""

import argparse
import asyncio
import os
import sys

from compiler.errors import TilewrightError
from fleet import Address, FleetError, Role, TrackerPlace
from fleet.program_options import add_tracker_options, read_bundle
from fleet.race import run_until_first_ends
from fleet.sizes import parse_size
from fleet.until_stopped import run_until_stopped
from measure.builder import JOBS_PER_WORKER
from measure.child_server import ServerSettings
from measure.placement import available_cores
from measure.remote_builds.build_bench import BuildBench
from measure.remote_builds.builder_member import SlotOptions, keep_slot

BUILD_MODULE = "measure.build_job"
ORPHAN_SECS = 1.0
SPARE_SLOTS = 1  # orders beyond those under way, so that no worker is idle for a round trip, which takes a third of a build's time


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tilewright builder", description="Build candidates on this machine for a tracker's clients.")
    add_tracker_options(parser, Role.BUILDER)
    parser.add_argument("--workers", type=parse_count, metavar="N", help="builds at the same time; as many as there are cores by default")
    parser.add_argument("--memory", type=parse_size, default=4 << 30, metavar="SIZE", help="of one build; 4G by default")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one does")
    return parser


def main(arguments: list[str] | None = None, module: str = BUILD_MODULE) -> int:
    """module: what the build workers run."""
    given = make_parser().parse_args(arguments)
    workers = given.workers or len(available_cores())
    try:
        place = TrackerPlace(address=Address.parse(given.tracker), bundle=read_bundle(given.tls), insecure=given.insecure)
        slots = [SlotOptions(place=place, name=given.name[:60], number=number) for number in range(workers + SPARE_SLOTS)]
        settings = ServerSettings(module=module, workers=workers, jobs_per_child=JOBS_PER_WORKER, memory_bytes=given.memory)
        with BuildBench(settings) as bench:
            work = [keep_slot(slot, bench) for slot in slots] + ([_until_orphaned()] if given.with_parent else [])
            asyncio.run(run_until_stopped(run_until_first_ends(*work)))
    except (FleetError, TilewrightError) as error:
        sys.stderr.write(f"tilewright builder: {error}\n")
        return 2
    return 0


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
    sys.exit(main())
