"""`kiosk punches` and `kiosk ledger`: what this terminal has written, and what HQ has."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.options import print_json, print_table, with_config, with_json
from kiosk.settings import Settings, load
from kiosk.stores import Stores, open_stores
from store.documents import open_document
from store.ledger import Record
from store.records import utc_text

_PAGE = 1000


@click.command()
@with_config
@with_json
def punches(config: Path, as_json: bool) -> None:
    """Every punch on this terminal, and whether headquarters has confirmed it."""
    settings = load(config)
    with open_stores(settings) as stores:
        confirmed = confirmed_seq(stores, settings)
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
    with open_stores(settings) as stores:
        head = stores.ledger.verify(stores.signer.public_key())
    if as_json:
        print_json({"records": head.seq, "hash": head.hash.hex()})
    else:
        click.echo(f"{head.seq} records verified, head {head.hash.hex()}")


def confirmed_seq(stores: Stores, settings: Settings) -> int:
    """The highest `seq` that HQ's signed receipt covers; 0 before the first.

    Raises `store.errors.DocumentError` when the kept receipt is not HQ's.
    """
    document = stores.delivery.receipt()
    if document is None:
        return 0
    body = open_document(stores.hq_key, "receipt", document)
    if (body["site"], body["terminal"]) != (settings.terminal.site, settings.terminal.name):
        return 0
    return int(str(body["seq"]))


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
