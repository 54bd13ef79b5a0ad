"""A release's trial: copies of real databases are brought up to date, and the real ones are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.settings import Settings
from kiosk.stores import open_stores
from kiosk.update import trial
from kiosk.update.errors import PreparationError
from kiosk.update.manifest import RELEASE_FILE
from store import schema
from store.errors import DamagedDatabaseError, StoreError
from store.keys import load_database_key
from store.opening import open_keyed
from tests.kiosk.made import consenting, terminal
from tests.update.world import manifest
from tests.update.world import schema as said_schema

LATER = ("CREATE TABLE later (a ANY) STRICT",)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A terminal with somebody on it."""
    made = terminal(tmp_path)
    with open_stores(made) as stores:
        consenting(stores, "1")
    return made


def environment(folder: Path, program: str = "exit 0", **changes: object) -> Path:
    """What the new release looks like to its trial."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("kiosk", "kiosk-sync"):
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{program}\n")
        (folder / "bin" / name).chmod(0o755)
    (folder / RELEASE_FILE).write_text(manifest("1.1", folder, **changes)[0].model_dump_json())
    return folder


def version_of(settings: Settings, folder: Path) -> int | None:
    database, _ = open_keyed(folder / "ledger.db", settings.store.keys, "ledger", create=False)
    try:
        return database.one("PRAGMA user_version", (), int)
    finally:
        database.close()


def test_copies_are_brought_up_to_date_and_the_real_ones_are_not(
    settings: Settings, tmp_path: Path
) -> None:
    trial.copy(settings)
    now = schema.LEDGER.version
    later = replace(schema.LEDGER, steps=(*schema.LEDGER.steps, LATER), compatible_with=now)
    said = said_schema(later.version, later.oldest)
    with pytest.MonkeyPatch.context() as new_program:
        new_program.setattr(schema, "LEDGER", later)
        new_program.setattr(trial, "LEDGER", later)
        trial.attempt(settings, environment(tmp_path / "1.1", ledger=said))
    copies = settings.store.directory / trial.FOLDER
    assert version_of(settings, copies) == later.stamp
    assert version_of(settings, settings.store.directory) == now
    with load_database_key(settings.store.keys, "gallery"):
        assert b"SQLite" not in (copies / "gallery.db").read_bytes()[:16]
    trial.drop(settings)
    assert not copies.exists()


def test_a_manifest_that_is_wrong_on_the_schema_fails(settings: Settings, tmp_path: Path) -> None:
    trial.copy(settings)
    with pytest.raises(PreparationError, match="wrong on the schema of ledger"):
        trial.attempt(settings, environment(tmp_path / "1.1", ledger=said_schema(99, 1)))


def test_a_program_that_does_not_start_fails(settings: Settings, tmp_path: Path) -> None:
    trial.copy(settings)
    broken = environment(tmp_path / "1.1", "echo 'No module named numpy' >&2; exit 1")
    with pytest.raises(PreparationError, match="kiosk does not start: No module named numpy"):
        trial.attempt(settings, broken)


def test_a_copy_that_does_not_hold_fails(settings: Settings, tmp_path: Path) -> None:
    trial.copy(settings)
    ledger = settings.store.directory / trial.FOLDER / "ledger.db"
    content = bytearray(ledger.read_bytes())
    content[5000] ^= 1
    ledger.write_bytes(content)
    with pytest.raises(StoreError) as failed:
        trial.attempt(settings, environment(tmp_path / "1.1"))
    assert isinstance(failed.value, DamagedDatabaseError)
