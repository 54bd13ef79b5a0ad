"""What was done in the gallery and has yet to be written to the ledger.

The gallery and the ledger are two files; no transaction spans both. A change of the gallery leaves
a note in its own transaction, `store.register` turns each note into one record. Notes are taken in
their order and name people by number only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from store.database import Database
from store.errors import DamagedDatabaseError
from store.records import BODIES, Body, Instant


@dataclass(frozen=True, slots=True)
class Note:
    """A record to be: its token, its body and the instant of the change."""

    position: int
    token: str
    body: Body
    at: Instant


class Notes:
    """The notes in `database` (gallery.db), which belongs to this thread."""

    def __init__(self, database: Database, new_token: Callable[[], str]) -> None:
        self._database = database
        self._new_token = new_token

    def add(self, body: Body, at: Instant) -> None:
        """Leave a note, inside the transaction of the change."""
        self._database.execute(
            "INSERT INTO notes (id, kind, body, time) VALUES (?, ?, ?, ?)",
            (self._new_token(), body.kind, body.model_dump_json(), at.model_dump_json()),
        )

    def waiting(self, limit: int) -> list[Note]:
        """The oldest notes, at most `limit`."""
        query = "SELECT position, id, kind, body, time FROM notes ORDER BY position LIMIT ?"
        return self._database.rows(query, (limit,), _note)

    def drop(self, note: Note) -> None:
        """Forget a note that has its record."""
        self._database.execute("DELETE FROM notes WHERE position = ?", (note.position,))


def _note(position: int, token: str, kind: str, body: str, time: str) -> Note:
    model = BODIES.get(kind)
    if model is None:
        raise DamagedDatabaseError(f"a note of an unknown kind, {kind}")
    return Note(position, token, model.model_validate_json(body), Instant.model_validate_json(time))
