"""The trial of a release: it brings copies of the databases up to date before it has the real ones.

Run as the user kiosk by kiosk-update-trial.service, in two programs, since opening a database is
what brings it up to date: `copy` by the present one, which leaves the real files as they are,
`attempt` by the new one. `drop` takes the copies away, whatever came of it: they hold templates.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import click

from kiosk.commands.options import with_config
from kiosk.errors import KioskError
from kiosk.settings import Settings, load
from kiosk.update.errors import PreparationError
from kiosk.update.manifest import installed
from store.errors import StoreError
from store.files import disk_error
from store.hardening import harden
from store.keys import NAMES, keys_directory, load_database_key, load_signing_key
from store.opened import open_copies
from store.opening import open_keyed
from store.schema import GALLERY, LEDGER
from store.snapshot import Source, copy_pair

FOLDER = ".update-trial"  # beside the databases, so that they are as well protected there
_START_S = 300.0  # importing everything takes 2 s on x86-64; a Pi with a slow card has room


def copy(settings: Settings) -> None:
    """Copy ledger and gallery of one instant; raises `StoreError`."""
    keys, home = keys_directory(settings.store.keys), settings.store.directory
    folder = drop(settings)
    with disk_error(folder):
        folder.mkdir(mode=0o700)
    with ExitStack() as stack:
        sources = []
        for name in NAMES:
            path = home / f"{name}.db"
            pair = [open_keyed(path, keys, name, create=False)[0] for _ in range(2)]
            for database in pair:
                stack.callback(database.close)
            key = stack.enter_context(load_database_key(keys, name))
            sources.append(Source(pair[0], pair[1], folder / path.name, bytes(key.view)))
        copy_pair(sources[0], sources[1])


def attempt(settings: Settings, environment: Path) -> None:
    """Bring the copies up to date, check all of them, and see that every program starts.

    Raises `PreparationError` where the release is not what its manifest says, `StoreError`.
    """
    manifest, keys = installed(environment), keys_directory(settings.store.keys)
    for schema, said in ((LEDGER, manifest.ledger), (GALLERY, manifest.gallery)):
        if (schema.version, schema.oldest) != (said.version, said.oldest):
            raise PreparationError(
                f"the release's manifest is wrong on the schema of {schema.name}"
            )
    for program in ("kiosk", "kiosk-sync"):
        command = [str(environment / "bin" / program), "--help"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_START_S
        )
        if done.returncode != 0:
            said_last = (done.stderr.strip().splitlines() or ["it ended"])[-1]
            raise PreparationError(f"the release's {program} does not start: {said_last}")
    raw: dict[str, bytes] = {}
    for name in NAMES:
        with load_database_key(keys, name) as key:
            raw[name] = bytes(key.view)
    public_key = load_signing_key(keys).public_key()
    open_copies(settings.store.directory / FOLDER, raw, settings.terminal, public_key)


def drop(settings: Settings) -> Path:
    """Delete the copies; returns where they are put. Raises `StorageError`."""
    folder = settings.store.directory / FOLDER
    with disk_error(folder):
        if folder.exists():
            shutil.rmtree(folder)
    return folder


@click.group()
def steps() -> None:
    """The steps of kiosk-update-trial.service: `python -I -m kiosk.update.trial STEP`."""


@steps.command("copy")
@with_config
def copy_step(config: Path) -> None:
    """Copy the databases."""
    copy(load(config))


@steps.command("attempt")
@with_config
def attempt_step(config: Path) -> None:
    """Bring the copies up to date with this program."""
    attempt(load(config), Path(sys.prefix))


@steps.command("drop")
@with_config
def drop_step(config: Path) -> None:
    """Delete the copies."""
    drop(load(config))


if __name__ == "__main__":
    harden()
    try:
        steps.main()
    except (KioskError, StoreError) as failure:
        sys.exit(f"kiosk-update: {failure}")
