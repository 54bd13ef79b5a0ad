"""`kiosk keys`: the terminal's own keys."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.options import with_config
from kiosk.settings import load
from store.keys import create_keys


@click.group()
def keys() -> None:
    """This terminal's keys."""


@keys.command("create")
@with_config
def create(config: Path) -> None:
    """Make whichever of this terminal's keys are missing; those there are never overwritten."""
    directory = load(config).store.keys
    create_keys(directory)
    click.echo(f"keys made in {directory}; give {directory / 'signing.pub'} to headquarters")
