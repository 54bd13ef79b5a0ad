"""`kiosk records` and `kiosk dispute list`: what counts of a person's punches, and what is open."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, print_table, with_config, with_json
from kiosk.local_days import local_day
from kiosk.overrides import load
from kiosk.own_records import Asked, my_records
from kiosk.stores import Stores, open_stores
from store.counting import Entry, Moment
from store.noted import noted
from store.records import Correction, DeclaredPunch, Dispute, utc_text

_QUESTIONS = (Dispute.kind, DeclaredPunch.kind)


@click.command()
@click.argument("number")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="YYYY-MM-DD of the terminal's zone; today."
)
@with_config
@with_json
def records(number: str, day: datetime | None, config: Path, as_json: bool) -> None:
    """What counts of NUMBER's punches of a day, what was recorded, and what was asked about it."""
    settings = load(config)
    zone, now = ZoneInfo(settings.terminal.zone), SystemClock(settings.terminal.zone).now()
    wanted = local_day(now.utc, zone) if day is None else day.date()
    with open_stores(settings) as stores:
        shown = my_records(stores, settings).day(number, wanted, now)
    rows = [_entry(entry, entry.id not in shown.unsure, zone) for entry in shown.entries]
    asked = [_asked(one) for one in shown.asked]
    if as_json:
        print_json({"day": wanted.isoformat(), "punches": rows, "asked": asked})
        return
    print_table(("counts", "time", "direction", "method", "was", "corrected_by"), rows)
    if asked:
        print_table(("claim", "state", "reason", "answer"), asked)


@click.group()
def dispute() -> None:
    """What employees say is wrong, and punches that they declared."""


@dispute.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what is answered.")
@with_config
@with_json
def dispute_list(everything: bool, config: Path, as_json: bool) -> None:
    """The disputes and declared punches of this terminal that headquarters has not answered."""
    settings = load(config)
    with open_stores(settings) as stores:
        mine = my_records(stores, settings)
        found = [one for person in _who_asked(stores) for one in mine.asked(person)]
    rows = [
        _asked(one)
        for one in sorted(found, key=lambda one: one.id)  # UUIDv7: as they were written
        if everything or one.state == "open"
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(("time", "person", "claim", "day", "reason", "state"), rows)


def _who_asked(stores: Stores) -> list[str]:
    """Everybody who has a dispute or declared punch here."""
    records = [one for kind in _QUESTIONS for one in noted(stores.ledger_db, kind)]
    return sorted({str(one.content().body["person"]) for one in records})


def _entry(entry: Entry, sure: bool, zone: ZoneInfo) -> dict[str, object]:
    was = None if entry.added or entry.was == entry.stands else _moment(entry.was, zone)
    bodies = [one.body for one in entry.corrections if isinstance(one.body, Correction)]
    said = [f"{b.by}, approved by {b.approved_by}: {b.why}" for b in bodies]
    return {
        "id": entry.id,
        "counts": entry.counts is not None,
        "time": _local(entry.stands.utc, zone),
        "sure": sure,
        "direction": entry.stands.direction,
        "method": entry.method or "added",
        "was": was,
        "corrected_by": "; ".join(said) or None,
    }


def _moment(moment: Moment, zone: ZoneInfo) -> str:
    return f"{_local(moment.utc, zone)} {moment.direction or ''}".rstrip()


def _local(utc: datetime, zone: ZoneInfo) -> str:
    return utc.astimezone(zone).isoformat(timespec="seconds")


def _asked(one: Asked) -> dict[str, object]:
    body = one.body
    said: dict[str, object] = dict.fromkeys(("day", "claim", "about", "should_be", "reason"))
    if isinstance(body, Dispute):
        said = {name: getattr(body, name) for name in said}
        said["should_be"] = None if body.should_be is None else utc_text(body.should_be)
    else:
        said["claim"] = f"declared {body.direction or ''}".rstrip()
    return {
        "id": one.id,
        "time": utc_text(one.utc),
        "person": body.person,
        "kind": body.kind,
        **said,
        "state": one.state,
        "answer": None if one.answer is None else one.answer.why,
    }
