"""One person's own records in the ledger, found without reading anybody else's.

- Every query names exactly one person and goes by the index `records_by_person`, whose key SQLite
  computes from the payload: there is no table to keep in step.
- What was pruned is not there, also while its rows are still being deleted.
- Records are given as they were written; nothing here changes or corrects one.
- Numbers give the order: a record that corrects another has the higher one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from store.database import Database, Value
from store.noted import noted
from store.records import (
    COLUMNS,
    Correction,
    Direction,
    Envelope,
    Instant,
    Punch,
    Record,
    TimeCorrection,
    person_number,
    utc_text,
)
from store.schema import PERSON_OF_PAYLOAD

_KEPT = "seq > coalesce((SELECT seq FROM pruned), 0)"
_PAGE = 20  # punches and corrections read back at once; the first page has the newest punch


@dataclass(frozen=True, slots=True)
class LastPunch:
    """The newest punch of a person that counts: what the door goes by.

    `time` is the record's own, as written; `direction` the one that counts after corrections.
    """

    id: str
    seq: int
    time: Instant
    direction: Direction | None


class OwnRecords:
    """Reads single people's records from `database` (ledger.db), which belongs to this thread.

    Every method raises `InvalidValueError` for what is no number, and what the database raises.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_punch(self, person: str) -> LastPunch | None:
        """The newest punch that no correction has cancelled; None without one.

        Reads back from the person's newest record: its time does not depend on the ledger's size.
        """
        corrections: dict[str, list[Correction]] = {}  # by what they correct, newest first
        for record in self._newest_first(person, (Punch.kind, Correction.kind)):
            content = record.content()
            body = content.known_body()
            if isinstance(body, Correction) and body.corrects is not None:
                corrections.setdefault(body.corrects, []).append(body)
            elif isinstance(body, Punch):
                theirs = corrections.get(record.id, ())
                if theirs and theirs[0].action == "cancelled":
                    continue
                changed = next((one.direction for one in theirs if one.direction), None)
                direction = changed or body.direction
                return LastPunch(record.id, record.seq, content.time, direction)
        return None

    def everything(self, person: str) -> list[Record]:
        """All records that name the person as the one whom they are about, oldest first."""
        return self._rows(person, "ORDER BY seq")

    def of_kinds(self, person: str, kinds: Sequence[str]) -> list[Record]:
        """All records of these kinds that name the person, oldest first."""
        return self._rows(person, f"AND {_one_of(kinds)} ORDER BY seq", *kinds)

    def between(
        self, person: str, kinds: Sequence[str], start: datetime, end: datetime
    ) -> list[Record]:
        """Records of these kinds that may have been made from `start` to before `end`.

        Those whose clock was synchronised and said so, and all whose clock was not: what it said
        is no ground to leave one out. Oldest first.
        """
        first, last = utc_text(start), utc_text(end)

        def may_be_within(record: Record) -> bool:
            # In Python: json_extract in this query took four times as long (measured).
            time = json.loads(record.payload)["time"]
            return not time["synchronised"] or first <= time["utc"] < last

        return [record for record in self.of_kinds(person, kinds) if may_be_within(record)]

    def one(self, person: str, record_id: str) -> Record | None:
        """The person's record of that id; None also when the record names somebody else."""
        found = self._rows(person, "AND id = ? ORDER BY seq LIMIT 1", record_id)
        return found[0] if found else None

    def time_correction_of(self, record: Record) -> Envelope | None:
        """The `time_correction` that says when a record of an unsynchronised clock really was.

        It is of the same boot and not before the record; None while there is none. Numbers are no
        help, since a resumption gives others.
        """
        time, after = record.content().time, record.seq
        while found := noted(self._database, TimeCorrection.kind, after, 1):
            content = found[0].content()
            if content.time.boot != time.boot:
                return None
            synchronised = content.body.get("reason") == "synchronised"
            if synchronised and content.time.monotonic_ns >= time.monotonic_ns:
                return content
            after = found[0].seq
        return None

    def _newest_first(self, person: str, kinds: Sequence[str]) -> Iterator[Record]:
        below, more = 2**62, True
        while more:
            more_of_it = f"AND {_one_of(kinds)} AND seq < ? ORDER BY seq DESC LIMIT {_PAGE}"
            page = self._rows(person, more_of_it, *kinds, below)
            yield from page
            more = len(page) == _PAGE
            below = page[-1].seq if page else 0

    def _rows(self, person: str, rest: str, *parameters: Value) -> list[Record]:
        query = f"SELECT {COLUMNS} FROM records WHERE {PERSON_OF_PAYLOAD} = ? AND {_KEPT} {rest}"  # noqa: S608
        return self._database.rows(query, (person_number(person), *parameters), Record)


def _one_of(kinds: Sequence[str]) -> str:
    return f"kind IN ({', '.join('?' * len(kinds))})"
