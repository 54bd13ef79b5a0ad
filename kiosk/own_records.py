"""A person's own records: what counts of a day or month, and what they object to or confirm.

- Each function is about one person, whom the caller has identified, and reads only records that
  name this person: by the index (`store.own_records`), not by leaving out what others have.
- A day is a local day of the terminal's zone (`kiosk.local_days`). A punch stands on the day that
  counts, and, where a correction moved it, also on the day on which it was recorded.
- A punch made before the clock was right happened when its time correction says: the correction's
  own time less what the monotonic clock of the boot ran meanwhile. Without one it stands where the
  wrong clock put it, and is not `sure`.
- Days before the retention period are refused, whether or not their records are still there.
- Disputes and confirmations are records. Nothing here changes one, or says that another person's is
  there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from kiosk.errors import NotYoursError, OwnRecordsError
from kiosk.local_days import Span, days_of_month, local_day, span_of_day, span_of_month
from kiosk.settings import Settings
from kiosk.stores import Stores
from store.counting import Entry, Told, what_counts
from store.ledger import Ledger, Record
from store.own_records import OwnRecords
from store.records import (
    Answer,
    Correction,
    DeclaredPunch,
    Dispute,
    Instant,
    MonthConfirmed,
    Punch,
    Repeat,
)

Claim = Literal["wrong_time", "wrong_direction", "not_me", "missing", "other"]
State = Literal["open", "approved", "refused"]
# A month has fewer working days: who disputes more than every day at once talks to somebody.
MAX_OPEN = 31
_MAX_REASON = 1000  # characters, as in the record
_ASKED = (DeclaredPunch.kind, Dispute.kind, Answer.kind)


@dataclass(frozen=True, slots=True)
class Asked:
    """A dispute or a declared punch: its record's id, what it says, when, and the answer to it."""

    id: str
    utc: datetime
    body: Dispute | DeclaredPunch
    answer: Answer | None

    @property
    def state(self) -> State:
        """Whether headquarters has decided, and how."""
        return "open" if self.answer is None else self.answer.outcome


@dataclass(frozen=True, slots=True)
class Day:
    """A local day. `unsure` are the ids of punches whose time only a wrong clock tells.

    `repeats` are the records of who came again within the repeat window: they count for nothing.
    """

    day: date
    entries: tuple[Entry, ...]
    repeats: tuple[Told, ...]
    asked: tuple[Asked, ...]
    unsure: frozenset[str]


@dataclass(frozen=True, slots=True)
class Month:
    """A month (YYYY-MM): the punches that count, by their time, and the others of it.

    `digest` is the SHA-256 of the ids of those that count, in this order, joined by newlines.
    `confirmed`: when the person confirmed it, None if never; `holds`: what was confirmed is what
    counts now.
    """

    month: str
    counted: tuple[Entry, ...]
    cancelled: tuple[Entry, ...]
    digest: str
    confirmed: datetime | None
    holds: bool


