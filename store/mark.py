"""A small file beside a database that remembers its last state, so that an older copy is noticed.

- Before a transaction that changes the state commits, the states before and after it are written
  here; the database is in one of the two afterwards, whatever happens, and once it has committed
  only the state after it stays. A database that is in neither, and not beyond them, is an old copy,
  or its write-ahead log was lost.
- The mark is not fsynced (the database is): it survives SIGKILL at once and power loss after the
  kernel's write-back, and one that is late lets an old copy pass, never a good one fail.
- `fingerprint` is of the database's key, so that a wrong key is told from a damaged file.
- Without a mark, or with one that is torn, nothing is known and nothing is claimed.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from store.errors import StorageError
from store.secret import Secret

_BYTES = 512  # a disk writes one sector whole or not at all
_MODE = 0o660


@dataclass(frozen=True, slots=True)
class State:
    """A number that only grows (a ledger's newest record) and a text (its hash)."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Marked:
    """What the file says: the states around the last transaction, and whose key it was."""

    before: State
    after: State
    fingerprint: str

    def allows(self, state: State) -> bool:
        """Whether a database in this state is no older than the mark."""
        return state in (self.before, self.after) or state.number > self.after.number


class Mark:
    """The mark of the database at `path`, opened with the key of this `fingerprint`."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path.with_suffix(".mark")
        self.fingerprint = fingerprint

    def read(self) -> Marked | None:
        """What is marked; None where there is no mark, or a torn one. Raises `StorageError`."""
        try:
            text, _, check = self.path.read_bytes().strip().rpartition(b" ")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be read: {error.strerror}") from error
        if check != _check(text):
            return None
        content = json.loads(text)
        return Marked(State(*content["before"]), State(*content["after"]), content["key"])

    def write(self, before: State, after: State) -> None:
        """Mark the states around a transaction that is about to commit. Raises `StorageError`."""
        content = {
            "before": [before.number, before.text],
            "after": [after.number, after.text],
            "key": self.fingerprint,
        }
        text = json.dumps(content, separators=(",", ":")).encode("ascii")
        sector = (text + b" " + _check(text)).ljust(_BYTES - 1) + b"\n"
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT, _MODE)
            try:
                os.pwrite(handle, sector, 0)
            finally:
                os.close(handle)
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be written: {error.strerror}") from error


def fingerprint(key: Secret) -> str:
    """16 hex characters that tell keys apart and say nothing of the key (keyed BLAKE2b)."""
    return hashlib.blake2b(b"kiosk-database-mark-v1", key=key.view, digest_size=8).hexdigest()


def _check(text: bytes) -> bytes:
    return f"{zlib.crc32(text):08x}".encode("ascii")
