"""Withdrawals are not lost: what a terminal did not do, or has forgotten, it is ordered again.

- A `withdraw`, `erase` or `block` that expired or was overtaken without an answer, or was answered
  "refused, expired", is queued anew under a new number, until it is answered. The pause before it
  doubles with every repetition, and so does the time until it expires; both are bounded.
- Nothing is repeated that a later command stands for: the same for the same person; an erasure for
  a withdrawal; for a block also a later `upsert_employee`, which says itself what shall be.
- Shares and templates (`hq.sharing`) are repeated in the same way, and a command that is queued
  anew keeps its place in the site's order of shares and withdrawals (`change`).
- A `resumption` says that the terminal goes on with an old file. What its own records between that
  file and headquarters' newest one said of withdrawing, erasing and blocking is ordered again: a
  restored gallery has the templates back. So is what such a record says that comes late.
- Where only the ledger was lost, the gallery knows what came after: there a later consent counts.
  Of a restored gallery nobody knows whose templates are in it: there the withdrawal wins, and who
  has consented anew must enrol again.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, and_, func, or_, select

from hq.commands import AGAIN_S, queue_command
from hq.tables import COMMANDS, EVENTS, TERMINALS
from hq.terminals import Known, find, lock
from sync.contract.errors import MalformedPayloadError
from sync.contract.topics import Address

_LOG = logging.getLogger("hq.withdrawals")
_AT_ONCE = 100  # commands in one transaction
_PAUSE_FIRST = timedelta(seconds=AGAIN_S)
# Each repetition that a terminal refuses for its clock leaves a record there: four a day at most.
_PAUSE_MOST = timedelta(hours=6)
_HOLDS_FIRST = timedelta(hours=1)
_HOLDS_MOST = timedelta(days=7)  # as long as the broker keeps it for a terminal (session_expiry_s)
# What a later command of the same person makes needless.
_STANDS_FOR = {
    "withdraw": ("withdraw", "erase"),
    "erase": ("erase",),
    "block": ("block", "erase"),
    "unshare": ("unshare", "withdraw", "erase"),
    # Two receivers have a share each; that is given twice does no harm.
    "share": ("unshare", "withdraw", "erase"),
    "template": ("template", "unshare", "withdraw", "erase"),
}
_ENDING = ("withdraw", "erase", "unshare")
# Reasons of a resumption with which the gallery stayed what it was (`store.recovery`).
_GALLERY_STANDS = ("damaged", "missing")
_TELLING = (
    "withdrawal",
    "deletion",
    "person_status",
    "consent",
    "person_entry",
    "site_consent",
    "site_consent_withdrawal",
)


def lost_withdrawals(connection: Connection, now: datetime) -> Sequence[Row[Any]]:
    """The commands that must be repeated now, at most a hundred, oldest first."""
    answered = (
        select(COMMANDS.c.terminal_id, func.max(COMMANDS.c.number).label("number"))
        .where(COMMANDS.c.replied_at <= now - _PAUSE_FIRST)  # the reply before it may be on its way
        .group_by(COMMANDS.c.terminal_id)
        .subquery()
    )
    unanswered = COMMANDS.c.outcome.is_(None) & or_(
        COMMANDS.c.expires_at <= now, COMMANDS.c.number < answered.c.number
    )
    too_late = (COMMANDS.c.outcome == "refused") & (COMMANDS.c.detail == "expired")
    rows = connection.execute(
        select(COMMANDS, TERMINALS.c.site, TERMINALS.c.terminal)
        .select_from(COMMANDS)
        .join(TERMINALS)
        .outerjoin(answered, answered.c.terminal_id == COMMANDS.c.terminal_id)
        .where(
            COMMANDS.c.type.in_(_STANDS_FOR),
            COMMANDS.c.followed_by.is_(None),
            or_(unanswered, too_late),
        )
        .order_by(COMMANDS.c.id)
    )
    due = (row for row in rows if row.made_at + _pause(row.repeated) <= now)
    return [row for row, _ in zip(due, range(_AT_ONCE), strict=False)]


def repeat_lost(connection: Connection, key: Ed25519PrivateKey, now: datetime) -> int:
    """Queue anew what was lost; how many commands."""
    addresses = {Address(row.site, row.terminal) for row in lost_withdrawals(connection, now)}
    known = find(connection, addresses)
    lock(connection, {terminal.id for terminal in known.values()})
    count = 0
    for row in lost_withdrawals(connection, now):  # read again: another worker may have been faster
        terminal = known.get(Address(row.site, row.terminal))
        if terminal is None:
            continue
        follower, waits = _follower(connection, row, now)
        if waits:
            continue
        if follower is None:
            expires = now + _holds(row.expires_at - row.made_at)
            arguments = json.loads(row.document)["body"]["arguments"]
            if row.type in _ENDING:
                arguments["change"] = place(row.number, row.change)
            follower = queue_command(
                connection, key, terminal, row.type, arguments, now, expires, row.repeated + 1
            ).number
            count += 1
            fields = {"terminal": str(terminal.address), "type": row.type, "number": follower}
            _LOG.warning("withdrawal_repeated", extra={"fields": fields})
        gone = {"document": b""} if row.type == "template" else {}
        connection.execute(
            COMMANDS.update().where(COMMANDS.c.id == row.id).values(followed_by=follower, **gone)
        )
    return count


def repeat_forgotten(
    connection: Connection,
    key: Ed25519PrivateKey,
    terminal: Known,
    after: int,
    until: int,
    now: datetime,
) -> None:
    """Order again what the terminal forgot by the resumptions among its records (after, until]."""
    found = connection.execute(
        select(EVENTS.c.payload).where(
            EVENTS.c.terminal_id == terminal.id,
            EVENTS.c.kind == "resumption",
            EVENTS.c.seq > after,
            EVENTS.c.seq <= until,
        )
    ).scalars()
    for payload in found.all():
        body = json.loads(payload)["body"]
        lost = and_(EVENTS.c.seq > body["held_seq"], EVENTS.c.seq <= body["after_seq"])
        _order_again(connection, key, terminal, lost, body["reason"] in _GALLERY_STANDS, now)


def repeat_late(
    connection: Connection,
    key: Ed25519PrivateKey,
    terminal: Known,
    seqs: Sequence[int],
    now: datetime,
) -> None:
    """Order again what records say that the terminal may have forgotten and that come late."""
    _order_again(connection, key, terminal, EVENTS.c.seq.in_(seqs), False, now)


def _order_again(
    connection: Connection,
    key: Ed25519PrivateKey,
    terminal: Known,
    which: Any,
    stands: bool,
    now: datetime,
) -> None:
    rows = connection.execute(
        select(EVENTS.c.kind, EVENTS.c.person, EVENTS.c.payload)
        .where(
            EVENTS.c.terminal_id == terminal.id,
            EVENTS.c.kind.in_(_TELLING),
            EVENTS.c.person.is_not(None),
            which,
        )
        .order_by(EVENTS.c.seq)
    )
    told = ((row.kind, row.person, json.loads(row.payload)["body"]) for row in rows)
    count = 0
    for person, types in forgotten(told, stands).items():
        for type in sorted(types):
            try:
                queue_command(
                    connection, key, terminal, type, {"number": person}, now, now + _HOLDS_MOST
                )
                count += 1
            except MalformedPayloadError:  # a number that no terminal of ours writes
                fields = {"terminal": str(terminal.address), "type": type}
                _LOG.error("withdrawal_not_repeated", extra={"fields": fields})
    if count:
        told_of = {"terminal": str(terminal.address), "commands": count}
        _LOG.warning("withdrawals_ordered_again", extra={"fields": told_of})


def forgotten(told: Iterable[tuple[str, str, dict[str, Any]]], stands: bool) -> dict[str, set[str]]:
    """The command types to order again for each person, by records (kind, person, body) in order.

    `stands`: the gallery knows what came after, so a later consent or entry counts.
    """
    orders: dict[str, set[str]] = defaultdict(set)
    for kind, person, body in told:
        mine = orders[person]
        match kind, body.get("status"), body.get("reason"), body.get("change"):
            case ("withdrawal", _, _, _) | ("deletion", _, "withdrawn" | "left", _):
                mine.add("withdraw")
            case ("person_status", "left", _, _):
                mine.add("withdraw")
                mine.discard("block")
            case ("person_status", "blocked", _, _):
                mine.add("block")
            case ("person_status", "active", _, _):
                mine.discard("block")
            case ("deletion", _, "removed", _):
                orders[person] = {"erase"}
            case ("site_consent_withdrawal", _, _, _) | ("deletion", _, "unshared", _):
                mine.add("unshare")
            case ("site_consent", _, _, _) if stands:
                mine.discard("unshare")
            case ("consent", _, _, _) if stands:
                mine.discard("withdraw")
            case ("person_entry", _, _, "added") if stands:
                mine.discard("erase")
            case _:
                pass
    return {person: types for person, types in orders.items() if types}


def _follower(connection: Connection, row: Row[Any], now: datetime) -> tuple[int | None, bool]:
    """The number of a later command that stands for this one; whether one that may waits."""
    later = connection.execute(
        select(
            COMMANDS.c.number,
            COMMANDS.c.type,
            COMMANDS.c.outcome,
            COMMANDS.c.expires_at,
            COMMANDS.c.change,
        )
        .where(
            COMMANDS.c.terminal_id == row.terminal_id,
            COMMANDS.c.person == row.person,
            COMMANDS.c.number > row.number,
        )
        .order_by(COMMANDS.c.number)
    ).all()
    waits, own = False, place(row.number, row.change)
    for other in later:
        if other.type in _STANDS_FOR[row.type] and place(other.number, other.change) >= own:
            return other.number, False
        if row.type == "block" and other.type == "upsert_employee":
            if other.outcome == "done":
                return other.number, False
            waits = waits or (other.outcome is None and other.expires_at > now)
    return None, waits


def place(number: int, change: int | None) -> int:
    """A command's place in the site's order of shares and withdrawals."""
    return number if change is None else change


def _pause(repeated: int) -> timedelta:
    return min(_PAUSE_MOST, _PAUSE_FIRST * (1 << min(repeated, 16)))


def _holds(before: timedelta) -> timedelta:
    return min(_HOLDS_MOST, max(_HOLDS_FIRST, 2 * before))
