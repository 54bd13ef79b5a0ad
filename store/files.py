"""Files that appear whole or not at all, and names that last: the one place that fsyncs folders.

What the disk refuses leaves here as `store.errors`, through `disk_error`.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from store.errors import DiskFullError, OccupiedError, StorageError, StoreError


def place(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that appears whole or not at all, in place of what was there."""
    aside = path.with_name(f".{path.name}.partial")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def remove_tree(path: Path) -> None:
    """Delete a folder and all in it, also while another process does the same."""
    while path.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)


def unoccupied(path: Path) -> None:
    """Raise `OccupiedError` where something is already: what is handed out replaces nothing.

    Whoever may give a command as another user could have that user's own files replaced otherwise.
    """
    if os.path.lexists(path):
        raise OccupiedError(f"{path} is there already; nothing was written; name a new one")


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_error(path: Path) -> Iterator[None]:
    """What the disk refuses as `StorageError` or `DiskFullError`, naming the file."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        where = error.filename or path
        # EFBIG: a limit on files' sizes is a disk that is full for this program.
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFullError(f"{where}: the disk is full; make room") from error
        raise StorageError(f"{where}: {error.strerror or 'the disk failed'}") from error
