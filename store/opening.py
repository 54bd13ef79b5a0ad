"""Opening a database with the key files, also in the middle of a change of its key.

While `NAME.key.new` waits, a crash may have left the database under either key (`store.rotation`):
the key in place is tried first, then the one that waits. Nothing is written here but the database,
so that a process that only reads keys can open it too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from store.database import Database, open_database
from store.errors import WrongKeyError
from store.keys import DatabaseName, load_database_key, load_next_key
from store.mark import fingerprint


def open_keyed(
    path: Path, keys: Path, name: DatabaseName, *, create: bool, alone: bool = False
) -> tuple[Database, bool]:
    """The database, and whether it is the waiting key that opens it.

    Raises `KeyFileError`, and what `open_database` raises: `WrongKeyError` when neither opens it.
    """
    with load_database_key(keys, name) as key:
        try:
            return open_database(path, key, create=create, alone=alone), False
        except WrongKeyError:
            waiting = load_next_key(keys, name)
            if waiting is None:
                with load_database_key(keys, name) as again:
                    if again == key:
                        raise
                    # The waiting key was put in place between the two looks.
                    return open_database(path, again, create=create, alone=alone), False
        with waiting:
            return open_database(path, waiting, create=create, alone=alone), True


@dataclass(frozen=True, slots=True)
class Access:
    """How a database is opened: `open(path, create)`, and the fingerprints of keys that may."""

    open: Callable[[Path, bool], Database]
    fingerprints: frozenset[str]


def access(keys: Path, name: DatabaseName) -> Access:
    """The access that the key files give; raises `KeyFileError`."""
    with load_database_key(keys, name) as key:
        known = {fingerprint(key)}
    if (waiting := load_next_key(keys, name)) is not None:
        with waiting:
            known.add(fingerprint(waiting))
    return Access(partial(_open, keys, name), frozenset(known))


def _open(keys: Path, name: DatabaseName, path: Path, create: bool) -> Database:
    return open_keyed(path, keys, name, create=create)[0]
