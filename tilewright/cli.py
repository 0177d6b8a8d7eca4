"""The `tilewright` command. Every command is a file in `tilewright/commands`; errors end in one line and exit code 2."""

import sys
import warnings
from collections.abc import Sequence

import click

from tilewright import TilewrightError, __version__
from tilewright.commands.bench import bench
from tilewright.commands.compile import compile_command
from tilewright.commands.cost_model import cost_model
from tilewright.commands.explain import explain
from tilewright.commands.fleet_programs import builder, device, tracker
from tilewright.commands.lazy_group import LazyGroup
from tilewright.commands.records import records
from tilewright.commands.report import report
from tilewright.commands.run import run
from tilewright.commands.tune import tune

BAD_INPUT_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130


LAZY_COMMANDS = {"farm": "tilewright.commands.farm", "devices": "tilewright.commands.devices"}


@click.group(cls=LazyGroup, lazy=LAZY_COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tilewright")
def commands() -> None:
    """Tilewright compiles models with kernels that are found by search on the device itself."""


for command in (tune, compile_command, run, bench, explain, records, report, cost_model, tracker, device, builder):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: bad input gives one line on standard error and exit code 2; Ctrl-C gives 130."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        sys.exit(_exit_code(arguments))


def _exit_code(arguments: Sequence[str] | None) -> int:
    try:
        code = commands.main(args=None if arguments is None else list(arguments), prog_name="tilewright", standalone_mode=False)
    except click.Abort:
        return INTERRUPTED_EXIT_CODE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return BAD_INPUT_EXIT_CODE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "tilewright"
        click.echo(f"tilewright: {error.format_message()} (see `{where} --help`)", err=True)
        return BAD_INPUT_EXIT_CODE
    except (click.ClickException, TilewrightError) as error:
        click.echo(f"tilewright: {_one_line(error)}", err=True)
        return BAD_INPUT_EXIT_CODE
    return code if isinstance(code, int) else 0


def _one_line(error: Exception) -> str:
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    return " ".join(text.split())


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Stands in for `warnings.showwarning`: people are told the text alone, not where in the code it comes from."""
    click.echo(f"tilewright: note: {message}", err=True)


if __name__ == "__main__":
    main()
