"""The command `kiosk-sync`: argument parsing, logging, signals, exit codes. Nothing else.

Exit codes: 0 ended by SIGTERM or SIGINT, 2 wrong use or settings, 3 a key or certificate cannot be
used, 4 the ledger cannot be used, 1 anything else; `doctor` 20 a warning,
21 a failure. Errors are one line on stderr with the mend.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random

import click

from store.errors import DatabaseError, KeyFileError, SettingsError, StoreError
from store.hardening import harden
from store.keys import keys_directory
from store.settings import load_settings
from store.supervisor import Supervisor
from sync.certificate_check import check_certificates
from sync.contract.topics import Address
from sync.daemon import broker_of, run
from sync.doctor import look, today
from sync.errors import CredentialError, SyncError
from sync.join_cli import join_ask
from sync.journal import detail_on_signal, log_to
from sync.settings import Settings
from sync.stopping import Stop

DEFAULT_CONFIG = Path("/etc/kiosk/kiosk.toml")


@click.group()
def main() -> None:
    """Carry a terminal's signed records to headquarters, and commands back."""
    harden()


_with_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="The terminal's TOML file.",
)


@main.command("run")
@_with_config
def run_command(config: Path) -> None:
    """Run until SIGTERM; the log goes to the journal, or as JSON lines to stderr."""
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.request)
    signal.signal(signal.SIGINT, stop.request)
    log_to(None, "sync")
    detail_on_signal("sync")
    try:
        settings = load_settings(config, Settings)
        keys = keys_directory(settings.store.keys)
        run(settings, keys, stop, Random(), program_version(), Supervisor.of())
    except (StoreError, SyncError) as error:
        click.echo(f"kiosk-sync: {error}", err=True)
        sys.exit(exit_code(error))


@main.command("doctor")
@_with_config
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor_command(config: Path, as_json: bool) -> None:
    """Whether headquarters is reached: DNS, TLS, expiry, a receipt. Ends with 0, 20 or 21.

    `kiosk doctor` runs it for its lines on the network; 20 is a warning, 21 a failure.
    """
    try:
        settings = load_settings(config, Settings)
    except StoreError as error:
        click.echo(f"kiosk-sync: {error}", err=True)
        sys.exit(exit_code(error))
    lines = look(settings, today())
    if as_json:
        click.echo(json.dumps([line.document() for line in lines], indent=2))
    else:
        for line in lines:
            mend = f" -> {line.mend}" if line.mend else ""
            click.echo(f"{line.level:11} {line.name:12} {line.says}{mend}")
    levels = {line.level for line in lines}
    sys.exit(21 if "failure" in levels else 0 if levels == {"ok"} else 20)


@main.command("certificate")
@_with_config
@click.option("--days", default=7, show_default=True, help="It has to hold for so long.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def certificate_command(config: Path, days: int, as_json: bool) -> None:
    """Check that certificate, key and CA are usable and hold; exit code 3 when they do not."""
    try:
        settings = load_settings(config, Settings)
        address = Address(settings.terminal.site, settings.terminal.name)
        broker = broker_of(settings, address)
        left = check_certificates(broker, datetime.now(UTC), timedelta(days=days))
    except (StoreError, SyncError) as error:
        click.echo(f"kiosk-sync: {error}", err=True)
        sys.exit(exit_code(error))
    if as_json:
        click.echo(json.dumps(asdict(left)))
    else:
        click.echo(f"certificate: {left.certificate_days} days left, CA: {left.ca_days} days left")


main.add_command(join_ask)


def exit_code(error: StoreError | SyncError) -> int:
    """What the command ends with for an error."""
    for kind, code in (
        (SettingsError, 2),
        ((KeyFileError, CredentialError), 3),
        (DatabaseError, 4),
    ):
        if isinstance(error, kind):
            return code
    return 1


def program_version() -> str:
    """The installed version; `0` from a bare checkout."""
    try:
        return version("kiosk")
    except PackageNotFoundError:
        return "0"
