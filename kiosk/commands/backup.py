"""`kiosk backup`: making, checking and bringing back encrypted copies (docs/backup.md)."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.backup import bring_back, make_backup, open_whole, section_of
from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, print_table, with_config, with_json
from kiosk.settings import load
from kiosk.stores import open_stores
from store.age_file import Identities
from store.archive import Manifest
from store.backup_files import checksum_path, made_here
from store.reading_backup import look_at
from store.records import utc_text

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group()
def backup() -> None:
    """Encrypted copies of everything that makes this terminal."""


@backup.command("create")
@with_config
@with_json
def create(config: Path, as_json: bool) -> None:
    """Copy ledger, gallery, keys and settings into one file that only its recipients can open."""
    settings = load(config)
    with open_stores(settings) as stores:
        made = make_backup(stores, settings, config, SystemClock(settings.terminal.zone).now())
    if as_json:
        print_json(
            {
                "file": str(made.path),
                "bytes": made.bytes,
                "sha256": made.digest,
                "head": made.manifest.head_seq,
                "recipients": list(made.recipients),
                "pruned": list(made.pruned),
            }
        )
        return
    click.echo(
        f"{made.path}: {made.bytes} bytes, up to record {made.manifest.head_seq}, for "
        f"{len(made.recipients)} keys; {len(made.pruned)} older ones deleted"
    )


@backup.command("list")
@with_config
@with_json
def list_backups(config: Path, as_json: bool) -> None:
    """The backups in the settings' directory, oldest first."""
    settings = load(config)
    section = section_of(settings, config)
    stem = f"{settings.terminal.site}.{settings.terminal.name}"
    rows: list[dict[str, object]] = [
        {
            "file": path.name,
            "bytes": path.stat().st_size,
            "checksum": "there" if checksum_path(path).exists() else "missing",
        }
        for path in made_here(section.directory, stem)
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(("file", "bytes", "checksum"), rows)


@backup.command("verify")
@click.argument("file", type=_FILE)
@click.option("--identity", type=_FILE, help="The age secret key: opens it for real.")
@with_json
def verify(file: Path, identity: Path | None, as_json: bool) -> None:
    """Check a backup: all of it with the identity, its outside without."""
    identities = Identities(identity) if identity is not None else None
    outside = look_at(file)
    found: dict[str, object] = {
        "opened": identities is not None,
        "bytes": outside.bytes,
        "sha256": outside.digest,
        "checksum": "holds" if outside.checked else "missing",
        "recipients": outside.recipients,
    }
    if identities is not None:
        inside, sound = open_whole(file, identities)
        found |= _said(inside.manifest) | {"people": sound.people}
    if as_json:
        print_json(found)
    elif identities is None:
        click.echo(
            f"{file}: {outside.bytes} bytes, an age file for {outside.recipients} keys, checksum "
            f"{found['checksum']}\nonly its outside was checked; --identity KEY opens it"
        )
    else:
        click.echo(
            f"{file}: opened; {found['terminal']}, made {found['made']}, {found['head']} records, "
            f"the whole chain and every page hold, {found['people']} people\n"
            f"headquarters had confirmed up to {found['receipt']}; signing key {found['key']}"
        )


@backup.command("restore")
@click.argument("file", type=_FILE)
@click.option("--identity", type=_FILE, required=True, help="The age secret key.")
@with_config
@with_json
def restore(file: Path, identity: Path, config: Path, as_json: bool) -> None:
    """Be this terminal again, on new hardware; overwrites nothing, and a second run goes on."""
    # The zone stands in the settings, which may be in the backup: UTC says the same instant.
    done = bring_back(file, Identities(identity), config, SystemClock("UTC").now())
    said = _said(done.manifest)
    if as_json:
        print_json(said | {"people": done.people, "resumed": done.resumed})
        return
    click.echo(
        f"restored {said['terminal']} as of {said['made']}: {said['head']} records, {done.people} "
        f"people; signing key {said['key']}\n"
        "The ledger is provisional: people can punch at once, and records are sent when "
        "headquarters' receipt\nhas told which numbers were used since the backup.\n"
        "Consents withdrawn since then are not in it: headquarters repeats its commands, and what "
        "was withdrawn\nat the terminal itself (`kiosk people withdraw`, `leave`, `remove`) is to "
        "be done again.\n"
        "Never start the old hardware again: two terminals with one key fork the ledger."
    )


def _said(manifest: Manifest) -> dict[str, object]:
    return {
        "terminal": f"{manifest.site}/{manifest.terminal}",
        "made": utc_text(manifest.made),
        "program": manifest.program,
        "head": manifest.head_seq,
        "hash": manifest.head_hash,
        "receipt": manifest.receipt_seq,
        "key": manifest.signing_key[:16],
    }
