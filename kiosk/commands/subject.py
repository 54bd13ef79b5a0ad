"""`kiosk subject`: a person's right to a copy of what is held, and to have it erased."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, print_table, with_config, with_json
from kiosk.erasing import erase
from kiosk.errors import NotErasedError
from kiosk.overrides import load
from kiosk.stores import open_stores
from kiosk.subject import export


@click.group()
def subject() -> None:
    """What this terminal holds on a person: a copy of it, and its erasure (docs/privacy.md)."""


@subject.command("export")
@click.argument("number")
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder; it is made if need be.",
)
@with_config
@with_json
def export_command(number: str, folder: Path, config: Path, as_json: bool) -> None:
    """Write everything held on the person with this NUMBER as subject.json and subject.pdf."""
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now()
    with open_stores(settings) as stores:
        done = export(stores, settings, number, folder, now)
    if as_json:
        print_json({"files": [str(file) for file in done.files], "records": done.records})
    else:
        click.echo(f"{' and '.join(map(str, done.files))}: {done.records} records; keep them safe")


@subject.command("erase")
@click.argument("number")
@with_config
@with_json
def erase_command(number: str, config: Path, as_json: bool) -> None:
    """Erase the person with this NUMBER, and read every table again to show that it is so."""
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now()
    with open_stores(settings) as stores:
        done = erase(stores, settings, number, now)
    if as_json:
        print_json({**asdict(done), "whole": done.whole})
    else:
        gone = ", ".join(f"{n} in {table}" for table, n in done.deleted.items())
        click.echo(f"deleted: {gone or 'nothing was left to delete'}")
        click.echo(f"read again: {', '.join(done.checked)}: {_verdict(done.left)}")
        if done.stays:
            print_table(("what", "count", "why"), [asdict(one) for one in done.stays])
    if not done.whole:
        raise NotErasedError(
            f"not everything is erased ({', '.join(done.left)}): another process may hold the "
            "gallery, or the ledger cannot be written; give the same command again"
        )


def _verdict(left: dict[str, int]) -> str:
    return "left " + ", ".join(f"{n} in {t}" for t, n in left.items()) if left else "nothing left"
