"""A group of commands, some of which are imported when they are asked for, since they need packages of their own."""

from collections.abc import Mapping
from typing import Any, cast

import click

from tilewright.optional_modules import load_optional


class LazyGroup(click.Group):
    """lazy: name of the command -> module that has it under that name; their packages come with the extra `fleet`."""

    def __init__(self, *, lazy: Mapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._lazy])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        return cast(click.Command, getattr(load_optional(self._lazy[cmd_name], "fleet"), cmd_name))
