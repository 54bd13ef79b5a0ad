"""Opening the databases of a backup for real: every page, every record.

Used on the staged copy before it is encrypted, by `verify`, and on what `restore` has brought back.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from store.database import Database, open_database
from store.delivery import Delivery
from store.errors import DamagedDatabaseError
from store.ledger import Head, Ledger
from store.schema import unstamp
from store.settings import Terminal
from store.templates import Templates


@dataclass(frozen=True, slots=True)
class Sound:
    """What whole copies hold.

    `receipt`: headquarters' last one, as it came, not verified here. `protection`: the id of the
    templates' key. `people`, `schemas`: counts and versions.
    """

    head: Head
    receipt: bytes | None
    protection: str | None
    people: int
    schemas: dict[str, int]


def open_copies(
    folder: Path, keys: Mapping[str, bytes], terminal: Terminal, public_key: Ed25519PublicKey
) -> Sound:
    """Open `ledger.db` and `gallery.db` in `folder` and check all of them.

    Pages by authentication and SQLite's own check, references, and the whole chain. An older schema
    is brought up to date. Raises `BrokenChainError` and `DatabaseError`.
    """
    with ExitStack() as stack:
        ledger_db, gallery_db = (_open(stack, folder, name, keys) for name in ("ledger", "gallery"))
        if gallery_db.rows("PRAGMA foreign_key_check", (), lambda *row: row):
            raise DamagedDatabaseError(f"{gallery_db.path}: rows refer to others that are gone")
        return Sound(
            head=Ledger(ledger_db, terminal, None).verify(public_key),
            receipt=Delivery(ledger_db).receipt(),
            protection=Templates(gallery_db).protection(),
            people=gallery_db.one("SELECT count(*) FROM people", (), int) or 0,
            schemas={
                name: unstamp(database.one("PRAGMA user_version", (), int) or 0)[0]
                for name, database in (("ledger", ledger_db), ("gallery", gallery_db))
            },
        )


def _open(stack: ExitStack, folder: Path, name: str, keys: Mapping[str, bytes]) -> Database:
    database = open_database(folder / f"{name}.db", keys[name], create=False)
    stack.callback(database.close)
    if found := database.damage():
        raise DamagedDatabaseError(f"{database.path}: {found[0]}")
    return database
