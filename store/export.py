"""Writing the ledger as JSON lines, one record a line; `docs/ledger-format.md` is the format.

The file appears whole or not at all. It is readable by its owner alone: it is in clear, with
employees' numbers.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from store.errors import StorageError, StoreError
from store.files import sync_directory
from store.records import Record

_MODE = 0o600


def export_line(record: Record) -> bytes:
    """One record's line; the payload is the text that was hashed, as a JSON string."""
    fields = {
        "payload": record.payload.decode("utf-8"),
        "previous": record.previous.hex(),
        "hash": record.hash.hex(),
        "signature": base64.b64encode(record.signature).decode("ascii"),
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def write_export(path: Path, records: Iterable[Record]) -> int:
    """Write the records to `path`, in place of what was there; returns how many.

    Raises `StorageError`.
    """
    count = 0
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        try:
            with os.fdopen(handle, "wb") as file:
                for count, record in enumerate(records, start=1):  # noqa: B007 (used below)
                    file.write(export_line(record))
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except BaseException:
            aside.unlink()
            raise
        sync_directory(path.parent)
    except StoreError:
        raise
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error
    return count
