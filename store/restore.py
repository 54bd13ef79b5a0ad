"""Bringing a terminal back from a backup file, on new hardware or after the databases are lost.

All or nothing, whatever happens in the middle:

1. Everything is unpacked and checked aside, in `.restore` in the directories that it belongs to.
   The ledger is made provisional there, so that no number is used twice: what the terminal wrote
   after the backup is not in it, and headquarters' receipt tells where to go on. A `restore` record
   says so.
2. `.restore/ready` says that all of it is there, and of which backup.
3. Each file is linked to its name, which never replaces one, and the signing key last: a daemon
   that is started in the middle finds no keys and stops.
4. `.restore` goes.

Before 2 nothing but `.restore` has changed and another run begins anew; from 2 on another run with
the same file goes on with 3.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from store.age_file import Identities
from store.archive import Manifest
from store.backup_files import empty, locked
from store.database import Database, open_database
from store.errors import BackupError, OccupiedError
from store.files import disk_error, place, sync_directory
from store.keys import create_keys
from store.ledger import Ledger
from store.reading_backup import Inside, look_at, open_backup, unpack
from store.records import Instant, Restore
from store.settings import Terminal

STAGING = ".restore"
_READY = "ready"
_REASON = "restored"
_FILE_MODE = 0o660  # as `store.database` makes them
_LOGS = ("-wal", "-shm")
_DATA = ("gallery.db", "gallery.mark", "ledger.db")
# `create_keys` adds the public halves of the pairs, and what the backup is too old to have. The
# signing key is last.
_KEYS = (
    "sealing.pub",
    "signing.pub",
    "sealing.key",
    "templates.key",
    "badges.key",
    "gallery.key",
    "ledger.key",
    "signing.key",
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back; `resumed` when an earlier run had unpacked it."""

    manifest: Manifest
    people: int
    resumed: bool


class _Note(BaseModel):
    """The file `ready`."""

    digest: str
    people: int
    manifest: Manifest


def restore(
    path: Path,
    identities: Identities,
    directory: Path,
    keys: Path,
    terminal: Terminal,
    at: Instant,
) -> Restored:
    """Bring back databases and keys; both directories are made if need be.

    Raises `OccupiedError` when something stands there, `BackupError`, and what the disk raises.
    """
    digest = look_at(path).digest
    folders = {directory: 0o770, keys: 0o700}  # one, where both are the same
    with ExitStack() as stack:
        for folder, mode in folders.items():
            stack.enter_context(disk_error(folder))
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            stack.enter_context(locked(folder / STAGING))
        found = _ready(directory / STAGING, digest)
        if found is None:
            try:
                _refuse_occupied(directory, keys)
                _clear(folders)
                inside = unpack(path, identities, directory / STAGING)
                people = _prepare(inside, digest, directory / STAGING, keys / STAGING, terminal, at)
            except BaseException:
                _clear(folders)
                _leave(folders)
                raise
            found = Restored(inside.manifest, people, resumed=False)
            _make_ready(directory / STAGING, digest, found)
        for folder, names in ((directory, _DATA), (keys, _KEYS)):
            for name in names:
                _put(folder / STAGING / name, folder / name)
        (directory / STAGING / _READY).unlink()
        _clear(folders)
        _leave(folders)
    return found


def _clear(folders: Iterable[Path]) -> None:
    for folder in folders:
        empty(folder / STAGING)


def _leave(folders: Iterable[Path]) -> None:
    for folder in folders:
        (folder / STAGING).rmdir()
        (folder / f"{STAGING}.lock").unlink()
        sync_directory(folder)


def _make_ready(staging: Path, digest: str, found: Restored) -> None:
    note = _Note(digest=digest, people=found.people, manifest=found.manifest)
    place(staging / _READY, note.model_dump_json().encode())


def _ready(staging: Path, digest: str) -> Restored | None:
    """What an earlier run has made ready to be placed; None when nothing is."""
    try:
        note = _Note.model_validate_json((staging / _READY).read_bytes())
    except FileNotFoundError:
        return None
    if note.digest != digest:
        raise BackupError(
            f"{staging}: the restore of another file was cut short; run it again with that file, "
            "or delete this folder, the one beside the keys, and what was placed"
        )
    return Restored(note.manifest, note.people, resumed=True)


def _refuse_occupied(directory: Path, keys: Path) -> None:
    names = [directory / name for name in ("ledger.db", "gallery.db")]
    names += [path.with_name(path.name + side) for path in names for side in _LOGS]
    names += [keys / name for name in (*_KEYS, "templates.key.new")]
    there = [str(name) for name in names if name.exists()]
    if there:
        more = f" (and {len(there) - 1} more)" if there[1:] else ""
        raise OccupiedError(
            f"{there[0]}{more}: there already; a restore overwrites nothing: move the old files "
            "away (all of them, and keep them until headquarters has confirmed)"
        )


def _prepare(
    inside: Inside, digest: str, data: Path, keys: Path, terminal: Terminal, at: Instant
) -> int:
    """Check what was unpacked and make it what goes into place; returns how many people."""
    manifest = inside.manifest
    if (manifest.site, manifest.terminal) != (terminal.site, terminal.name):
        raise BackupError(
            f"a backup of {manifest.site}/{manifest.terminal}; the settings are those of "
            f"{terminal.site}/{terminal.name}"
        )
    sound = open_backup(inside, data)
    for name in _KEYS:
        if f"keys/{name}" in inside.small:
            place(keys / name, inside.small[f"keys/{name}"], mode=0o400)
    create_keys(keys)  # reads the pairs, and makes their public halves
    with ExitStack() as stack:
        opened = {name: _open(stack, data, name, key) for name, key in inside.database_keys.items()}
        body = Restore(
            digest=digest,
            made=manifest.made,
            head_seq=manifest.head_seq,
            head_hash=manifest.head_hash,
        )
        ledger = Ledger(opened["ledger"], terminal, inside.signer)
        with opened["ledger"].transaction():
            ledger.await_receipt(_REASON)
            ledger.append(body, at)
        # A mark of the lost gallery would have this one taken for an old copy.
        opened["gallery"].mark_anew()
    for name in _DATA:
        (data / name).chmod(_FILE_MODE)
        _sync(data / name)
    sync_directory(data)
    return sound.people


def _open(stack: ExitStack, folder: Path, name: str, key: bytes) -> Database:
    database = open_database(folder / f"{name}.db", key, create=False)
    stack.callback(database.close)
    return database


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put(staged: Path, path: Path) -> None:
    """Give a staged file its name; one that an earlier run has placed is passed over."""
    if not staged.exists():
        return
    try:
        if path.name.endswith(".mark"):  # the lost gallery's may be there
            staged.replace(path)
        else:
            os.link(staged, path)
    except FileExistsError:
        if not path.samefile(staged):
            raise OccupiedError(
                f"{path}: there already; move it away and run the restore again, which goes on"
            ) from None
    sync_directory(path.parent)
    staged.unlink(missing_ok=True)
