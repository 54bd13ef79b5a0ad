"""Where a database that cannot be gone on with is set aside: `quarantine/` beside it.

- Each one gets a folder of its own (`ledger-1`, `ledger-2`, …) with the file, its log and index.
- The file moves last, so a folder without it is a move that a crash cut short; `finish` completes
  it. Nothing is copied, changed or deleted on the way. Its folder is `pending`, with the reason,
  until a fresh file has taken over (`close`).
- What is set aside stays encrypted. Galleries in it hold templates, so they go when somebody's
  templates are deleted (`forget_galleries`), the rest with the retention job (`expired`).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from store.files import disk_error, place, sync_directory

FOLDER = "quarantine"
_REASON = "reason"
_SIDES = ("-wal", "-shm")  # moved before the file itself


def set_aside(path: Path, reason: str) -> tuple[Path, str]:
    """Move the database at `path` away; returns its folder, and the reason. Raises `StorageError`.

    Of one that is gone an empty file stands in the folder.
    """
    home = path.parent / FOLDER
    with disk_error(home):
        home.mkdir(mode=0o770, exist_ok=True)
        number = 1 + max((_number(folder) for folder in home.iterdir()), default=0)
        folder = home / f"{path.stem}-{number}"
        folder.mkdir(mode=0o770)
        place(folder / _REASON, reason.encode("ascii"))
        _move(path, folder)
    return folder, reason


def finish(directory: Path) -> None:
    """Complete a move that was cut short. Raises `StorageError`."""
    with disk_error(directory):
        for folder in _folders(directory):
            name = f"{_stem(folder)}.db"
            begun = (folder / _REASON).exists() and not (folder / name).exists()
            if begun and (directory / name).exists():
                _move(directory / name, folder)


def pending(path: Path) -> tuple[Path, str] | None:
    """The folder of a file set aside from `path` that no fresh one has taken over from, and why.

    Raises `StorageError`.
    """
    with disk_error(path):
        for folder in _folders(path.parent):
            if _stem(folder) == path.stem and (folder / _REASON).exists():
                return folder, (folder / _REASON).read_text(encoding="ascii")
    return None


def close(folder: Path) -> None:
    """A fresh file has taken over. Raises `StorageError`."""
    with disk_error(folder):
        (folder / _REASON).unlink(missing_ok=True)


def forget_galleries(directory: Path) -> int:
    """Delete the galleries that were set aside; returns how many. Raises `StorageError`."""
    with disk_error(directory):
        found = [folder for folder in _folders(directory) if _stem(folder) == "gallery"]
    return delete(found)


def expired(directory: Path, now: datetime, keep: timedelta) -> list[Path]:
    """Folders that were set aside longer ago than `keep`. Raises `StorageError`."""
    before = (now - keep).timestamp()
    with disk_error(directory):
        return [folder for folder in _folders(directory) if folder.stat().st_mtime < before]


def delete(folders: Sequence[Path]) -> int:
    """Delete folders that were set aside; returns how many. Raises `StorageError`."""
    for folder in folders:
        with disk_error(folder):
            shutil.rmtree(folder)
    return len(folders)


def _folders(directory: Path) -> list[Path]:
    home = directory / FOLDER
    return sorted(home.iterdir(), key=_number) if home.is_dir() else []


def _stem(folder: Path) -> str:
    return folder.name.rpartition("-")[0]


def _number(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _move(path: Path, folder: Path) -> None:
    for name in (*(path.name + side for side in _SIDES), path.name):
        if (path.parent / name).exists():
            (path.parent / name).rename(folder / name)
    if not (folder / path.name).exists():
        (folder / path.name).touch()
    for changed in (folder, path.parent):
        sync_directory(changed)
