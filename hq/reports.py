"""What headquarters has, as rows for people and programs.

Only records that a receipt covers are reported: a record beyond a gap does not count yet. Rows are
plain dictionaries of JSON values. A record's row has what proves it, named as in the contract's
event: `previoushash`, `hash`, `signature` and `data`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, literal_column, select

from hq.database import Database
from hq.tables import ALARMS, EVENTS, TERMINALS
from hq.terminals import list_terminals
from store.records import utc_text
from sync.contract.topics import Address

Line = dict[str, Any]
_PAGE = 500


class Reader:
    """Reads confirmed records, each once: a second call goes on. `only` some terminals, or all."""

    def __init__(self, database: Database, only: Collection[Address] | None = None) -> None:
        self._database = database
        self._only = only
        self._seen: dict[int, int] = {}

    def read(self) -> Iterator[Line]:
        """What was confirmed since the last call: by terminal, in the order of the records."""
        with self._database.read() as connection:
            heads = connection.execute(
                select(
                    TERMINALS.c.id, TERMINALS.c.head_seq, TERMINALS.c.site, TERMINALS.c.terminal
                ).order_by(TERMINALS.c.site, TERMINALS.c.terminal)
            ).all()
            for terminal_id, head_seq, site, terminal in heads:
                if self._only is None or Address(site, terminal) in self._only:
                    yield from self._read_terminal(connection, terminal_id, head_seq)

    def _read_terminal(
        self, connection: Connection, terminal_id: int, head_seq: int
    ) -> Iterator[Line]:
        seen = self._seen.get(terminal_id, 0)
        while seen < head_seq:
            query = (
                select(EVENTS, TERMINALS.c.site, TERMINALS.c.terminal)
                .join(TERMINALS)
                .where(
                    EVENTS.c.terminal_id == terminal_id,
                    EVENTS.c.seq > seen,
                    EVENTS.c.seq <= head_seq,
                )
                .order_by(EVENTS.c.seq)
                .limit(_PAGE)
            )
            rows = connection.execute(query).all()
            for row in rows:
                yield _line(row)
            seen = rows[-1].seq if len(rows) == _PAGE else head_seq
        self._seen[terminal_id] = seen


def lines_of_kinds(connection: Connection, kinds: Sequence[str]) -> list[Line]:
    """Confirmed records of these kinds, which are not "punch", each once, as they arrived."""
    # A literal, as in the index: a parameter would keep PostgreSQL from using it.
    no_punch = EVENTS.c.kind != literal_column("'punch'")
    return _lines(connection, EVENTS.c.kind.in_(kinds), no_punch)


def line_of_person(
    connection: Connection, site: str, terminal: str, person: str, record_id: str
) -> Line | None:
    """The person's confirmed record of that id from that terminal; None without one."""
    found = _lines(
        connection,
        TERMINALS.c.site == site,
        TERMINALS.c.terminal == terminal,
        EVENTS.c.person == person,
        EVENTS.c.record_id == record_id,
    )
    return found[0] if found else None


def lines_of_person(connection: Connection, person: str, kind: str) -> list[Line]:
    """The person's confirmed records of a kind, from whatever terminal, as they arrived."""
    return _lines(connection, EVENTS.c.person == person, EVENTS.c.kind == kind)


def terminals_of_person(connection: Connection, person: str) -> set[Address]:
    """Where the person has records."""
    query = select(TERMINALS.c.site, TERMINALS.c.terminal).where(
        TERMINALS.c.id.in_(select(EVENTS.c.terminal_id).where(EVENTS.c.person == person))
    )
    return {Address(row.site, row.terminal) for row in connection.execute(query)}


def lines_of_id(connection: Connection, person: str, record_id: str) -> list[Line]:
    """The person's confirmed records of that id, from whatever terminal."""
    return _lines(connection, EVENTS.c.person == person, EVENTS.c.record_id == record_id)


def alarm_lines(database: Database) -> list[Line]:
    """Every alarm, oldest first."""
    with database.read() as connection:
        rows = connection.execute(select(ALARMS).order_by(ALARMS.c.id)).all()
    return [
        {
            "what": row.what,
            "site": row.site,
            "terminal": row.terminal,
            "seq": row.seq,
            "evidence": row.evidence,
            "count": row.count,
            "first": utc_text(row.first_at),
            "last": utc_text(row.last_at),
        }
        for row in rows
    ]


def terminal_lines(database: Database) -> list[Line]:
    """Every registered terminal and how far its records go."""
    return [
        {
            "site": standing.address.site,
            "terminal": standing.address.terminal,
            "confirmed": standing.head.seq,
            "hash": standing.head.hash.hex(),
            "added": utc_text(standing.added_at),
            "receipt_time": _text(standing.receipt_time),
            "gap_since": _text(standing.gap_since),
            "status": None if standing.status is None else json.loads(standing.status),
            "status_time": _text(standing.status_at),
            "left": standing.left,
        }
        for standing in list_terminals(database)
    ]


def _lines(connection: Connection, *conditions: ColumnElement[bool]) -> list[Line]:
    query = (
        select(EVENTS, TERMINALS.c.site, TERMINALS.c.terminal)
        .join(TERMINALS)
        .where(EVENTS.c.repeats.is_(None), EVENTS.c.seq <= TERMINALS.c.head_seq, *conditions)
        .order_by(EVENTS.c.id)
    )
    return [_line(row) for row in connection.execute(query)]


def _line(row: Any) -> Line:
    return {
        "site": row.site,
        "terminal": row.terminal,
        "seq": row.seq,
        "id": row.record_id,
        "kind": row.kind,
        "previoushash": row.previous.hex(),
        "hash": row.hash.hex(),
        "signature": base64.b64encode(row.signature).decode("ascii"),
        "received": utc_text(row.received_at),
        "receipt": row.receipt_seq,
        "repeats": row.repeats,
        "data": json.loads(row.payload),
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else utc_text(instant)
