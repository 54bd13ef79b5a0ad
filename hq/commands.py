"""Commands to terminals: signed and numbered here, given to the broker by a worker, answered once.

- `queue_command` is the only way to a number. Numbers are milliseconds of the epoch or one more
  than the terminal's last, whichever is higher: they also grow when HQ has lost its database.
- A terminal never does a number after a higher one. So all that waits for a terminal is published
  in the order of numbers, the oldest first.
- What is not answered is published again, at the earliest after `AGAIN_S`, when the terminal says
  that it is online; a terminal that has done it ignores the copy. After its expiry never again.
- The first reply counts; a later one to the same command changes nothing.
- Withdrawals that expire or are overtaken are queued anew (`hq.withdrawals`).
- Replays are published once: gaps are asked for by a policy of their own (`hq.intake`), which
  publishes what it asks itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import uuid6
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, or_, select

from hq.database import Database
from hq.errors import UnknownTerminalError
from hq.tables import COMMANDS, ENDINGS, SEALS, TERMINALS
from hq.terminals import Known, find, lock
from store.records import utc_text
from sync.contract.commands import checked_arguments
from sync.contract.documents import Reply, build_command
from sync.contract.topics import Address, Channel, topic

AGAIN_S = 30.0  # longer than a round trip through a broker that answers within its keep-alive
_AT_ONCE = 100  # commands published in one transaction
_MAX_DETAIL = 1000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish after the commit."""

    topic: str
    payload: bytes
    retain: bool


@dataclass(frozen=True, slots=True)
class Queued:
    """A command that waits to be published."""

    id: str
    number: int
    document: bytes


def queue_command(
    connection: Connection,
    key: Ed25519PrivateKey,
    terminal: Known,
    type: str,
    arguments: Mapping[str, Any],
    now: datetime,
    expires: datetime,
    repeated: int = 0,
    published: bool = False,
) -> Queued:
    """Sign and number a command; a worker publishes it once this transaction is committed.

    `repeated` is how often the same was queued before and not answered; `published` says that the
    caller publishes it itself. Raises MalformedPayloadError for a type or arguments that the
    contract does not have.
    """
    checked = checked_arguments(type, arguments)
    last = connection.execute(
        select(TERMINALS.c.command_number).where(TERMINALS.c.id == terminal.id).with_for_update()
    ).scalar_one()
    number = max(last + 1, int(now.timestamp() * 1000))
    command_id = str(uuid6.uuid7())
    document = build_command(
        key,
        terminal.address,
        command_id=command_id,
        number=number,
        type=type,
        expires=expires,
        arguments=checked,
    )
    connection.execute(
        COMMANDS.insert().values(
            terminal_id=terminal.id,
            number=number,
            command_id=command_id,
            type=type,
            document=document,
            made_at=now,
            published_at=now if published else None,
            expires_at=expires,
            person=checked.get("number"),
            change=checked.get("change"),
            repeated=repeated,
        )
    )
    connection.execute(
        TERMINALS.update().where(TERMINALS.c.id == terminal.id).values(command_number=number)
    )
    return Queued(command_id, number, document)


def send(
    database: Database,
    key: Ed25519PrivateKey,
    target: str,
    type: str,
    arguments: Mapping[str, Any],
    now: datetime,
    expires: datetime,
) -> list[tuple[Address, Queued]]:
    """Queue a command for `SITE/TERMINAL`, or one for each terminal of `SITE`: all or none.

    Raises UnknownTerminalError, MalformedPayloadError, DatabaseError.
    """
    site, slash, name = target.partition("/")
    query = select(TERMINALS.c.site, TERMINALS.c.terminal).where(TERMINALS.c.site == site)
    if slash:
        query = query.where(TERMINALS.c.terminal == name)
    with database.write() as connection:
        addresses = {Address(row.site, row.terminal) for row in connection.execute(query)}
        if not addresses:
            raise UnknownTerminalError(f"{target}: no such terminal; `kiosk-hq terminals list`")
        known = find(connection, addresses)
        lock(connection, {terminal.id for terminal in known.values()})
        sent = [
            (address, queue_command(connection, key, known[address], type, arguments, now, expires))
            for address in sorted(known)
        ]
        if slash and type in ("withdraw", "erase"):  # wherever the templates were shared to
            person = checked_arguments(type, arguments)["number"]
            note_endings(connection, known[Address(site, name)], [(person, "withdraw")])
        return sent


def note_endings(
    connection: Connection, terminal: Known, endings: Collection[tuple[str, str]]
) -> None:
    """Note (person, command type) of consents that end at a terminal, for the others of its site.

    `hq.sharing` passes them on.
    """
    rows = [{"terminal_id": terminal.id, "person": p, "type": type} for p, type in endings]
    if rows:
        connection.execute(ENDINGS.insert(), rows)


