"""Backup files in a directory: their names, checksums, and writing so that a crash leaves no half.

`SITE.TERMINAL.20260302T020000Z.age` with the UTC instant it was made, and beside it the same name
with `.sha256`, a line as `sha256sum -c` reads it. The checksum finds a bad stick; it proves nothing
against somebody who writes there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.errors import DamagedArchiveError, DatabaseBusyError
from store.files import disk_error

_READ = 1024 * 1024
_NAME = "[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z.age"


def made_here(directory: Path, stem: str) -> list[Path]:
    """The backups of `SITE.TERMINAL`, oldest first. Raises `StorageError`."""
    with disk_error(directory):
        return sorted(directory.glob(f"{stem}.{_NAME}"))


def checksum_path(path: Path) -> Path:
    """Where a backup's checksum stands."""
    return path.with_name(path.name + ".sha256")


def checksum_line(name: str, digest: str) -> bytes:
    """The checksum file's content."""
    return f"{digest}  {name}\n".encode()


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hex. Raises `StorageError`."""
    with disk_error(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(path: Path, digest: str) -> bool:
    """Whether the checksum beside a backup is its digest; False where there is no checksum.

    Raises `DamagedArchiveError`, `StorageError`.
    """
    with disk_error(path):
        try:
            said = checksum_path(path).read_text(encoding="utf-8", errors="replace").split()
        except FileNotFoundError:
            return False
    if said[:1] != [digest]:
        raise DamagedArchiveError(f"{path}: it is not what its .sha256 says; take another copy")
    return True


@contextmanager
def only_user_of(folder: Path) -> Iterator[Path]:
    """A directory to stage in, made if need be, locked and empty; emptied again at the end.

    Raises `DatabaseBusyError` when another process has it, `StorageError`.
    """
    with disk_error(folder), locked(folder):
        empty(folder)
        try:
            yield folder
        finally:
            empty(folder)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a directory, which is made if need be. Raises as above.

    The lock is a file beside it: a directory's own is what `store.database` opens databases under.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise DatabaseBusyError(f"{folder}: another process works there; try again") from None
    finally:
        os.close(lock)


def empty(folder: Path) -> None:
    """Delete a directory's files."""
    for left in folder.iterdir():
        left.unlink()
