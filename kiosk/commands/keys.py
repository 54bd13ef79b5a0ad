"""`kiosk keys`: the terminal's own keys. docs/keys.md says what each protects."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, with_config, with_json
from kiosk.sealing import seal_keys, sealed_copies, unseal_keys
from kiosk.settings import load
from store.keys import NAMES, create_keys, keys_directory, load_signing_key
from store.rotation import rotate

_FOLDER = click.Path(path_type=Path, file_okay=False)


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


@keys.command("rotate")
@with_config
@click.option("--seal", "sealed", type=_FOLDER, help="Where the sealed keys are; they follow.")
@with_json
def rotate_command(config: Path, sealed: Path | None, as_json: bool) -> None:
    """Give both databases new keys; stop kiosk and kiosk-sync first.

    After a crash or an error every database opens, and the same command goes on.
    """
    settings = load(config)
    directory = keys_directory(settings.store.keys)
    rotate(
        settings.store.directory,
        directory,
        settings.terminal,
        load_signing_key(directory),
        SystemClock(settings.terminal.zone).now,
        sealed_copies(directory, sealed) if sealed is not None else None,
    )
    if as_json:
        print_json({"rotated": NAMES})
    else:
        click.echo(f"new keys for {' and '.join(NAMES)}; back up {sealed or directory}")


@keys.command("seal")
@click.argument("sealed", metavar="DIR", type=_FOLDER)
@with_config
@with_json
def seal_command(sealed: Path, config: Path, as_json: bool) -> None:
    """Seal the keys into DIR with systemd-creds, for systemd/sealed/'s drop-ins."""
    names = seal_keys(load(config).store.keys, sealed)
    if as_json:
        print_json({"sealed": names})
    else:
        click.echo(f"{len(names)} keys sealed in {sealed}")


@keys.command("unseal")
@click.argument("sealed", metavar="DIR", type=_FOLDER)
@with_config
@with_json
def unseal_command(sealed: Path, config: Path, as_json: bool) -> None:
    """Open the keys sealed in DIR into [store] keys, which should be in memory (/run)."""
    directory = load(config).store.keys
    names = unseal_keys(sealed, directory)
    if as_json:
        print_json({"unsealed": names})
    else:
        click.echo(f"{len(names)} keys in {directory}; remove it when done")
