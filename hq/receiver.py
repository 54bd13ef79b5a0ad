"""From messages to the database and to answers: what one worker does with what it hears.

- Parsing and signatures first, outside any transaction; then one transaction for all messages of a
  delivery round. It locks the rows of its terminals first, in the order of their ids, and touches
  the alarms last, so that workers wait for each other and never in a circle.
- Nothing that arrives raises: what cannot be believed becomes an alarm and is put aside.
- Database trouble does raise (DatabaseTroubleError): the caller keeps the messages and tries again.
- An unregistered terminal is an alarm and gets no answer.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, or_, select

from hq.alarms import Alarm, What, raise_alarms
from hq.commands import Outgoing, due_commands, keep_reply, returned
from hq.database import Database
from hq.errors import DatabaseConflictError, DatabaseTroubleError
from hq.intake import ReplayPolicy, ask_replay, take_in
from hq.sharing import any_shared, pass_on
from hq.tables import COMMANDS, TERMINALS
from hq.terminals import Known, find, lock
from hq.withdrawals import lost_withdrawals, repeat_lost
from sync.contract.documents import Reply, open_reply
from sync.contract.errors import (
    ContractError,
    ForgedPayloadError,
    MalformedPayloadError,
    MisaddressedPayloadError,
)
from sync.contract.events import parse_batch
from sync.contract.status import parse_status
from sync.contract.topics import Address, Channel, parse_topic
from sync.contract.verify import CheckedEvent, check_event
from sync.seam import Inbound

_LOG = logging.getLogger("hq.receiver")
_MAX_STATUS_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Status:
    """A status as it came, and the record number that the terminal thinks is confirmed."""

    payload: bytes
    confirmed: int
    online: bool


@dataclass(slots=True)
class _Round:
    """What a delivery round holds, sorted out."""

    events: dict[Known, list[CheckedEvent]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[Known, Status] = field(default_factory=dict)
    replies: list[tuple[Known, Reply]] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)

    def terminals(self) -> set[int]:
        """The ids of the rows that storing this will change."""
        writers = [*self.events, *self.statuses, *(terminal for terminal, _ in self.replies)]
        return {terminal.id for terminal in writers}


class Receiver:
    """One worker's hands; used from one thread."""

    def __init__(self, database: Database, key: Ed25519PrivateKey, policy: ReplayPolicy) -> None:
        self._database = database
        self._key = key
        self._policy = policy

    def take(self, messages: Sequence[Inbound], now: datetime) -> list[Outgoing]:
        """Store what the messages bring; what is to be published, now that it is committed.

        Raises DatabaseTroubleError; then nothing was stored.
        """
        try:
            return self._take(messages, now)
        except DatabaseTroubleError:
            raise
        except DatabaseConflictError:
            _LOG.warning("conflict", extra={"fields": {"messages": len(messages)}})
        except Exception:  # noqa: BLE001  # one message must never stop the others, whatever our mistake is
            _LOG.exception("internal_error")
        answers: list[Outgoing] = []
        for message in messages:
            answers += self._take_alone(message, now)
        return answers

    def due_replays(self, now: datetime) -> list[Outgoing]:
        """Replay commands for gaps that have lasted; commits that they were asked for."""
        grace = now - timedelta(seconds=self._policy.grace_s)
        not_before = TERMINALS.c.replay_not_before
        with self._database.read() as connection:
            rows = connection.execute(
                select(TERMINALS.c.site, TERMINALS.c.terminal).where(
                    TERMINALS.c.gap_since <= grace, or_(not_before.is_(None), not_before <= now)
                )
            ).all()
        if not rows:
            return []
        answers: list[Outgoing] = []
        with self._database.write() as connection:
            known = find(connection, {Address(row.site, row.terminal) for row in rows})
            lock(connection, {terminal.id for terminal in known.values()})
            for address in sorted(known):
                answers += ask_replay(connection, self._key, self._policy, known[address], now)
        return answers

    def due_commands(self, now: datetime) -> list[Outgoing]:
        """Commands that wait to be published; commits that they were."""
        with self._database.read() as connection:
            waits = COMMANDS.c.published_at.is_(None) & (COMMANDS.c.expires_at > now)
            query = select(COMMANDS.c.id).where(waits).limit(1)
            if connection.execute(query).first() is None:
                return []
        with self._database.write() as connection:
            return due_commands(connection, now)

    def repeat_withdrawals(self, now: datetime) -> int:
        """Queue withdrawals anew that were not done; how many."""
        with self._database.read() as connection:
            if not lost_withdrawals(connection, now):
                return 0
        with self._database.write() as connection:
            return repeat_lost(connection, self._key, now)

    def share(self, now: datetime) -> int:
        """Order what terminals sealed for others, and ends of consents elsewhere; how many."""
        with self._database.read() as connection:
            if not any_shared(connection):
                return 0
        with self._database.write() as connection:
            return pass_on(connection, self._key, now)

    def _take_alone(self, message: Inbound, now: datetime) -> list[Outgoing]:
        try:
            return self._take([message], now)
        except DatabaseTroubleError:
            raise
        except Exception:  # noqa: BLE001  # put aside; the terminal sends again, and people see the alarm
            _LOG.exception("message_put_aside")
            with self._database.write() as connection:
                raise_alarms(connection, [Alarm("internal")], now)
            return []

    def _take(self, messages: Sequence[Inbound], now: datetime) -> list[Outgoing]:
        sorted_out = self._sort_out(messages)
        answers: list[Outgoing] = []
        with self._database.write() as connection:
            lock(connection, sorted_out.terminals())
            for terminal, events in sorted_out.events.items():
                answers += take_in(connection, self._key, self._policy, terminal, events, now)
            for terminal, status in sorted_out.statuses.items():
                if _keep_status(connection, terminal, status, now):
                    answers += take_in(connection, self._key, self._policy, terminal, [], now)
            for terminal, reply in sorted_out.replies:
                kept = keep_reply(connection, terminal, reply, now)
                fields = {"terminal": str(terminal.address), "first": kept}
                _LOG.info("reply", extra={"fields": fields})
            online = [known for known, status in sorted_out.statuses.items() if status.online]
            answers += returned(connection, online, now)
            raise_alarms(connection, sorted_out.alarms, now)
        return answers

    def _sort_out(self, messages: Sequence[Inbound]) -> _Round:
        result = _Round()
        addressed: list[tuple[Address, Channel, bytes]] = []
        for message in messages:
            try:
                addressed.append((*parse_topic(message.topic), message.payload))
            except ContractError:
                result.alarms.append(Alarm("malformed"))
        with self._database.read() as connection:
            known = find(connection, {address for address, _, _ in addressed})
        for address, channel, payload in addressed:
            terminal = known.get(address)
            if terminal is None:
                result.alarms.append(Alarm("unknown", address.site, address.terminal))
                continue
            try:
                _read(result, terminal, channel, payload)
            except ContractError as error:
                result.alarms.append(_alarm(address, error))
        return result


