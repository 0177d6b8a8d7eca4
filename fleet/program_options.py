"""Options that the fleet's programs share: where a tracker is, and how it is talked to. Needs the standard library only."""

import argparse
import socket
from pathlib import Path

from fleet.tls import Role, TlsBundle


def add_tls_options(parser: argparse.ArgumentParser, role: Role, without: str) -> None:
    """without: what is done without TLS if --insecure is said."""
    parser.add_argument("--tls", type=Path, metavar="FILE", help=f"bundle made by `tilewright farm issue --role {role.value}`")
    parser.add_argument("--insecure", action="store_true", help=f"{without} without TLS")


def add_tracker_options(parser: argparse.ArgumentParser, role: Role) -> None:
    """For who serves a tracker."""
    parser.add_argument("--tracker", required=True, metavar="HOST:PORT")
    add_tls_options(parser, role, "talk to a tracker on another machine")
    parser.add_argument("--name", default=socket.gethostname(), help="for people; the host's name by default")


def read_bundle(path: Path | None) -> TlsBundle | None:
    """Raises `TlsError`."""
    return None if path is None else TlsBundle.read(path)
