"""`kiosk people share` and `unshare`: the consent for the site's other terminals."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, with_config, with_json
from kiosk.settings import load
from kiosk.stores import open_stores
from store.register import Agreement


@click.command("share")
@click.argument("number")
@click.option("--consent", required=True, help='How consent was given, as "signed form 18".')
@click.option("--witness", help="Number of the person who witnessed the consent.")
@with_config
@with_json
def share_command(
    number: str, consent: str, witness: str | None, config: Path, as_json: bool
) -> None:
    """The person consents that the site's other terminals get the templates (docs/sharing.md)."""
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now()
    with open_stores(settings) as stores:
        notice = stores.notices.site
        agreement = Agreement(notice.version, notice.digest, consent, witness)
        stores.sharing.agree(number, agreement, now)
    if as_json:
        print_json({"number": number, "done": "shared", "text": notice.version})
        return
    off = "" if settings.templates.share else "; [templates] share is off here, nothing is given"
    click.echo(f"{number} consented to sharing{off}")


@click.command("unshare")
@click.argument("number")
@with_config
@with_json
def unshare_command(number: str, config: Path, as_json: bool) -> None:
    """The person takes that back: the templates stay only where they were enrolled."""
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now()
    with open_stores(settings) as stores:
        deleted = stores.sharing.end(number, now)
    if as_json:
        print_json({"number": number, "done": "unshared", "templates_deleted": deleted})
    else:
        click.echo(f"{number} is shared no more, {deleted} templates deleted here")