def _read(result: _Round, terminal: Known, channel: Channel, payload: bytes) -> None:
    if channel is Channel.EVENTS:
        events = parse_batch(payload)
        if not events:  # the terminal asks for its receipt
            result.events[terminal] += []
        for event in events:
            try:
                checked = check_event(terminal.address, terminal.key, event)
            except ContractError as error:
                result.alarms.append(_alarm(terminal.address, error, event.seq))
            else:
                result.events[terminal].append(checked)
    elif channel is Channel.STATUS:
        if len(payload) > _MAX_STATUS_BYTES:
            raise MalformedPayloadError("a status that long")
        status = parse_status(payload)
        online = status.state == "online"
        result.statuses[terminal] = Status(payload, status.confirmed, online)
    elif channel is Channel.REPLY:
        result.replies.append((terminal, open_reply(terminal.key, terminal.address, payload)))
    else:
        raise MalformedPayloadError("a channel that only headquarters writes")


def _alarm(address: Address, error: ContractError, seq: int = 0) -> Alarm:
    what: What = "malformed"
    if isinstance(error, ForgedPayloadError):
        what = "forged"
    elif isinstance(error, MisaddressedPayloadError):
        what = "misaddressed"
    return Alarm(what, address.site, address.terminal, seq)


def _keep_status(connection: Connection, terminal: Known, status: Status, now: datetime) -> bool:
    """Keep it. True when the terminal knows of a receipt for more than we have: we lost records,
    and a receipt for what is left brings them again.
    """
    head = connection.execute(
        TERMINALS.update()
        .where(TERMINALS.c.id == terminal.id)
        .values(status=status.payload.decode("utf-8"), status_at=now)
        .returning(TERMINALS.c.head_seq)
    ).scalar_one()
    return bool(head < status.confirmed)
