"""New keys for both databases, so that a crash anywhere leaves one key that opens each of them.

1. Both databases are opened alone: a connection of another process would read and write under the
   old key, so while there is one nothing begins.
2. `NAME.key.new` is written whole. The database is under the old key, `NAME.key`.
3. Every page is encrypted anew in one transaction: from its commit on the new key opens the file.
4. The file is opened with the new key, the log folded in and cut, and every page authenticated:
   no page under the old key is left in the files.
5. A `key_rotation` record says so, once.
6. `NAME.key.new` becomes `NAME.key`; the old key is gone.

Between 3 and 6 `store.opening` opens the file with the key that waits. `finish` does 4 to 6 for a
database that is in between; the next opening by kiosk does so, and so does the next rotation. A new
key that was written and never used is used by the next rotation. What a card's controller has
copied aside keeps the old pages: docs/keys.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from store.database import Database, open_database
from store.errors import DamagedDatabaseError, DatabaseBusyError, DatabaseInUseError
from store.keys import (
    NAMES,
    DatabaseName,
    create_next_key,
    load_next_key,
    require_writable,
    sweep_next_key,
    take_next_key,
)
from store.ledger import Ledger
from store.opening import open_keyed
from store.records import Instant, KeyRotation
from store.settings import Terminal


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies of the keys that must follow; `place` and `take` get the database's name.

    `place` makes the waiting key's copy durable before the database goes under it, `take` puts it
    in the place of the old one's. Both may come again after a crash.
    """

    place: Callable[[DatabaseName], None]
    take: Callable[[DatabaseName], None]


def rotate(
    folder: Path,
    keys: Path,
    terminal: Terminal,
    signer: Ed25519PrivateKey,
    now: Callable[[], Instant],
    copies: Copies | None = None,
) -> None:
    """Give `ledger.db` and `gallery.db` in `folder` new keys.

    Raises `DatabaseInUseError` (nothing was changed), `KeyFileError`, `DatabaseError`; after any
    of these every database opens, and the next call goes on.
    """
    require_writable(keys)
    with ExitStack() as stack:
        opened = {name: _open_alone(stack, folder, keys, name) for name in NAMES}
        for name in NAMES:
            sweep_next_key(keys, name)
            database, under_next = opened[name]
            with create_next_key(keys, name) as new:
                if copies is not None:
                    copies.place(name)
                if not under_next:
                    database.rekey(new)
                    database.close()
                    database = open_database(database.path, new, create=False, alone=True)
                    stack.callback(database.close)
                    opened[name] = (database, True)
            if database.damage():
                raise DamagedDatabaseError(
                    f"{database.path}: pages do not hold under the new key; nothing was given up: "
                    f"keep {keys} as it is and restore the backup"
                )
            ledger = Ledger(opened["ledger"][0], terminal, signer)
            _finish(keys, name, database, ledger, now(), copies)


def finish(keys: Path, name: DatabaseName, database: Database, ledger: Ledger, at: Instant) -> None:
    """End a rotation that a crash cut off, for a database that the waiting key opens.

    Does nothing, for the next time, where the keys cannot be written or a reader holds the log.
    """
    if os.access(keys, os.W_OK):
        _finish(keys, name, database, ledger, at, None)


def _finish(
    keys: Path,
    name: DatabaseName,
    database: Database,
    ledger: Ledger,
    at: Instant,
    copies: Copies | None,
) -> None:
    if not database.checkpoint():
        return
    key = load_next_key(keys, name)
    if key is None:  # another process has ended it
        return
    with key:
        # The token is not forgotten: another process may be about to end the same rotation.
        token = f"key_rotation {name} {hashlib.sha256(key.view).hexdigest()[:16]}"
    ledger.append_once(token, KeyRotation(database=name), at)
    database.mark_again()
    if copies is not None:
        copies.take(name)
    take_next_key(keys, name)


def _open_alone(
    stack: ExitStack, folder: Path, keys: Path, name: DatabaseName
) -> tuple[Database, bool]:
    path = folder / f"{name}.db"
    try:
        database, under_next = open_keyed(path, keys, name, create=False, alone=True)
    except DatabaseBusyError as error:
        raise DatabaseInUseError(
            f"{path}: another program has it open, nothing was changed; "
            "`systemctl stop kiosk-sync kiosk`, then rotate again"
        ) from error
    stack.callback(database.close)
    return database, under_next
