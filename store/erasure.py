"""Deleted data is gone from the disk only when the write-ahead log is cut as well.

`secure_delete` overwrites what is deleted in the database file; older pages that hold it stay in
the log until it is cut. A deletion is marked in its own transaction; the mark goes when the log was
cut and nobody has written since, so that a reader, another deletion, a crash or a power loss in
between cannot make the store forget.
"""

from __future__ import annotations

from store.database import Database

_TRIES = 3  # of cutting the log with nobody writing meanwhile; the mark stays otherwise


class Erasure:
    """The mark in one database, which belongs to this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self) -> None:
        """Say, inside the deletion's transaction, that the log holds what must go."""
        self._database.execute("INSERT INTO erasure VALUES (1) ON CONFLICT DO NOTHING")

    def pending(self) -> bool:
        """Whether deleted data may still be in the log."""
        return self._database.one("SELECT one FROM erasure", (), int) is not None

    def finish(self, *, patient: bool = True) -> bool:
        """Cut the log if a deletion waits for it; False if a reader kept it from being cut.

        Without `patient` it is tried once (`Database.checkpoint`). Inside a transaction the log
        cannot be cut: call it again after its end.
        """
        if not self.pending():
            return True
        if self._database.in_transaction:
            return False
        for _ in range(_TRIES if patient else 1):
            seen = self._database.data_version()
            if not self._database.checkpoint(patient):
                return False
            with self._database.transaction():
                # What another process has deleted since is in the log, and its mark is this one.
                if self._database.data_version() == seen:
                    self._database.execute("DELETE FROM erasure")
                    return True
        return False
