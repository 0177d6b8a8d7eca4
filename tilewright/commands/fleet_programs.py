"""`tilewright tracker`, `device` and `builder`: programs of their own, which take the place of this process, since they are smaller."""

import os
import sys

import click

from tilewright.optional_modules import load_optional

PASSED_ON = {"ignore_unknown_options": True, "help_option_names": []}


@click.command(context_settings=PASSED_ON, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def tracker(arguments: tuple[str, ...]) -> None:
    """Bring devices and clients together."""
    _become("fleet.tracker", arguments)


@click.command(context_settings=PASSED_ON, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def device(arguments: tuple[str, ...]) -> None:
    """Measure on this machine for a tracker's clients."""
    _become("fleet.daemon", arguments)


@click.command(context_settings=PASSED_ON, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def builder(arguments: tuple[str, ...]) -> None:
    """Build on this machine for a tracker's clients."""
    _become("measure.remote_builds", arguments)


def _become(module: str, arguments: tuple[str, ...]) -> None:
    load_optional("distributed", "fleet")
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    os.execve(sys.executable, [sys.executable, "-P", "-m", module, *arguments], {**os.environ, "PYTHONPATH": path})