def due_commands(connection: Connection, now: datetime) -> list[Outgoing]:
    """What was never published, and before it what its terminal left unanswered; marks both."""
    fresh = COMMANDS.c.published_at.is_(None)
    of_them = select(COMMANDS.c.terminal_id).where(fresh, COMMANDS.c.expires_at > now)
    lost = (COMMANDS.c.published_at <= now - timedelta(seconds=AGAIN_S)) & (
        COMMANDS.c.terminal_id.in_(of_them)
    )
    return _publish(connection, now, or_(fresh, lost))


def returned(connection: Connection, terminals: Collection[Known], now: datetime) -> list[Outgoing]:
    """What terminals that are online have not answered; marks it published again."""
    if not terminals:
        return []
    before = now - timedelta(seconds=AGAIN_S)
    waits = or_(COMMANDS.c.published_at.is_(None), COMMANDS.c.published_at <= before)
    theirs = COMMANDS.c.terminal_id.in_([terminal.id for terminal in terminals])
    return _publish(connection, now, waits, theirs)


def keep_reply(connection: Connection, terminal: Known, reply: Reply, now: datetime) -> bool:
    """Keep the first reply to a command; False for any other.

    What a terminal sealed for another one is kept until it is ordered there, and what was ordered
    until it is answered: only a clock's "expired" brings it once more (`hq.withdrawals`).
    """
    detail = "".join(c if c.isprintable() else "?" for c in reply.detail)[:_MAX_DETAIL]
    outcome = "".join(c if c.isprintable() else "?" for c in reply.outcome)
    row = connection.execute(
        COMMANDS.update()
        .where(
            COMMANDS.c.terminal_id == terminal.id,
            COMMANDS.c.command_id == reply.command,
            COMMANDS.c.outcome.is_(None),
        )
        .values(outcome=outcome, detail=detail, replied_at=now)
        .returning(COMMANDS.c.id, COMMANDS.c.type)
    ).one_or_none()
    if row is None:
        return False
    if row.type == "share" and outcome == "done" and reply.sealed is not None:
        connection.execute(SEALS.insert().values(command=row.id, sealed=reply.sealed))
    if row.type == "template" and (outcome, detail) != ("refused", "expired"):
        connection.execute(COMMANDS.update().where(COMMANDS.c.id == row.id).values(document=b""))
    return True


def command_lines(database: Database, now: datetime) -> list[dict[str, Any]]:
    """Every command, oldest first. `state` is the outcome, or why there is none.

    "queued": not yet with the broker; "sent": with the broker; "repeated": the command
    `followed_by` took its place; "overtaken": a higher number was answered, so this one is never
    done; "unanswered": expired without a reply.
    """
    query = (
        select(COMMANDS, TERMINALS.c.site, TERMINALS.c.terminal)
        .join(TERMINALS)
        .order_by(COMMANDS.c.id)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    answered: dict[int, int] = {}
    for row in rows:
        if row.outcome is not None:
            answered[row.terminal_id] = max(answered.get(row.terminal_id, 0), row.number)
    return [_line(row, answered.get(row.terminal_id, 0), now) for row in rows]


def _publish(connection: Connection, now: datetime, *conditions: Any) -> list[Outgoing]:
    rows = connection.execute(
        select(COMMANDS.c.id, COMMANDS.c.document, TERMINALS.c.site, TERMINALS.c.terminal)
        .join(TERMINALS)
        .where(
            COMMANDS.c.outcome.is_(None),
            COMMANDS.c.expires_at > now,
            or_(COMMANDS.c.type != "replay", COMMANDS.c.published_at.is_(None)),
            *conditions,
        )
        .order_by(COMMANDS.c.terminal_id, COMMANDS.c.number)
        .limit(_AT_ONCE)
        .with_for_update(of=COMMANDS)
    ).all()
    if not rows:
        return []
    connection.execute(
        COMMANDS.update()
        .where(COMMANDS.c.id.in_([row.id for row in rows]))
        .values(published_at=now)
    )
    return [
        Outgoing(topic(Address(row.site, row.terminal), Channel.COMMAND), row.document, False)
        for row in rows
    ]


def _line(row: Row[Any], answered: int, now: datetime) -> dict[str, Any]:
    if row.outcome is not None:
        state = row.outcome
    elif row.followed_by is not None:
        state = "repeated"
    elif row.number < answered:
        state = "overtaken"
    elif row.expires_at <= now:
        state = "unanswered"
    else:
        state = "queued" if row.published_at is None else "sent"
    return {
        "site": row.site,
        "terminal": row.terminal,
        "number": row.number,
        "id": row.command_id,
        "type": row.type,
        "state": state,
        "detail": row.detail,
        "followed_by": row.followed_by,
        "made": utc_text(row.made_at),
        "expires": utc_text(row.expires_at),
        "published": None if row.published_at is None else utc_text(row.published_at),
        "replied": None if row.replied_at is None else utc_text(row.replied_at),
    }
