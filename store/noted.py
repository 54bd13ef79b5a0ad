"""Records of the few kinds that are asked for by their kind, without reading all others.

The kinds are those of the index `records_noted`; what was pruned is not there.
"""

from __future__ import annotations

from store.database import Database
from store.records import COLUMNS, Record
from store.schema import NOTED

_ALL = 2**62


def noted(database: Database, kind: str, after: int = 0, limit: int = _ALL) -> list[Record]:
    """The records of a kind with a number above `after`, oldest first.

    Raises ValueError for a kind that is not in the index.
    """
    return _found(database, kind, after, limit, "ASC")


def newest_noted(database: Database, kind: str, limit: int) -> list[Record]:
    """The newest records of a kind, newest first. Raises ValueError as `noted`."""
    return _found(database, kind, 0, limit, "DESC")


def _found(database: Database, kind: str, after: int, limit: int, order: str) -> list[Record]:
    if f"'{kind}'" not in NOTED:
        raise ValueError(f"{kind} is not among the kinds that are found by their kind")
    return database.rows(
        f"SELECT {COLUMNS} FROM records WHERE kind = ? AND kind IN {NOTED} "  # noqa: S608
        f"AND seq > max(?, coalesce((SELECT seq FROM pruned), 0)) ORDER BY seq {order} LIMIT ?",
        (kind, after, limit),
        Record,
    )
