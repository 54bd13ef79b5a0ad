"""The commands `kiosk-hq terminals decommission` and `certificates crl`: arguments and output."""

from __future__ import annotations

import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import click

from hq.authority import load_authority
from hq.command_line import CONFIG, opened, read_pem, reports_errors, span
from hq.decommissioning import decommission
from hq.errors import CertificateError
from hq.issued import revocation_list
from hq.keys import load_key
from hq.revocation import is_due
from hq.settings import load
from store.files import disk_error, place
from sync.contract.topics import Address

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("decommission")
@click.argument("target", metavar="SITE/TERMINAL")
@click.option("--lost", is_flag=True, help="Give it up: believe nothing of it from now on.")
@click.option(
    "--certificate", "files", type=_FILE, multiple=True, help="One of its that was made elsewhere."
)
@click.option("--expires", default="30d", show_default=True, help="The order's expiry, as 30d.")
@CONFIG
@reports_errors
def terminals_decommission(
    target: str, lost: bool, files: tuple[Path, ...], expires: str, config: Path
) -> None:
    """Take a terminal out of service: its last record, its erasure, its certificates.

    `terminals list` shows it as "leaving" until its last record is here, then as "erased".
    """
    settings, now = load(config), datetime.now(UTC)
    database, key = opened(settings, config), load_key(settings.hq.signing_key)
    site, _, name = target.partition("/")
    revoked = decommission(
        database,
        key,
        Address(site, name),
        now,
        now + span(expires),
        lost=lost,
        certificates=[read_pem(path) for path in files],
    )
    if lost:
        click.echo(
            f"{target} given up; revoked {revoked} certificates: `kiosk-hq certificates crl`"
        )
    else:
        click.echo(f"{target} ordered to leave; `kiosk-hq terminals list` shows when it has")


@click.command("crl")
@click.argument("target", metavar="FILE", type=_FILE)
@click.option("--ca", type=_FILE, required=True, help="The CA's certificate, PEM.")
@click.option("--ca-key", type=_FILE, required=True, help="Its private key; kept nowhere.")
@click.option("--valid-for", default="30d", show_default=True, help="Make the next one before.")
@click.option("--if-due", is_flag=True, help="Only with less than half its life left, or news.")
@click.option("--then", "after", help="A command to run after a new list, as for the broker.")
@CONFIG
@reports_errors
def certificates_crl(
    target: Path,
    ca: Path,
    ca_key: Path,
    valid_for: str,
    if_due: bool,
    after: str | None,
    config: Path,
) -> None:
    """Write the list of revoked certificates to FILE, for mosquitto's `crlfile`."""
    database, now = opened(load(config), config), datetime.now(UTC)
    if if_due and not is_due(database, target, load_authority(ca, ca_key)[0], now):
        click.echo(f"{target}: not due; nothing was written")
        return
    pem, count = revocation_list(database, ca, ca_key, span(valid_for), now)
    with disk_error(target):
        place(target, pem, 0o644)
    if after is None:
        click.echo(f"{count} revoked certificates in {target}; restart the broker")
        return
    click.echo(f"{count} revoked certificates in {target}")
    try:
        code = subprocess.run(shlex.split(after), check=False).returncode
    except (OSError, ValueError) as error:
        raise CertificateError(f"the list is written; `{after}`: {error}; run it by hand") from None
    if code:
        raise CertificateError(f"the list is written; `{after}` ended with {code}; run it by hand")
