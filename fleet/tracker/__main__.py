"""`tilewright tracker`, the command line of the tracker. In: options. Next: `tracker.py`."""

import argparse
import asyncio
import os
import sys
import tempfile
from math import inf
from pathlib import Path

from fleet.address import Address
from fleet.errors import FleetError
from fleet.messages import DEFAULT_PORT
from fleet.program_options import add_tls_options, read_bundle
from fleet.sizes import parse_size
from fleet.tls import Role
from fleet.tracker.options import TrackerOptions
from fleet.tracker.tracker import serve
from fleet.until_stopped import run_until_stopped


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tilewright tracker", description="Bring the devices of a fleet and its clients together.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; this machine alone by default")
    parser.add_argument("--port", type=parse_port, default=DEFAULT_PORT, help=f"{DEFAULT_PORT} by default; 0 for any that is free")
    add_tls_options(parser, Role.TRACKER, "listen beyond this machine")
    parser.add_argument(
        "--audit", type=Path, metavar="FILE", help="JSON lines of who came, was refused, ran what; standard error by default"
    )
    parser.add_argument("--revoked", type=Path, metavar="FILE", help="of `tilewright farm revoke`; read again whenever it changes")
    parser.add_argument(
        "--silence", type=parse_secs, default=15.0, metavar="SECONDS", help="without a sign of life, who is gone; 15 by default"
    )
    parser.add_argument("--patience", type=parse_secs, default=60.0, metavar="SECONDS", help="that jobs wait for any device; 60 by default")
    parser.add_argument("--max-file", type=parse_size, default=256 << 20, metavar="SIZE", help="largest file of a job; 256M by default")
    parser.add_argument("--store-size", type=parse_size, default=2 << 30, metavar="SIZE", help="all files of jobs, on disk; 2G by default")
    parser.add_argument("--store", type=Path, metavar="DIR", help="for the files of jobs, emptied at the start; a temporary one by default")
    return parser


def parse_port(text: str) -> int:
    """Refused here, since a number that is too large would become another port."""
    if not text.isdecimal() or int(text) >= 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to {(1 << 16) - 1}")
    return int(text)


def parse_secs(text: str) -> float:
    """More than none, and not for ever."""
    try:
        secs = float(text)
    except ValueError:
        secs = 0.0
    if not 0.0 < secs < inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return secs


def main(arguments: list[str] | None = None) -> int:
    given = make_parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tilewright-tracker-") as folder:
        try:
            options = TrackerOptions(
                store=(given.store or Path(folder)) / "files",
                address=Address(given.host, given.port),
                bundle=read_bundle(given.tls),
                insecure=given.insecure,
                audit=given.audit,
                revoked=given.revoked,
                silence_secs=given.silence,
                patience_secs=given.patience,
                max_blob_bytes=given.max_file,
                store_bytes=given.store_size,
            )
            asyncio.run(run_until_stopped(serve(options)))
        except FleetError as error:
            sys.stderr.write(f"tilewright tracker: {error}\n")
            return 2
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
