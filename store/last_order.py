"""The newest command of headquarters that changed the gallery, and what came of it.

It is written in the transaction of the change. As long as the ledger does not tell of the command,
this is how a second try knows that the work is done.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.database import Database


@dataclass(frozen=True, slots=True)
class Done:
    """A command's number, its outcome and the detail for the reply."""

    number: int
    outcome: str
    detail: str


class LastOrder:
    """The row in `database` (gallery.db), which belongs to this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> Done | None:
        """The newest one; None before the first."""
        return self._database.one("SELECT number, outcome, detail FROM last_order", (), Done)

    def put(self, done: Done) -> None:
        """Remember it in place of the one before, inside the transaction of the change."""
        self._database.execute(
            "INSERT INTO last_order VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "number = excluded.number, outcome = excluded.outcome, detail = excluded.detail",
            (done.number, done.outcome, done.detail),
        )
