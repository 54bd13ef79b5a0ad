"""Where a database that cannot be gone on with is set aside: `quarantine/` beside it.

- Each one gets a folder of its own (`ledger-1`, `ledger-2`, …) with the file, its log and index.
- The file moves last, so a folder without it is a move that a crash cut short; `finish` completes
  it. Nothing is copied, changed or deleted on the way. Its folder is `pending`, with the reason,
  until a fresh file has taken over (`close`).
- What is set aside stays encrypted. Galleries in it hold templates, so they go when somebody's
  templates are deleted (`forget_galleries`), the rest with the retention job (`expired`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from store.errors import StorageError

FOLDER = "quarantine"
_REASON = "reason"
_SIDES = ("-wal", "-shm")  # moved before the file itself


def set_aside(path: Path, reason: str) -> Path:
    """Move the database at `path` away; returns its folder. Raises `StorageError`."""
    home = path.parent / FOLDER
    try:
        home.mkdir(mode=0o770, exist_ok=True)
        number = 1 + max((int(f.name.rpartition("-")[2]) for f in home.iterdir()), default=0)
        folder = home / f"{path.stem}-{number}"
        folder.mkdir(mode=0o770)
        (folder / _REASON).write_text(reason, encoding="ascii")
        _move(path, folder)
    except OSError as error:
        raise StorageError(f"{home}: cannot be written: {error.strerror}") from error
    return folder


def finish(directory: Path) -> None:
    """Complete a move that was cut short. Raises `StorageError`."""
    try:
        for folder in _folders(directory):
            name = f"{folder.name.rpartition('-')[0]}.db"
            begun = (folder / _REASON).exists() and not (folder / name).exists()
            if begun and (directory / name).exists():
                _move(directory / name, folder)
    except OSError as error:
        raise StorageError(f"{directory}: cannot be written: {error.strerror}") from error


def pending(path: Path) -> tuple[Path, str] | None:
    """The folder of a file set aside from `path` that no fresh one has taken over from, and why."""
    for folder in _folders(path.parent):
        if folder.name.rpartition("-")[0] == path.stem and (folder / _REASON).exists():
            return folder, (folder / _REASON).read_text(encoding="ascii")
    return None


def close(folder: Path) -> None:
    """A fresh file has taken over. Raises `StorageError`."""
    try:
        (folder / _REASON).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror}") from error


def forget_galleries(directory: Path) -> int:
    """Delete the galleries that were set aside; returns how many. Raises `StorageError`."""
    return _delete([f for f in _folders(directory) if f.name.startswith("gallery-")])


def expired(directory: Path, now: datetime, keep: timedelta) -> list[Path]:
    """Folders that were set aside longer ago than `keep`."""
    before = (now - keep).timestamp()
    return [f for f in _folders(directory) if f.stat().st_mtime < before]


def delete(folders: Sequence[Path]) -> int:
    """Delete folders that `expired` named; returns how many. Raises `StorageError`."""
    return _delete(folders)


def _folders(directory: Path) -> list[Path]:
    home = directory / FOLDER
    return sorted(home.iterdir()) if home.is_dir() else []


def _move(path: Path, folder: Path) -> None:
    for name in (*(path.name + side for side in _SIDES), path.name):
        if (path.parent / name).exists():
            (path.parent / name).rename(folder / name)
    for changed in (folder, path.parent):
        handle = os.open(changed, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _delete(folders: Sequence[Path]) -> int:
    try:
        for folder in folders:
            shutil.rmtree(folder)
    except OSError as error:
        raise StorageError(f"{error.filename}: cannot be deleted: {error.strerror}") from error
    return len(folders)
