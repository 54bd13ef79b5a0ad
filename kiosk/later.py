"""Groups whose commands are imported when they are asked for, and not before.

- A command costs the import of what it needs and of nothing else: `kiosk people list` never loads
  the networks' libraries, nor does any `--help` above the command itself.
- What the group's help says about a command is therefore said here too; a test compares the two.
- Whoever wants to see every command first (`kiosk.guard`) is told of each as it is loaded, before
  anybody can call it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Later:
    """Where a command is, "module:name", and the first sentence of its help."""

    target: str
    summary: str


class LazyGroup(click.Group):
    """A group with some commands that are loaded by need."""

    def __init__(self, *args: Any, later: Mapping[str, Later] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.later = dict(later or {})
        self._told: list[Callable[[str, click.Command], None]] = []

    def on_load(self, tell: Callable[[str, click.Command], None]) -> None:
        """Call `tell` with name and command of each that is loaded from now on."""
        self._told.append(tell)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all, loaded or not."""
        return sorted({*super().list_commands(ctx), *self.later})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded now if it was not yet."""
        if cmd_name not in self.commands and cmd_name in self.later:
            module, _, name = self.later[cmd_name].target.partition(":")
            command: click.Command = getattr(import_module(module), name)
            for tell in self._told:
                tell(cmd_name, command)
            self.add_command(command, cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in the group's help; nothing is loaded for it."""
        shown = dict(self.commands)
        for name, later in self.later.items():
            shown.setdefault(name, click.Command(name, help=later.summary))
        click.Group(self.name, commands=shown).format_commands(ctx, formatter)
