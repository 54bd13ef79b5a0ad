"""Taking a terminal's checked records into the database, and what HQ answers.

- The terminal's row is locked first, so workers take turns per terminal. Records, head, receipt
  time and a replay command are one transaction; what is answered is sent only after its commit.
- Every delivery is answered with a receipt for the head as it stands, also a repeated one. Receipt
  times of one terminal only grow, whatever the workers' clocks say.
- Behind a resumption, withdrawals that the terminal may have forgotten are queued anew.
- Consents that end are noted for the site's other terminals (`hq.sharing`).
- A gap that lasts `grace_s` is asked for by a signed, numbered, expiring `replay` command; again
  after a pause that doubles from `every_s` to `most_s`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, func, select

from hq.alarms import Alarm, raise_alarms
from hq.chain import Link, Outcome, join
from hq.commands import Outgoing, note_endings, queue_command
from hq.tables import EVENTS, TERMINALS
from hq.terminals import Known
from hq.withdrawals import repeat_forgotten, repeat_late
from store.precedence import ENDINGS, ending
from store.records import Resumption
from sync.contract.documents import build_receipt
from sync.contract.topics import Channel, topic
from sync.contract.verify import CheckedEvent, Head, skips

_LOG = logging.getLogger("hq.intake")
_TICK = timedelta(microseconds=1)
_MAX_PERSON = 64
_MAX_EVIDENCE = 64


@dataclass(frozen=True, slots=True)
class ReplayPolicy:
    """When a gap is asked for; seconds."""

    grace_s: float = 3.0
    every_s: float = 10.0
    most_s: float = 600.0
    expiry_s: float = 600.0


def take_in(
    connection: Connection,
    key: Ed25519PrivateKey,
    policy: ReplayPolicy,
    terminal: Known,
    events: Sequence[CheckedEvent],
    now: datetime,
) -> list[Outgoing]:
    """Store what is new of `events` and answer."""
    row = _lock(connection, terminal.id)
    before = Head(row.head_seq, row.head_hash)
    # Without a gap nothing beyond the head is stored, and nothing there needs to be looked for.
    seqs = [seq for seq in _named(events) if seq <= before.seq or row.gap_since is not None]
    early = {} if row.gap_since is None else _early(connection, terminal.id, before.seq)
    outcome = join(before, events, _stored(connection, terminal.id, seqs), early)
    if early and outcome.head.seq > before.seq:
        _count(connection, terminal.id, before, outcome.head)
    _store(connection, terminal.id, before, outcome, now)
    if outcome.skipped or early:
        repeat_forgotten(connection, key, terminal, before.seq, outcome.head.seq, now)
    if late := [event.seq for event in outcome.fresh if event.seq <= before.seq]:
        repeat_late(connection, key, terminal, late, now)
    note_endings(connection, terminal, list(_endings(outcome.fresh)))
    if outcome.fork is not None:
        seq, hash_ = outcome.fork
        raise_alarms(
            connection,
            [Alarm("fork", terminal.address.site, terminal.address.terminal, seq, hash_.hex())],
            now,
        )
    skipped = [
        Alarm(
            "skipped",
            terminal.address.site,
            terminal.address.terminal,
            gap.first,
            f"{gap.last} {gap.why}"[:_MAX_EVIDENCE],
        )
        for gap in outcome.skipped
        if gap.first <= gap.last
    ]
    raise_alarms(connection, skipped, now)
    time = now if row.receipt_time is None else max(now, row.receipt_time + _TICK)
    gap_since = (row.gap_since or now) if outcome.gap else None
    connection.execute(
        TERMINALS.update()
        .where(TERMINALS.c.id == terminal.id)
        .values(
            head_seq=outcome.head.seq,
            head_hash=outcome.head.hash,
            receipt_time=time,
            gap_since=gap_since,
            replays_asked=row.replays_asked if outcome.gap else 0,
            replay_not_before=row.replay_not_before if outcome.gap else None,
        )
    )
    fields = {
        "terminal": str(terminal.address),
        "records": len(events),
        "new": len(outcome.fresh),
        "receipt": outcome.head.seq,
    }
    _LOG.info("records", extra={"fields": fields})
    answers = [
        Outgoing(
            topic(terminal.address, Channel.RECEIPT),
            build_receipt(key, terminal.address, outcome.head, time),
            retain=True,
        )
    ]
    if outcome.gap:
        answers += ask_replay(connection, key, policy, terminal, now)
    return answers


def ask_replay(
    connection: Connection,
    key: Ed25519PrivateKey,
    policy: ReplayPolicy,
    terminal: Known,
    now: datetime,
) -> list[Outgoing]:
    """The replay command for a terminal's gap, if it is due; counts as asked."""
    row = _lock(connection, terminal.id)
    if row.gap_since is None or now < row.gap_since + timedelta(seconds=policy.grace_s):
        return []
    if row.replay_not_before is not None and now < row.replay_not_before:
        return []
    expires = now + timedelta(seconds=policy.expiry_s)
    arguments = {"from_seq": row.head_seq + 1}
    command = queue_command(
        connection, key, terminal, "replay", arguments, now, expires, published=True
    )
    pause_s = min(policy.most_s, policy.every_s * 2 ** min(row.replays_asked, 16))
    connection.execute(
        TERMINALS.update()
        .where(TERMINALS.c.id == terminal.id)
        .values(
            replays_asked=row.replays_asked + 1,
            replay_not_before=now + timedelta(seconds=pause_s),
        )
    )
    fields = {"terminal": str(terminal.address), "from_seq": row.head_seq + 1}
    _LOG.warning("replay_asked", extra={"fields": fields})
    return [Outgoing(topic(terminal.address, Channel.COMMAND), command.document, retain=False)]


