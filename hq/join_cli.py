"""The commands `kiosk-hq site`, `tokens` and `join`: argument parsing and output, nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from hq.command_line import CONFIG, JSON, opened, reports_errors, show, span
from hq.database import Database
from hq.errors import HqError, JoinRefusedError
from hq.join_certificate import join_certificate as make_join_certificate
from hq.join_tokens import create_tokens, token_lines, waiting_requests
from hq.joining import Authority, admit
from hq.keys import load_key
from hq.settings import load
from store.errors import SiteFileError, StoreError
from store.files import place
from store.joining import digest, open_request
from store.records import utc_text
from store.self_signed import fingerprint
from store.site_file import seal_site
from sync.contract.topics import Address

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
REQUEST, ANSWER = ".join", ".admission"  # how the files on a stick end, `kiosk join` likewise


@click.group("site")
def site_group() -> None:
    """What all terminals of a site have in common, as one signed file."""


@site_group.command("export")
@click.argument("site")
@click.option("--zone", required=True, help="The site's time zone, as Europe/Berlin.")
@click.option(
    "--settings", "files", type=_FILE, multiple=True, help="TOML with tables for every terminal."
)
@click.option("--broker", help="HOST:PORT as terminals know it; else [mqtt] host and port.")
@click.option("--join-certificate", is_flag=True, help="Let machines ask over the broker.")
@click.option("--ca", type=_FILE, help="With it: the CA's certificate, PEM.")
@click.option("--ca-key", type=_FILE, help="With it: the CA's private key; kept nowhere.")
@click.option("--valid-for", default="90d", show_default=True, help="Of the join certificate.")
@CONFIG
@reports_errors
def site_export(
    site: str,
    zone: str,
    files: tuple[Path, ...],
    broker: str | None,
    join_certificate: bool,
    ca: Path | None,
    ca_key: Path | None,
    valid_for: str,
    config: Path,
) -> None:
    """Write SITE's file to stdout, signed, and the key's fingerprint to stderr."""
    settings = load(config)
    key = load_key(settings.hq.signing_key)
    host, port = settings.mqtt.host, settings.mqtt.port
    if broker is not None:
        host, _, digits = broker.rpartition(":")
        if not host or not digits.isdecimal():
            raise click.BadParameter("HOST:PORT, as broker.example.org:8883", param_hint="broker")
        port = int(digits)
    text = "\n".join(_text(path) for path in files)
    now, joining = datetime.now(UTC), None
    if join_certificate:
        if ca is None or ca_key is None:
            raise click.UsageError("--join-certificate needs --ca and --ca-key")
        joining = make_join_certificate(site, ca, ca_key, span(valid_for), now)
    raw = seal_site(key, site, zone, host, port, _text(settings.mqtt.ca), text, now, joining)
    sys.stdout.buffer.write(raw)
    click.echo(f"signed by {fingerprint(key.public_key())}", err=True)


@click.group("tokens")
def tokens_group() -> None:
    """One-time tokens that let new terminals join."""


@tokens_group.command("create")
@click.argument("site")
@click.option("--name", help="Only for the terminal of this name.")
@click.option("--expires", default="24h", show_default=True, help="After 30m, 24h, 7d.")
@click.option("--count", type=click.IntRange(1, 10_000), default=1, show_default=True)
@JSON
@CONFIG
@reports_errors
def tokens_create(
    site: str, name: str | None, expires: str, count: int, as_json: bool, config: Path
) -> None:
    """Print new tokens for SITE, one a line; they cannot be shown again."""
    if name is not None and count != 1:
        raise click.UsageError("--name is for one token")
    Address(site, name or "any")  # raises for a name that no terminal can have
    settings, now = load(config), datetime.now(UTC)
    key, database = load_key(settings.hq.signing_key), opened(settings, config)
    made = create_tokens(database, key, site, name, count, now, now + span(expires))
    show([{"token": token} for token in made], as_json, lambda line: str(line["token"]))


@tokens_group.command("list")
@JSON
@CONFIG
@reports_errors
def tokens_list(as_json: bool, config: Path) -> None:
    """Show every token's beginning of its id, and whether it is open."""
    show(token_lines(opened(load(config), config), datetime.now(UTC)), as_json, _token_text)


@click.group("join")
def join_group() -> None:
    """Letting terminals in that ask with a token (docs/fleet.md)."""


@join_group.command("sign")
@click.argument("folder", type=_FOLDER, required=False)
@click.option("--ca", type=_FILE, required=True, help="The CA's certificate, PEM.")
@click.option("--ca-key", type=_FILE, required=True, help="Its private key; kept nowhere.")
@click.option("--valid-for", default="365d", show_default=True, help="As 90d.")
@CONFIG
@reports_errors
def join_sign(folder: Path | None, ca: Path, ca_key: Path, valid_for: str, config: Path) -> None:
    """Answer every request in FOLDER, a technician's stick, with an .admission beside it.

    Without FOLDER, every request that came over the broker and waits; the machines get the answer
    as they ask again. One that is refused is said on stderr and hinders no other; the command then
    ends with 1.
    """
    settings, now = load(config), datetime.now(UTC)
    key, database = load_key(settings.hq.signing_key), opened(settings, config)
    authority = Authority(ca, ca_key, span(valid_for))
    refused = False
    for name, raw, answer_file in _asked(database, folder, now):
        try:
            address, answer = admit(database, key, authority, raw(), now)
            if answer_file is not None:
                place(answer_file, answer, 0o644)
            click.echo(f"{address} joined")
        except (HqError, StoreError, OSError) as error:
            refused = True
            click.echo(f"kiosk-hq: {name}: {error}", err=True)
    if refused:
        sys.exit(1)


@join_group.command("list")
@JSON
@CONFIG
@reports_errors
def join_list(as_json: bool, config: Path) -> None:
    """Show the requests that came over the broker and wait for `join sign`."""
    lines = [
        {"site": one.site, "terminal": one.terminal, "token": one.token[:8], "asked": utc_text(at)}
        for raw, at in waiting_requests(opened(load(config), config), datetime.now(UTC))
        for one in (open_request(raw).request,)
    ]
    show(lines, as_json, lambda n: f"{n['asked']}  {n['site']}/{n['terminal']}  {n['token']}")


def _asked(
    database: Database, folder: Path | None, now: datetime
) -> list[tuple[str, Callable[[], bytes], Path | None]]:
    """What to call each request, how to read it, and where its answer goes."""
    if folder is None:
        waiting = [raw for raw, _ in waiting_requests(database, now)]
        return [(digest(raw)[:8], partial(bytes, raw), None) for raw in waiting]
    paths = sorted(folder.glob(f"*{REQUEST}"))
    if not paths:
        raise JoinRefusedError(f"{folder}: no request (*{REQUEST}) is here")
    return [(path.name, path.read_bytes, path.with_suffix(ANSWER)) for path in paths]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SiteFileError(f"{path}: {error.strerror}") from error
    except ValueError:
        raise SiteFileError(f"{path}: not a text in UTF-8") from None


def _token_text(line: dict[str, Any]) -> str:
    return (
        f"{line['made']}  {line['site']}/{line['terminal'] or '*'}  {line['id']}  {line['state']}"
        f"  until {line['expires']}"
    )
