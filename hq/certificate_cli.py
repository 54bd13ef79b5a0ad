"""The commands `kiosk-hq certificates`: argument parsing and output, nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from hq.certificates import certificate_lines, install, issue, waiting_request
from hq.command_line import CONFIG, JSON, opened, read_pem, reports_errors, show, span
from hq.decommission_cli import certificates_crl
from hq.keys import load_key
from hq.settings import load
from sync.contract.topics import Address

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("certificates")
def certificates_group() -> None:
    """Terminals' new TLS certificates, after `commands send … rotate_certificate`."""


@certificates_group.command("list")
@JSON
@CONFIG
@reports_errors
def certificates_list(as_json: bool, config: Path) -> None:
    """Show each terminal's newest request for a certificate and what came of it."""
    show(certificate_lines(opened(load(config), config)), as_json, _text)


@certificates_group.command("request")
@click.argument("target", metavar="SITE/TERMINAL")
@CONFIG
@reports_errors
def certificates_request(target: str, config: Path) -> None:
    """Print the waiting request (PKCS#10, PEM) for a CA elsewhere."""
    click.echo(waiting_request(opened(load(config), config), _address(target)), nl=False)


@certificates_group.command("sign")
@click.argument("target", metavar="SITE/TERMINAL")
@click.option("--ca", type=_FILE, help="The CA's certificate, PEM.")
@click.option("--ca-key", type=_FILE, help="Its private key, PEM; read here, kept nowhere.")
@click.option("--valid-for", default="365d", show_default=True, help="As 90d.")
@click.option("--certificate", type=_FILE, help="Signed elsewhere, PEM, in place of the CA's key.")
@click.option("--expires", default="7d", show_default=True, help="The command's expiry, as 7d.")
@CONFIG
@reports_errors
def certificates_sign(
    target: str,
    ca: Path | None,
    ca_key: Path | None,
    valid_for: str,
    certificate: Path | None,
    expires: str,
    config: Path,
) -> None:
    """Sign the waiting request, or take a --certificate, and send it to the terminal."""
    settings, address, now = load(config), _address(target), datetime.now(UTC)
    database, key = opened(settings, config), load_key(settings.hq.signing_key)
    if certificate is not None and ca is None and ca_key is None:
        pem = read_pem(certificate)
    elif certificate is None and ca is not None and ca_key is not None:
        pem = issue(waiting_request(database, address), ca, ca_key, span(valid_for), now)
    else:
        raise click.UsageError("either --ca and --ca-key, or --certificate")
    queued = install(database, key, address, pem, now, now + span(expires))
    click.echo(f"{address}  {queued.number}  install_certificate")


certificates_group.add_command(certificates_crl)


def _address(target: str) -> Address:
    site, _, terminal = target.partition("/")
    return Address(site, terminal)


def _text(line: dict[str, Any]) -> str:
    until = f"until {line['not_after']}" if line["not_after"] else ""
    return (
        f"{line['requested']}  {line['site']}/{line['terminal']}  {line['state']}  {until}"
        f"  {line['detail'] or ''}"
    ).rstrip()