class MyRecords:
    """Reads and appends with connections of this thread.

    `zone` is the terminal's IANA zone, `kept_days` the retention policy for punches. Every method
    raises `store.errors.StoreError`, and `InvalidValueError` for what is no number.
    """

    def __init__(self, ledger: Ledger, own: OwnRecords, zone: str, kept_days: int) -> None:
        self._ledger = ledger
        self._own = own
        self._zone = ZoneInfo(zone)
        self._kept_days = kept_days

    def oldest_day(self, now: Instant) -> date:
        """The first local day of the retention period."""
        return local_day(now.utc - timedelta(days=self._kept_days), self._zone)

    def oldest_month(self, now: Instant) -> str:
        """The first month (YYYY-MM) of which all days are in the retention period."""
        oldest = self.oldest_day(now)
        month = f"{oldest:%Y-%m}"
        return month if oldest.day == 1 else f"{days_of_month(month)[1]:%Y-%m}"

    def day(self, person: str, day: date, now: Instant) -> Day:
        """The person's punches of a local day, and what they asked about it.

        Raises `OwnRecordsError` "not_kept", "no_day".
        """
        span = self._span(day, now)
        entries, unsure = self._entries(person, span)
        again = self._told(self._own.between(person, (Repeat.kind,), span.start, span.end))
        repeats = tuple(one for one in again if span.holds(one.utc))
        asked = tuple(one for one in self.asked(person) if _concerns(one, day, span))
        return Day(day, entries, repeats, asked, unsure)

    def month(self, person: str, month: str, now: Instant) -> Month:
        """The person's punches of a month. Raises `OwnRecordsError` "not_kept", "no_day"."""
        span = self._span_of_month(month, now)
        entries, _ = self._entries(person, span)
        counted = tuple(e for e in entries if e.counts is not None and span.holds(e.counts.utc))
        digest = digest_of(counted)
        confirmed = [
            (one.utc, one.body.digest)
            for one in self._told(self._own.of_kinds(person, (MonthConfirmed.kind,)))
            if isinstance(one.body, MonthConfirmed) and one.body.month == month
        ]
        return Month(
            month,
            counted,
            tuple(e for e in entries if e.cancelled),
            digest,
            confirmed[-1][0] if confirmed else None,
            bool(confirmed) and confirmed[-1][1] == digest,
        )

    def asked(self, person: str) -> list[Asked]:
        """Every dispute and declared punch of the person, oldest first, with its answer."""
        told = self._told(self._own.of_kinds(person, _ASKED))
        answers: dict[str, Answer] = {}
        for one in told:
            if isinstance(one.body, Answer):
                answers.setdefault(one.body.answers, one.body)
        return [
            Asked(one.id, one.utc, one.body, answers.get(one.id))
            for one in told
            if isinstance(one.body, Dispute | DeclaredPunch)
        ]

    def dispute(
        self,
        person: str,
        day: date,
        claim: Claim,
        reason: str,
        now: Instant,
        *,
        about: str | None = None,
        should_be: datetime | None = None,
    ) -> Record:
        """The person says that a punch of the day (`about`), or a missing one, is wrong.

        Returns the dispute's record once it is on disk. Raises `NotYoursError` for an id that is
        not of one of the person's punches of the day, and `OwnRecordsError`: "no_claim" when the
        words do not fit, "disputed_already", "too_many", "not_kept", "no_day".
        """
        reason = reason.strip()
        if not 1 <= len(reason) <= _MAX_REASON:
            raise OwnRecordsError("no_claim", f"say why, in 1 to {_MAX_REASON} characters")
        if (about is None) != (claim == "missing") and claim != "other":
            raise OwnRecordsError(
                "no_claim", 'a missing punch has no id, any other claim but "other" needs one'
            )
        entries = self.day(person, day, now).entries
        if about is not None and about not in {entry.id for entry in entries}:
            raise NotYoursError
        body = Dispute(
            person=person,
            about=about,
            day=day.isoformat(),
            claim=claim,
            should_be=should_be,
            reason=reason,
        )
        # Declared punches are not among them: anybody may declare one under another's number.
        waiting = [
            one.body
            for one in self.asked(person)
            if one.state == "open" and isinstance(one.body, Dispute)
        ]
        if any(_same(one, body) for one in waiting):
            raise OwnRecordsError("disputed_already", "this is disputed already and not answered")
        if len(waiting) >= MAX_OPEN:
            raise OwnRecordsError("too_many", f"{MAX_OPEN} disputes wait for an answer already")
        return self._ledger.append(body, now)

    def confirm_month(self, person: str, month: str, digest: str, now: Instant) -> Record | None:
        """The person confirms the month whose `digest` they were shown; None if they had before.

        Raises `OwnRecordsError`: "month_changed" when something else counts by now,
        "month_goes_on", "disputes_open" while one of the month waits, "not_kept", "no_day".
        """
        span = self._span_of_month(month, now)
        if span.end > now.utc:
            raise OwnRecordsError("month_goes_on", f"{month} is not over")
        if any(
            one.state == "open" and isinstance(one.body, Dispute) and one.body.day[:7] == month
            for one in self.asked(person)
        ):
            raise OwnRecordsError("disputes_open", "a dispute of this month is not answered yet")
        shown = self.month(person, month, now)
        if shown.digest != digest:
            raise OwnRecordsError("month_changed", f"{month} has changed; look at it once more")
        if shown.holds:
            return None
        body = MonthConfirmed(
            person=person, month=month, punches=len(shown.counted), digest=shown.digest
        )
        return self._ledger.append(body, now)

    def _span(self, day: date, now: Instant) -> Span:
        try:
            span = span_of_day(day, self._zone)
        except OverflowError:
            raise OwnRecordsError("no_day", f"{day} is no day of a calendar here") from None
        if day < self.oldest_day(now):
            raise OwnRecordsError(
                "not_kept",
                f"records are kept here for {self._kept_days} days; headquarters has more",
            )
        return span

    def _span_of_month(self, month: str, now: Instant) -> Span:
        try:
            self._span(days_of_month(month)[0], now)
            return span_of_month(month, self._zone)
        except (ValueError, OverflowError) as error:
            if isinstance(error, OwnRecordsError):
                raise
            raise OwnRecordsError("no_day", f"{month!r} is no month, as 2026-11") from None

    def _entries(self, person: str, span: Span) -> tuple[tuple[Entry, ...], frozenset[str]]:
        """The punches that count or were recorded within, and the ids of those not sure."""
        records = self._own.between(person, (Punch.kind,), span.start, span.end)
        corrections = self._own.of_kinds(person, (Correction.kind,))
        here = {record.id for record in records}
        for wanted in _moved_into(span, self._told(corrections)):
            moved = None if wanted in here else self._own.one(person, wanted)
            if moved is not None and moved.kind == Punch.kind:
                records.append(moved)
                here.add(moved.id)
        told = self._told(sorted([*records, *corrections], key=lambda record: record.seq))
        unsure = frozenset(record.id for record in records if right_time(self._own, record) is None)
        entries = tuple(
            entry
            for entry in what_counts(told)
            if span.holds(entry.stands.utc) or span.holds(entry.was.utc)
        )
        return entries, unsure & {entry.id for entry in entries}

    def _told(self, records: Iterable[Record]) -> list[Told]:
        found = []
        for record in records:
            content = record.content()
            body = content.known_body()
            if body is not None:
                utc = right_time(self._own, record) or content.time.utc
                found.append(Told(record.id, record.seq, utc, body))
        return found


