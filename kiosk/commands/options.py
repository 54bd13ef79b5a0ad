"""What every command shares: where the settings are, and how results are printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

_Command = TypeVar("_Command", bound=Callable[..., Any])


def with_config(command: _Command) -> _Command:
    """`--config FILE`: the terminal's settings."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("/etc/kiosk/kiosk.toml"),
        show_default=True,
        help="The terminal's settings (TOML).",
    )(command)


def with_json(command: _Command) -> _Command:
    """`--json`: one JSON value on stdout instead of text."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def with_licence(command: _Command) -> _Command:
    """`--accept-licence WORD`: for packs whose licence limits their use."""
    return click.option(
        "--accept-licence",
        metavar="WORD",
        help="For a non-commercial pack, the word that accepts its licence.",
    )(command)


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Rows as a table; a column shows the row's value of that name, as it is: no markup."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*("" if row[c] is None else str(row[c]) for c in columns))
    Console(markup=False, emoji=False, highlight=False).print(table)
