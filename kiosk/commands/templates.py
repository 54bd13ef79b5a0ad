"""`kiosk templates`: the protected form of the templates."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.options import print_json, with_config, with_json
from kiosk.protection import reissue
from kiosk.settings import load
from kiosk.stores import open_stores


@click.group()
def templates() -> None:
    """The face templates as a whole."""


@templates.command("reissue")
@with_config
@with_json
def reissue_command(config: Path, as_json: bool) -> None:
    """Bring all templates under a new key, without the photos; the daemon goes on meanwhile.

    A copy of the old templates no longer matches the new ones.
    """
    settings = load(config)
    with open_stores(settings) as stores:
        count = reissue(stores.keys, stores.templates)
    if as_json:
        print_json({"templates": count})
    else:
        click.echo(f"{count} templates re-issued; back up the new {settings.store.keys}")
