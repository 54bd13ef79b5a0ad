"""The one place where a command asks whether its caller may: before anything of it is done.

- `guard` puts the question before every command of a group, however deep; help and wrong use need
  no right.
- A machine without any of the groups is nobody's terminal yet, as a workstation or a development
  machine: there whoever owns the store's directory may everything, and so may anybody where there
  is no store. Files that others own are protected by their modes there, not by roles.
- Elsewhere the settings must be root's or those of the user that the command runs as: with settings
  of their own somebody in one role could have the user `kiosk` do more than the role allows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from kiosk.callers import GROUPS, Caller, current_caller
from kiosk.errors import NotAllowedError
from kiosk.later import LazyGroup
from kiosk.roles import COMMANDS, SERVICE_RIGHTS, Right, may
from store.errors import SettingsError


def guard(group: click.Group, before: str = "") -> None:
    """Let every command of the group ask first, also those that are loaded later."""
    for name, command in group.commands.items():
        _guarded(f"{before} {name}".strip(), command)
    if isinstance(group, LazyGroup):
        group.on_load(lambda name, command: _guarded(f"{before} {name}".strip(), command))


def leaves(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its words ("people list"); all are loaded."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        words = f"{before} {name}".strip()
        if isinstance(command, click.Group):
            yield from leaves(command, words)
        elif command is not None:
            yield words, command


def check(words: str, caller: Caller, config: Path | None) -> None:
    """Raise `NotAllowedError` unless the caller may give this command."""
    right = COMMANDS.get(words)
    if caller.uid == 0:
        return
    if not caller.grouped:
        if not _owns_store(caller.uid, config):
            raise NotAllowedError(
                f"`kiosk {words}`: the store belongs to another user, and this machine has no "
                "kiosk groups; nothing was done; run it as that user or as root"
            )
        return
    if right is None or not (
        right in caller.rights or (caller.service and right in SERVICE_RIGHTS)
    ):
        raise NotAllowedError(_refusal(words, right))
    if config is not None and config.exists() and config.stat().st_uid not in (0, caller.uid):
        raise NotAllowedError(
            f"{config} belongs to neither root nor this user; nothing was done; "
            "use the terminal's settings, or have root make these its own"
        )


def _guarded(words: str, command: click.Command) -> None:
    if isinstance(command, click.Group):
        guard(command, words)
    elif command.callback is not None:
        command.callback = _asking(words, command.callback)


def _asking(words: str, inner: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(inner)
    def asked(*args: object, **kwargs: object) -> Any:
        config = kwargs.get("config")
        check(words, current_caller(), config if isinstance(config, Path) else None)
        return inner(*args, **kwargs)

    return asked


def _refusal(words: str, right: Right | None) -> str:
    roles = may(right) if right is not None else ()
    groups = [group for group, role in GROUPS.items() if role in roles]
    if not groups:
        return f"`kiosk {words}` is root's alone; nothing was done; ask who administers the machine"
    return (
        f"`kiosk {words}` is for the groups {', '.join(groups)}; nothing was done; root adds a "
        f"user with `usermod -aG {groups[0]} USER`, who then runs it with `sudo -u kiosk`"
    )


def _owns_store(uid: int, config: Path | None) -> bool:
    """Whether the store is the user's, or there is none (the command itself says so then)."""
    if config is None:
        return True
    from kiosk.settings import load  # noqa: PLC0415 (half a second that `--help` does not pay)

    try:
        directory = load(config).store.directory
    except SettingsError:
        return True
    return not directory.exists() or directory.stat().st_uid == uid
