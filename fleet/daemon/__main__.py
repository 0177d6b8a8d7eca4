"""`tilewright-device`, the command line of the daemon. In: options. Next: `supervisor.py`."""

import argparse
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from fleet.address import Address, check_exposure
from fleet.daemon.options import DaemonOptions
from fleet.daemon.sandbox import KINDS
from fleet.daemon.supervisor import Supervisor
from fleet.errors import FleetError
from fleet.program_options import add_tracker_options
from fleet.sizes import parse_size
from fleet.tls import Role


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tilewright device", description="Measure candidates on this machine for a tracker's clients.")
    add_tracker_options(parser, Role.DEVICE)
    parser.add_argument("--key", required=True, help="what tuning scripts ask for, such as pi3b; boards of a kind share it")
    parser.add_argument("--target", default="", help="what clients compile for when they do not say, such as pi3b")
    parser.add_argument("--sandbox", choices=KINDS, default="auto", help="auto: bwrap where it works")
    parser.add_argument(
        "--memory", type=parse_size, default=0, metavar="SIZE", help="for a candidate's buffers, such as 400M; no limit by default"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="for the files of jobs; emptied at the start")
    parser.add_argument("--cache-size", type=parse_size, default=1 << 30, metavar="SIZE", help="1G by default")
    parser.add_argument("--max-file", type=parse_size, default=256 << 20, metavar="SIZE", help="largest file of a job; 256M by default")
    parser.add_argument("--power-cycle-cmd", default="", metavar="CMD", help="run by the shell when a candidate cannot be ended")
    parser.add_argument("--run-with", default="", metavar="WORDS", help="what runs the candidates, such as 'taskset -c 3' or an emulator")
    parser.add_argument("--audit", type=Path, metavar="FILE", help="what was refused; standard error by default")
    return parser


def read_options(arguments: list[str]) -> DaemonOptions:
    """Raises `FleetError`."""
    given = make_parser().parse_args(arguments)
    options = DaemonOptions(
        tracker=Address.parse(given.tracker),
        key=given.key,
        name=given.name[:60],
        cache=(given.cache or default_cache(given.key)).absolute(),
        bundle=given.tls,
        insecure=given.insecure,
        target=given.target,
        sandbox=given.sandbox,
        memory_bytes=given.memory,
        cache_bytes=given.cache_size,
        max_blob_bytes=given.max_file,
        power_cycle_command=given.power_cycle_cmd,
        run_with=find_launcher(given.run_with),
        audit=given.audit,
    )
    check_exposure(options.tracker.host, options.read_bundle(), options.insecure)
    return options


def find_launcher(text: str) -> tuple[str, ...]:
    """The words of --run-with, the program by its path; raises `FleetError`."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise FleetError(f"--run-with {text!r}: {error}") from error
    program = shutil.which(words[0]) if words else None
    if words and program is None:
        raise FleetError(f"--run-with names {words[0]!r}, which is not a program on PATH")
    return (os.path.abspath(program), *words[1:]) if program else ()


def default_cache(key: str) -> Path:
    """Of its own for each key. Daemons that share a machine and a key need a `--cache` each: a daemon empties its folder at the start."""
    base = Path("/var/cache") if os.getuid() == 0 else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "tilewright-device" / re.sub(r"[^A-Za-z0-9._-]", "_", key)


def main(arguments: list[str] | None = None) -> int:
    try:
        options = read_options(sys.argv[1:] if arguments is None else arguments)
    except FleetError as error:
        sys.stderr.write(f"tilewright device: {error}\n")
        return 2
    return Supervisor(options).run()


if __name__ == "__main__":
    sys.exit(main())
