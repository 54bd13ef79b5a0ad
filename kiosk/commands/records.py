"""`kiosk punches` and `kiosk ledger`: what this terminal has written, and what HQ has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich import progress as bars
from rich.console import Console

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, print_table, with_config, with_json
from kiosk.confirmed import confirmed_head
from kiosk.overrides import load
from kiosk.stores import Stores, open_stores
from store.files import unoccupied
from store.ledger import Record
from store.records import utc_text
from store.retention import Retention

_PAGE = 1000


@click.command()
@with_config
@with_json
def punches(config: Path, as_json: bool) -> None:
    """Every punch on this terminal, and whether headquarters has confirmed it."""
    settings = load(config)
    with open_stores(settings) as stores:
        head = confirmed_head(stores, settings.terminal)
        confirmed = head.seq if head else 0
        rows = [_row(record, confirmed) for record in _all(stores) if record.kind == "punch"]
    if as_json:
        print_json(rows)
    else:
        print_table(("seq", "time", "person", "method", "score", "confirmed"), rows)


@click.group()
def ledger() -> None:
    """The signed chain of everything that happened here."""


@ledger.command("verify")
@with_config
@with_json
def verify(config: Path, as_json: bool) -> None:
    """Check every record's hash and signature; names the first bad one."""
    settings = load(config)
    console = Console(stderr=True)
    with (
        open_stores(settings) as stores,
        bars.Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("records", total=None)
        head = stores.ledger.verify(
            stores.signer.public_key(),
            lambda done, total: bar.update(task, completed=done, total=total),
            known=confirmed_head(stores, settings.terminal),
        )
    if as_json:
        print_json({"records": head.seq, "hash": head.hash.hex()})
    else:
        click.echo(f"{head.seq} records verified, head {head.hash.hex()}")


@ledger.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_config
def export(file: Path, config: Path) -> None:
    """Write every record as JSON lines, for anybody to verify (docs/ledger-format.md).

    FILE must not be there yet.
    """
    settings = load(config)
    unoccupied(file)
    with open_stores(settings) as stores:
        count = stores.ledger.export(file)
    click.echo(f"{count} records in {file}")


@click.command("retention")
@click.option("--dry-run", is_flag=True, help="Only list what is past its time.")
@with_config
@with_json
def retention(dry_run: bool, config: Path, as_json: bool) -> None:
    """The daily job: delete what is past its time, leaving evidence of each purge."""
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now()
    with open_stores(settings) as stores:
        job = Retention(
            stores.gallery, stores.register, stores.ledger, settings.retention.policies()
        )
        confirmed = confirmed_head(stores, settings.terminal)
        plan = job.plan(confirmed, now) if dry_run else job.carry_out(confirmed, now)
    if as_json:
        print_json({**asdict(plan), "set_aside": [folder.name for folder in plan.set_aside]})
    elif not plan.trusted:
        click.echo("the clock is not synchronised: nothing is deleted by age")
    else:
        verb = "would delete" if dry_run else "deleted"
        click.echo(
            f"{verb}: {plan.punches} punches and {plan.audit} other records "
            f"(up to #{plan.up_to}), {len(plan.consents)} ended consents, "
            f"{len(plan.people)} people who left, templates of {len(plan.leaving)} people, "
            f"{len(plan.set_aside)} files that were set aside"
        )


def _all(stores: Stores) -> list[Record]:
    found: list[Record] = []
    while page := stores.ledger.records(found[-1].seq if found else 0, _PAGE):
        found.extend(page)
    return found


def _row(record: Record, confirmed: int) -> dict[str, object]:
    content = record.content()
    body = content.body
    score = body.get("score_millionths")
    return {
        "seq": record.seq,
        "time": utc_text(content.time.utc),
        "person": body["person"],
        "method": body["method"],
        "score": None if score is None else score / 1e6,
        "latency_ms": body.get("latency_ms"),
        "confirmed": record.seq <= confirmed,
    }
