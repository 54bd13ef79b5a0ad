"""Which faults stand, read from the ledger: kiosk goes on with them, sync reports them.

- A fault stands from its `fault` record to its `fault_cleared`.
- A `boot` record lists those that stood before it, so that nothing older has to be read.
"""

from __future__ import annotations

from store.database import Database
from store.records import Boot, Envelope, Fault, FaultCleared, Record

_COLUMNS = "seq, id, kind, payload, previous, hash, signature"


def newest(database: Database, kind: str) -> Envelope | None:
    """The newest record of a kind that is still in the ledger."""
    record = database.one(
        f"SELECT {_COLUMNS} FROM records WHERE kind = ? ORDER BY seq DESC LIMIT 1",  # noqa: S608
        (kind,),
        Record,
    )
    return None if record is None else record.content()


def standing_faults(database: Database) -> frozenset[str]:
    """The codes of the faults that stand now."""
    boot = newest(database, Boot.kind)
    body = None if boot is None else boot.known_body()
    standing = set(body.faults) if isinstance(body, Boot) else set()
    since = database.rows(
        f"SELECT {_COLUMNS} FROM records WHERE seq > ? AND kind IN (?, ?) ORDER BY seq",  # noqa: S608
        (0 if boot is None else boot.seq, Fault.kind, FaultCleared.kind),
        Record,
    )
    for record in since:
        match record.content().known_body():
            case Fault(code=code):
                standing.add(code)
            case FaultCleared(code=code):
                standing.discard(code)
    return frozenset(standing)
