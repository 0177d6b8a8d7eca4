"""The `tilewright` command. Every command is a file in `tilewright/commands`; errors end in one line and exit code 2."""

import sys
from collections.abc import Sequence

import click

from tilewright import TilewrightError, __version__
from tilewright.commands.bench import bench
from tilewright.commands.compile import compile_command
from tilewright.commands.explain import explain
from tilewright.commands.records import records
from tilewright.commands.run import run
from tilewright.commands.tune import tune


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tilewright")
def commands() -> None:
    """Tilewright compiles models with kernels that are found by search on the device itself."""


for command in (tune, compile_command, run, bench, explain, records):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: bad input gives one line on standard error and exit code 2; Ctrl-C gives 130."""
    try:
        commands.main(args=list(arguments) if arguments is not None else None, prog_name="tilewright", standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        click.echo(f"tilewright: {error.format_message()}", err=True)
        sys.exit(2)
    except TilewrightError as error:
        click.echo(f"tilewright: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
