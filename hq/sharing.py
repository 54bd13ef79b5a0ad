"""Templates between the terminals of a site: who seals for whom, and in which order all happens.

- Shares and withdrawals of a site are in one order, by numbers that no command of the site has had.
  A share's number (`change`) is above all of them, and all later ones are above it: command numbers
  of every terminal of the site go up to it. A withdrawal's is its command's, or that of its first.
- `share` orders the terminal that has the templates to seal them, once for each receiver. What it
  sealed comes in its reply and goes on as a `template`. Here it is ciphertext, and gone when the
  receiver has answered.
- Nothing is shared while a withdrawal of the person waits at the terminal that would seal: what it
  has may be of before.
- A consent that ends at one terminal (`store.precedence.ending`), or by a `withdraw` or `erase` to
  one, is ordered to end at all others of the site, if the person consented to sharing at any. What
  is lost on the way is repeated by `hq.withdrawals`.
- All rows of a site's terminals are locked first, in the order of their ids.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, func, or_, select

from hq.commands import queue_command
from hq.database import Database
from hq.errors import NotSharedError, UnknownTerminalError
from hq.tables import COMMANDS, ENDINGS, EVENTS, SEALS, TERMINALS
from hq.terminals import find
from hq.withdrawals import place
from store.records import person_number
from sync.contract.errors import MalformedPayloadError
from sync.contract.topics import Address

_LOG = logging.getLogger("hq.sharing")
_AT_ONCE = 100  # seals or endings in one transaction
_HOLDS = timedelta(days=7)  # as long as the broker keeps it for a terminal (session_expiry_s)
_ENDS = ("withdraw", "erase", "unshare")
_TELLS = ("site_consent", "templates_given", "templates_received")


@dataclass(frozen=True, slots=True)
class Shared:
    """A share that was ordered: its number, and the terminals that are to have it."""

    change: int
    receivers: tuple[str, ...]


def share(
    database: Database,
    key: Ed25519PrivateKey,
    source: str,
    person: str,
    receivers: Collection[str],
    now: datetime,
    expires: datetime,
) -> Shared:
    """Order `source` (SITE/TERMINAL) to seal for these terminals of its site; for none: for all.

    Raises UnknownTerminalError, NotSharedError, `InvalidValueError`, DatabaseError.
    """
    person = person_number(person)
    site, _, name = source.partition("/")
    with database.write() as connection:
        rows = {row.terminal: row for row in _lock_site(connection, site)}
        for missing in {name, *receivers} - rows.keys():
            raise UnknownTerminalError(
                f"{site}/{missing}: no such terminal; `kiosk-hq terminals list`"
            )
        wanted = receivers or [
            other for other, row in rows.items() if row.sealing_key is not None and other != name
        ]
        keyless = [other for other in wanted if rows[other].sealing_key is None]
        if keyless or not wanted or name in wanted:
            raise NotSharedError(
                f"{', '.join(keyless) or site}: no sealing key of another terminal is known; "
                "`kiosk-hq terminals add … --sealing sealing.pub`"
            )
        _end_elsewhere(connection, key, site, now)
        if _end_waits(connection, rows[name].id, person):
            raise NotSharedError(
                f"{source} has not answered a withdrawal of this person yet; share after that"
            )
        change = _next_change(connection, site, now)
        known = find(connection, {Address(site, name)})[Address(site, name)]
        for receiver in sorted(wanted):
            arguments = {
                "number": person,
                "receiver": receiver,
                "key": base64.b64encode(rows[receiver].sealing_key).decode("ascii"),
                "change": change,
                "heard": rows[receiver].head_seq,
            }
            queue_command(connection, key, known, "share", arguments, now, expires)
    return Shared(change, tuple(sorted(wanted)))


def any_shared(connection: Connection) -> bool:
    """Whether `pass_on` has anything to do."""
    return any(
        connection.execute(select(table.c.id).limit(1)).first() is not None
        for table in (SEALS, ENDINGS)
    )


def pass_on(connection: Connection, key: Ed25519PrivateKey, now: datetime) -> int:
    """Order what waits to be passed on, of one site; returns how many commands."""
    waits = (
        select(TERMINALS.c.site)
        .join(ENDINGS, ENDINGS.c.terminal_id == TERMINALS.c.id)
        .union(
            select(TERMINALS.c.site)
            .join(COMMANDS, COMMANDS.c.terminal_id == TERMINALS.c.id)
            .join(SEALS, SEALS.c.command == COMMANDS.c.id)
        )
        .limit(1)
    )
    site = connection.execute(waits).scalar_one_or_none()
    if site is None:
        return 0
    _lock_site(connection, site)
    return _end_elsewhere(connection, key, site, now) + _give(connection, key, site, now)


def _lock_site(connection: Connection, site: str) -> Sequence[Row[Any]]:
    query = select(TERMINALS).where(TERMINALS.c.site == site).order_by(TERMINALS.c.id)
    return connection.execute(query.with_for_update()).all()


def _next_change(connection: Connection, site: str, now: datetime) -> int:
    here = TERMINALS.c.site == site
    last = connection.execute(select(func.max(TERMINALS.c.command_number)).where(here)).scalar_one()
    change = max(int(last) + 1, int(now.timestamp() * 1000))
    connection.execute(TERMINALS.update().where(here).values(command_number=change))
    return change


def _give(connection: Connection, key: Ed25519PrivateKey, site: str, now: datetime) -> int:
    """Order what terminals of the site sealed for others."""
    rows = connection.execute(
        select(SEALS.c.id, SEALS.c.sealed, COMMANDS.c.document, TERMINALS.c.terminal)
        .select_from(SEALS)
        .join(COMMANDS, COMMANDS.c.id == SEALS.c.command)
        .join(TERMINALS, TERMINALS.c.id == COMMANDS.c.terminal_id)
        .where(TERMINALS.c.site == site)
        .order_by(SEALS.c.id)
        .limit(_AT_ONCE)
    ).all()
    count = 0
    for row in rows:
        connection.execute(SEALS.delete().where(SEALS.c.id == row.id))
        ordered = json.loads(row.document)["body"]["arguments"]
        address = Address(site, ordered["receiver"])
        receiver = find(connection, {address}).get(address)
        if receiver is None or _ended_since(connection, receiver.id, ordered):
            continue
        arguments = {name: ordered[name] for name in ("number", "change", "heard")}
        arguments |= {"sender": row.terminal, "sealed": row.sealed}
        try:
            queue_command(connection, key, receiver, "template", arguments, now, now + _HOLDS)
        except MalformedPayloadError:  # no seal that a terminal of ours makes
            fields = {"terminal": f"{site}/{row.terminal}", "change": ordered["change"]}
            _LOG.error("seal_not_passed_on", extra={"fields": fields})
            continue
        count += 1
    return count


def _ended_since(connection: Connection, terminal_id: int, ordered: dict[str, Any]) -> bool:
    """Whether an end of the consent was ordered there after that share."""
    rows = connection.execute(
        select(COMMANDS.c.number, COMMANDS.c.change).where(
            COMMANDS.c.terminal_id == terminal_id,
            COMMANDS.c.person == ordered["number"],
            COMMANDS.c.type.in_(_ENDS),
        )
    )
    return any(place(row.number, row.change) > ordered["change"] for row in rows)


def _end_waits(connection: Connection, terminal_id: int, person: str) -> bool:
    """Whether the terminal may have yet to do an end of the consent that was ordered."""
    undone = or_(
        COMMANDS.c.outcome.is_(None),
        (COMMANDS.c.outcome == "refused") & (COMMANDS.c.detail == "expired"),
    )
    query = select(COMMANDS.c.id).where(
        COMMANDS.c.terminal_id == terminal_id,
        COMMANDS.c.person == person,
        COMMANDS.c.type.in_(_ENDS),
        COMMANDS.c.followed_by.is_(None),
        undone,
    )
    return connection.execute(query.limit(1)).first() is not None


def _end_elsewhere(connection: Connection, key: Ed25519PrivateKey, site: str, now: datetime) -> int:
    """Order the ends of consents that were noted for the site at its other terminals."""
    here = select(TERMINALS.c.id).where(TERMINALS.c.site == site)
    noted = connection.execute(
        select(ENDINGS).where(ENDINGS.c.terminal_id.in_(here)).order_by(ENDINGS.c.id)
    ).all()
    if not noted:
        return 0
    connection.execute(ENDINGS.delete().where(ENDINGS.c.id.in_([row.id for row in noted])))
    names = connection.execute(select(TERMINALS.c.terminal).where(TERMINALS.c.site == site))
    known = find(connection, {Address(site, name) for name in names.scalars()})
    count = 0
    for row in noted:
        if not _was_shared(connection, site, row.person):
            continue
        for address in sorted(known):
            if known[address].id == row.terminal_id:
                continue
            arguments = {"number": row.person}
            try:
                queue_command(
                    connection, key, known[address], row.type, arguments, now, now + _HOLDS
                )
            except MalformedPayloadError:  # a number that no terminal of ours writes
                _LOG.error("end_not_passed_on", extra={"fields": {"terminal": str(address)}})
            else:
                count += 1
    if count:
        _LOG.warning("ended_elsewhere", extra={"fields": {"site": site, "commands": count}})
    return count


def _was_shared(connection: Connection, site: str, person: str) -> bool:
    """Whether the person's templates were, or were to be, given to other terminals of the site."""
    here = select(TERMINALS.c.id).where(TERMINALS.c.site == site)
    ordered = select(COMMANDS.c.id).where(
        COMMANDS.c.person == person,
        COMMANDS.c.type.in_(("share", "template")),
        COMMANDS.c.terminal_id.in_(here),
    )
    told = select(EVENTS.c.id).where(
        EVENTS.c.person == person, EVENTS.c.kind.in_(_TELLS), EVENTS.c.terminal_id.in_(here)
    )
    return any(connection.execute(q.limit(1)).first() is not None for q in (ordered, told))