def my_records(stores: Stores, settings: Settings) -> MyRecords:
    """What the settings and the stores of this thread make it."""
    own, kept = OwnRecords(stores.ledger_db), settings.retention.punches_days
    return MyRecords(stores.ledger, own, settings.terminal.zone, kept)


def digest_of(counted: Sequence[Entry]) -> str:
    """SHA-256, in hex, of the ids of punches that count, in their order, joined by newlines."""
    return hashlib.sha256("\n".join(entry.id for entry in counted).encode()).hexdigest()


def right_time(own: OwnRecords, record: Record) -> datetime | None:
    """When the record happened; None when only a clock that was not right tells."""
    time = record.content().time
    if time.synchronised:
        return time.utc
    correction = own.time_correction_of(record)
    if correction is None:
        return None
    passed_ns = correction.time.monotonic_ns - time.monotonic_ns
    try:
        return correction.time.utc - timedelta(microseconds=passed_ns // 1000)
    except OverflowError:
        return None


def _moved_into(span: Span, corrections: Iterable[Told]) -> list[str]:
    """The ids of what was corrected to a time within."""
    bodies = [one.body for one in corrections if isinstance(one.body, Correction)]
    return [body.corrects for body in bodies if body.corrects and body.utc and span.holds(body.utc)]


def _concerns(one: Asked, day: date, span: Span) -> bool:
    if isinstance(one.body, Dispute):
        return one.body.day == day.isoformat()
    return span.holds(one.utc)


def _same(one: Dispute, other: Dispute) -> bool:
    return (one.about, one.day, one.claim, one.should_be) == (
        other.about,
        other.day,
        other.claim,
        other.should_be,
    )
