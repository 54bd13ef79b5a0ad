"""`kiosk decommission`: a technician takes the terminal out of service for good."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, with_config, with_json
from kiosk.confirmed import confirmed_head
from kiosk.departure import depart
from kiosk.errors import NotErasedError
from kiosk.leaving import decide, noted
from kiosk.settings import Settings, load
from kiosk.stores import open_stores
from store.errors import DocumentError


@click.command("decommission")
@click.option("--at-once", is_flag=True, help="Erase now; what headquarters lacks is lost.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_config
@with_json
def decommission_command(config: Path, at_once: bool, yes: bool, as_json: bool) -> None:
    """Write the last record, deliver it, erase everything.

    Then restart kiosk: it serves nobody, and erases once headquarters has the last record. With
    --at-once stop kiosk and kiosk-sync first; it is done when the command ends.
    """
    settings = load(config)
    lacking = _lacking(settings)
    if not yes:
        click.echo(
            f"{settings.terminal.site}/{settings.terminal.name}: headquarters lacks "
            f"{lacking} records",
            err=True,
        )
        click.confirm("Erase this terminal for good?", abort=True, err=True)
    decide(settings, "technician", at_once=at_once)
    left: tuple[str, ...] = ()
    if at_once:
        note = noted(settings)
        if note is None:
            raise NotErasedError("the decision was taken back meanwhile; nothing was erased")
        clock = SystemClock(settings.terminal.zone)
        left = depart(settings, note, clock, threading.Event()) or ()
    if as_json:
        print_json({"erased": at_once, "lost": lacking if at_once else 0, "left": left})
        return
    for line in _text(settings, at_once, lacking, left):
        click.echo(line)


def _lacking(settings: Settings) -> int:
    """Records that headquarters has not confirmed."""
    with open_stores(settings) as stores:
        try:
            head = confirmed_head(stores, settings.terminal)
        except DocumentError:
            head = None
        return stores.ledger.head().seq - (head.seq if head else 0)


def _text(settings: Settings, at_once: bool, lacking: int, left: tuple[str, ...]) -> list[str]:
    name = f"{settings.terminal.site}/{settings.terminal.name}"
    if not at_once:
        return ["noted; restart kiosk: it delivers the last record, then erases everything"]
    return [
        f"erased; {lacking} records that headquarters lacked are lost",
        *(f"not erased, do it by hand: {path}" for path in left),
        f"still to do at headquarters: `kiosk-hq terminals decommission {name} --lost`",
        "still to do here: keys sealed with systemd-creds, backups elsewhere (docs/fleet.md)",
    ]