def _lock(connection: Connection, terminal_id: int) -> Row[tuple[object, ...]]:
    query = select(TERMINALS).where(TERMINALS.c.id == terminal_id).with_for_update()
    return connection.execute(query).one()


def _named(events: Sequence[CheckedEvent]) -> Iterator[int]:
    """The numbers whose hashes `join` compares: the events' own, and what resumptions follow."""
    for event in events:
        yield event.seq
        if isinstance(said := skips(event), Resumption):
            yield said.after_seq


def _stored(connection: Connection, terminal_id: int, seqs: Sequence[int]) -> dict[int, bytes]:
    if not seqs:
        return {}
    rows = connection.execute(
        select(EVENTS.c.seq, EVENTS.c.hash).where(
            EVENTS.c.terminal_id == terminal_id,
            EVENTS.c.seq.in_(set(seqs)),
        )
    )
    return {row.seq: row.hash for row in rows}


def _early(connection: Connection, terminal_id: int, head_seq: int) -> dict[int, Link]:
    rows = connection.execute(
        select(EVENTS.c.seq, EVENTS.c.previous, EVENTS.c.hash).where(
            EVENTS.c.terminal_id == terminal_id, EVENTS.c.seq > head_seq
        )
    )
    return {row.seq: Link(row.previous, row.hash) for row in rows}


def _count(connection: Connection, terminal_id: int, before: Head, head: Head) -> None:
    """What waited before a gap is covered by this receipt."""
    connection.execute(
        EVENTS.update()
        .where(
            EVENTS.c.terminal_id == terminal_id,
            EVENTS.c.seq > before.seq,
            EVENTS.c.seq <= head.seq,
        )
        .values(receipt_seq=head.seq)
    )


def _store(
    connection: Connection, terminal_id: int, before: Head, outcome: Outcome, now: datetime
) -> None:
    head = outcome.head.seq
    if outcome.discarded:
        connection.execute(
            EVENTS.delete().where(
                EVENTS.c.terminal_id == terminal_id, EVENTS.c.seq.in_(outcome.discarded)
            )
        )
    if outcome.fresh:
        repeats = _repeats(connection, terminal_id, before, outcome)
        connection.execute(
            EVENTS.insert(),
            [
                {
                    "terminal_id": terminal_id,
                    "seq": event.seq,
                    "record_id": event.id,
                    "kind": event.kind,
                    "utc": event.utc,
                    "person": _person(event),
                    "payload": event.payload.decode("utf-8"),
                    "previous": event.previous,
                    "hash": event.hash,
                    "signature": event.signature,
                    "received_at": now,
                    "receipt_seq": head if event.seq <= head else None,
                    "repeats": repeats.get(event.seq),
                }
                for event in outcome.fresh
            ],
        )


def _repeats(
    connection: Connection, terminal_id: int, before: Head, outcome: Outcome
) -> dict[int, int]:
    """Of records that tell again what another one told (the same id): the other one's number.

    Only a resumption makes such records: it renumbers, and its skipped numbers may come after all.
    """
    doubtful = [
        event
        for event in outcome.fresh
        if event.seq <= before.seq or (event.data.model_extra or {}).get("renumbered_from")
    ]
    if not doubtful:
        return {}
    rows = connection.execute(
        select(EVENTS.c.record_id, func.min(EVENTS.c.seq).label("seq"))
        .where(
            EVENTS.c.terminal_id == terminal_id,
            EVENTS.c.record_id.in_({event.id for event in doubtful}),
        )
        .group_by(EVENTS.c.record_id)
    )
    first: dict[str, int] = {row.record_id: row.seq for row in rows}
    found = {}
    for event in doubtful:
        if event.id in first:
            found[event.seq] = first[event.id]
        else:
            first[event.id] = event.seq
    return found


def _endings(events: Sequence[CheckedEvent]) -> Iterator[tuple[str, str]]:
    """Whose consent ended, and the command that tells the site's other terminals."""
    for event in events:
        if event.kind in ENDINGS:
            person, type = _person(event), ending(event.kind, event.data.body)
            if person is not None and type is not None:
                yield person, type


def _person(event: CheckedEvent) -> str | None:
    """The employee's number for the index, when the record speaks of one."""
    person = event.data.body.get("person")
    if isinstance(person, str) and 0 < len(person) <= _MAX_PERSON and person.isprintable():
        return person
    return None
