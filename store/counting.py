"""Which punches count after corrections: a pure function of records in their order.

- A correction changes no record. It says what counts from now on instead of one; of several the
  newest holds. What was recorded stays beside what counts.
- "cancelled": the punch does not count. "changed": `utc` and `direction` count; what is None stays
  as it counted before, and a punch that was cancelled counts again. "added": a punch that was never
  made counts, under the correction's own id, and can itself be corrected by it.
- A correction holds only for a punch of the person whom it names. One whose record is not there
  (pruned), or that adds a punch without a time, makes nothing count.
- Of two records with the same id (renumbered after a loss) the first one counts.
- Nothing else counts: no repeat, no declared punch without the correction that adds it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from store.records import Body, Correction, Direction, Method, Punch


@dataclass(frozen=True, slots=True)
class Told:
    """A record: its id and number, when it happened as well as that is known, what it says."""

    id: str
    seq: int
    utc: datetime
    body: Body


@dataclass(frozen=True, slots=True)
class Moment:
    """When somebody punched, and in which direction."""

    utc: datetime
    direction: Direction | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One punch: what was recorded and what counts.

    `id` and `seq` are the punch's record, or, with `added`, the correction's that added it;
    `method` is then None. `stands` is what counts or, with `cancelled`, what counted before.
    `corrections` are all that were made, oldest first, without the one that added it.
    """

    id: str
    seq: int
    person: str
    method: Method | None
    was: Moment
    stands: Moment
    added: bool = False
    cancelled: bool = False
    corrections: tuple[Told, ...] = ()

    @property
    def counts(self) -> Moment | None:
        """What counts; None when nothing does."""
        return None if self.cancelled else self.stands


def what_counts(records: Iterable[Told]) -> list[Entry]:
    """Every punch among the records, by the time that counts; those cancelled are among them."""
    entries: dict[str, Entry] = {}
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            continue
        seen.add(record.id)
        body = record.body
        if isinstance(body, Punch):
            moment = Moment(record.utc, body.direction)
            entries[record.id] = Entry(
                record.id, record.seq, body.person, body.method, moment, moment
            )
        elif isinstance(body, Correction) and body.action == "added":
            if body.utc is not None:
                moment = Moment(body.utc, body.direction)
                entries[record.id] = Entry(
                    record.id, record.seq, body.person, None, moment, moment, added=True
                )
        elif isinstance(body, Correction) and body.corrects in entries:
            entry = entries[body.corrects]
            if entry.person == body.person:
                entries[entry.id] = _corrected(entry, record, body)
    return sorted(entries.values(), key=lambda entry: (entry.stands.utc, entry.seq))


def _corrected(entry: Entry, record: Told, correction: Correction) -> Entry:
    cancelled = correction.action == "cancelled"
    stands = entry.stands
    if not cancelled:
        stands = Moment(correction.utc or stands.utc, correction.direction or stands.direction)
    return replace(
        entry, stands=stands, cancelled=cancelled, corrections=(*entry.corrections, record)
    )
