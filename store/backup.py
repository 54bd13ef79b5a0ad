"""Making a backup: one encrypted file with ledger, gallery, keys and settings.

In this order, so that a crash or a full disk anywhere leaves the backups that were there, and
nothing half-written under a backup's name:

1. Copies of both databases, of one instant, in `.backup` beside them, under keys that exist only in
   memory (`store.snapshot`). What an earlier crash left there is deleted first.
2. The copies are opened and checked whole (`store.opened`): the file itself can be opened by the
   operator alone, so this is where it is known to be good.
3. Everything is encrypted into a file aside and fsynced, then read back and compared.
4. The `.sha256` beside it, the record in the ledger, then the name: no copy of people's data
   without its record, though a crash between the two leaves a record without its file.
5. Only now older backups beyond `keep` go. The new one never does, whatever the clock said.

One backup at a time: the lock `.backup.lock` is held throughout.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from store.age_file import check_recipient, encrypt, read_header, read_recipients, recipient_id
from store.archive import MEMBERS, Manifest, describe, pack
from store.backup_files import (
    checksum_line,
    checksum_path,
    file_digest,
    made_here,
    only_user_of,
)
from store.database import KEY_BYTES, Database
from store.documents import open_document
from store.errors import BackupError, DamagedArchiveError, DiskFullError, RecipientError
from store.files import disk_error, place, sync_directory
from store.keys import NAMES, DatabaseName
from store.ledger import Ledger
from store.opened import Sound, open_copies
from store.opening import Access
from store.records import Backup, Instant
from store.settings import Terminal
from store.snapshot import Source, copy_pair

STAGING = ".backup"
# Room that stays for the terminal's own work: some 80,000 punches of 824 bytes (measured).
_RESERVE_BYTES = 64 * 1024 * 1024


class BackupSection(BaseModel):
    """`[backup]`: where backups go, who can open them, and how many of them stay.

    `recipients` are age public keys; `recipients_file` names a file with one a line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Path
    recipients: tuple[str, ...] = ()
    recipients_file: Path | None = None
    keep: int = Field(7, ge=1, le=366)

    @field_validator("recipients")
    @classmethod
    def _are_keys(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_recipient(text) for text in texts)

    @model_validator(mode="after")
    def _somebody_can_open_them(self) -> BackupSection:
        if not self.recipients and self.recipients_file is None:
            raise ValueError("recipients: name at least one age public key, or recipients_file")
        return self

    def everybody(self) -> tuple[str, ...]:
        """All public keys, each once; raises `RecipientError`."""
        file = self.recipients_file
        found = (*self.recipients, *(read_recipients(file) if file is not None else ()))
        if not found:
            raise RecipientError(f"{file}: there is no age public key in it")
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Origin:
    """The terminal that is backed up; the connections belong to this thread.

    `doors` open the databases. `secrets_for(protection)` gives the files of `keys/…` but the
    databases', the templates' key being the one of that id; `texts` the settings and HQ's key.
    """

    terminal: Terminal
    ledger_db: Database
    gallery_db: Database
    doors: Mapping[DatabaseName, Access]
    public_key: Ed25519PublicKey
    hq_key: Ed25519PublicKey
    texts: Mapping[str, bytes]
    secrets_for: Callable[[str | None], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that is in its place; `pruned` are the names of those that went for it."""

    path: Path
    bytes: int
    digest: str
    manifest: Manifest
    recipients: tuple[str, ...]
    pruned: tuple[str, ...]


def create(
    origin: Origin,
    ledger: Ledger,
    directory: Path,
    recipients: tuple[str, ...],
    keep: int,
    at: Instant,
    program: str,
) -> Made:
    """Make a backup in `directory` and its record in `ledger`; returns it once it is verified.

    Raises `BackupError` and what databases, keys and the disk raise; then no backup was lost.
    """
    stem = f"{origin.terminal.site}.{origin.terminal.name}"
    path = directory / f"{stem}.{at.utc:%Y%m%dT%H%M%SZ}.age"
    home = origin.ledger_db.path.parent
    with only_user_of(home / STAGING) as staging, disk_error(directory):
        if not directory.is_dir():
            raise BackupError(f"{directory}: there is no such directory; is the disk mounted?")
        _clear(directory, stem)
        _check_room(origin, staging, directory)
        if path.exists():
            raise BackupError(f"{path}: there is a backup of this second already; try again")
        aside = directory / f".{path.name}.partial"
        try:
            manifest, contents = _stage(origin, staging, at, program)
            size, digest = _write(aside, pack(manifest, contents), recipients)
            _read_back(aside, digest)
            place(checksum_path(path), checksum_line(path.name, digest))
            ids = tuple(recipient_id(one) for one in recipients)
            record = Backup(
                file=path.name,
                digest=digest,
                bytes=size,
                head_seq=manifest.head_seq,
                head_hash=manifest.head_hash,
                recipients=ids,
            )
            ledger.append(record, at)
            aside.rename(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            if not path.exists():
                checksum_path(path).unlink(missing_ok=True)
            raise
        sync_directory(directory)
        pruned = _prune(directory, stem, path, keep)
    return Made(path, size, digest, manifest, ids, pruned)


def _clear(directory: Path, stem: str) -> None:
    """What a crash left of a backup that has no name yet."""
    for left in directory.glob(f".{stem}.*.partial"):
        left.unlink()
    for checksum in directory.glob(f"{stem}.*.age.sha256"):
        if not checksum.with_suffix("").exists():
            checksum.unlink()


def _check_room(origin: Origin, staging: Path, directory: Path) -> None:
    size = 0
    for database in (origin.ledger_db, origin.gallery_db):
        for side in ("", "-wal"):
            file = database.path.with_name(database.path.name + side)
            size += file.stat().st_size if file.exists() else 0
    needed = {staging.stat().st_dev: (staging, size)}
    target = directory.stat().st_dev
    needed[target] = (directory, size + needed.get(target, (directory, 0))[1])
    for folder, wanted in needed.values():
        free = shutil.disk_usage(folder).free
        if free < wanted + _RESERVE_BYTES:
            raise DiskFullError(
                f"{folder}: a backup needs {(wanted + _RESERVE_BYTES) >> 20} MiB free there, "
                f"{free >> 20} are; make room"
            )


def _stage(
    origin: Origin, staging: Path, at: Instant, program: str
) -> tuple[Manifest, dict[str, bytes | Path]]:
    keys: dict[str, bytes] = {name: secrets.token_bytes(KEY_BYTES) for name in NAMES}
    with ExitStack() as stack:
        ledger, gallery = (
            Source(
                live, _second(stack, live, origin.doors[name]), staging / f"{name}.db", keys[name]
            )
            for name, live in zip(NAMES, (origin.ledger_db, origin.gallery_db), strict=True)
        )
        copy_pair(ledger, gallery)
    sound = open_copies(staging, keys, origin.terminal, origin.public_key)
    contents: dict[str, bytes | Path] = {
        **origin.texts,
        **origin.secrets_for(sound.protection),
        **{f"keys/{name}.key": key.hex().encode("ascii") for name, key in keys.items()},
        **{f"{name}.db": staging / f"{name}.db" for name in keys},
    }
    if contents.keys() != set(MEMBERS):
        raise ValueError(f"a backup has {MEMBERS}, not {tuple(contents)}")
    manifest = Manifest(
        program=program,
        site=origin.terminal.site,
        terminal=origin.terminal.name,
        made=at.utc,
        head_seq=sound.head.seq,
        head_hash=sound.head.hash.hex(),
        receipt_seq=_receipt_seq(origin, sound),
        schemas=sound.schemas,
        signing_key=hashlib.sha256(origin.public_key.public_bytes_raw()).hexdigest(),
        members=describe(contents),
    )
    return manifest, contents


def _second(stack: ExitStack, live: Database, door: Access) -> Database:
    reader = door.open(live.path, False)
    stack.callback(reader.close)
    return reader


def _receipt_seq(origin: Origin, sound: Sound) -> int:
    if sound.receipt is None:
        return 0
    return int(str(open_document(origin.hq_key, "receipt", sound.receipt)["seq"]))


def _write(aside: Path, parts: Iterator[bytes], recipients: tuple[str, ...]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:

        def write(data: bytes) -> None:
            nonlocal size
            file.write(data)
            digest.update(data)
            size += len(data)

        encrypt(parts, write, recipients)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _read_back(aside: Path, digest: str) -> None:
    """Read what the disk has, not what the kernel still remembers of it."""
    with aside.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        read_header(file)
    if file_digest(aside) != digest:
        raise DamagedArchiveError(f"{aside}: the disk gives back something else; replace it")


def _prune(directory: Path, stem: str, new: Path, keep: int) -> tuple[str, ...]:
    others = [path for path in made_here(directory, stem) if path != new]
    gone = others[: max(0, len(others) - (keep - 1))]
    for path in gone:
        path.unlink()
        checksum_path(path).unlink(missing_ok=True)
    if gone:
        sync_directory(directory)
    return tuple(path.name for path in gone)
