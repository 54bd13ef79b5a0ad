"""One-time tokens that let new terminals join: made, listed, used once.

- The database holds a token's id; its secret is derived from headquarters' signing key
  (`store.joining`), and the token itself is shown once, when it is made.
- A token is for one site, and for one terminal where it names one. It ends with its use, with its
  time, or after `MOST_FAILURES` requests that did not know its secret.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, select

from hq.database import Database
from hq.tables import JOIN_TOKENS
from store.joining import ID_BYTES, token_of
from store.records import utc_text

# A secret has 112 bits: nobody guesses it. This keeps a request that is wrong from being tried on.
MOST_FAILURES = 5


def create_tokens(
    database: Database,
    key: Ed25519PrivateKey,
    site: str,
    terminal: str | None,
    count: int,
    now: datetime,
    expires: datetime,
) -> list[str]:
    """New tokens for a site, as they are handed out; they cannot be shown again."""
    ids = [secrets.token_hex(ID_BYTES) for _ in range(count)]
    rows = [
        {"token": id, "site": site, "terminal": terminal, "made_at": now, "expires_at": expires}
        for id in ids
    ]
    with database.write() as connection:
        connection.execute(JOIN_TOKENS.insert(), rows)
    return [token_of(key, id) for id in ids]


def find_token(connection: Connection, id: str) -> Row[Any] | None:
    """The token's row, locked until the transaction ends."""
    query = select(JOIN_TOKENS).where(JOIN_TOKENS.c.token == id).with_for_update()
    return connection.execute(query).one_or_none()


def count_failure(connection: Connection, id: str) -> None:
    """A request did not know the token's secret."""
    row = JOIN_TOKENS.update().where(JOIN_TOKENS.c.token == id)
    connection.execute(row.values(failures=JOIN_TOKENS.c.failures + 1))


def spend(
    connection: Connection, id: str, terminal: str, request: str, answer: bytes, now: datetime
) -> None:
    """The token is used; the answer is kept for a terminal that asks the same again."""
    row = JOIN_TOKENS.update().where(JOIN_TOKENS.c.token == id)
    connection.execute(
        row.values(used_at=now, used_by=terminal, request=request, answer=answer, waiting=None)
    )


def keep_waiting(connection: Connection, id: str, raw: bytes, now: datetime) -> None:
    """A request that proved its token waits for an operator; in place of one of the same token."""
    row = JOIN_TOKENS.update().where(JOIN_TOKENS.c.token == id)
    connection.execute(row.values(waiting=raw, asked_at=now))


def drop_waiting(database: Database, raw: bytes) -> None:
    """The request waits no more: it was refused for good."""
    mine = JOIN_TOKENS.c.waiting == raw
    with database.write() as connection:
        connection.execute(JOIN_TOKENS.update().where(mine).values(waiting=None))


def waiting_requests(database: Database, now: datetime) -> list[tuple[bytes, datetime]]:
    """The requests that wait and can still be signed, and since when, oldest first."""
    query = (
        select(JOIN_TOKENS.c.waiting, JOIN_TOKENS.c.asked_at)
        .where(
            JOIN_TOKENS.c.waiting.is_not(None),
            JOIN_TOKENS.c.expires_at > now,
            JOIN_TOKENS.c.failures < MOST_FAILURES,
        )
        .order_by(JOIN_TOKENS.c.asked_at, JOIN_TOKENS.c.id)
    )
    with database.read() as connection:
        return [(bytes(row.waiting), row.asked_at) for row in connection.execute(query)]


def token_lines(database: Database, now: datetime) -> list[dict[str, Any]]:
    """Every token, oldest first. `state`: "open", "used", "expired", "barred"."""
    with database.read() as connection:
        rows = connection.execute(select(JOIN_TOKENS).order_by(JOIN_TOKENS.c.id)).all()
    return [
        {
            "id": row.token[:8],
            "site": row.site,
            "terminal": row.used_by or row.terminal,
            "state": _state(row, now),
            "made": utc_text(row.made_at),
            "expires": utc_text(row.expires_at),
            "used": None if row.used_at is None else utc_text(row.used_at),
        }
        for row in rows
    ]


def _state(row: Row[Any], now: datetime) -> str:
    if row.used_at is not None:
        return "used"
    if row.failures >= MOST_FAILURES:
        return "barred"
    return "expired" if row.expires_at <= now else "open"
